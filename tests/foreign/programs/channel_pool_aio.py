"""a pool of 50 equal channels with asyncio: the connections and the descriptors that they take"""

import grpc
from facts import connections, settled_descriptors
from resolving import target
from service import run, service, start_aio, stub


async def echo(request, context):
    return request


async def main():
    server, port = await start_aio(service(Call=("unary_unary", echo)))
    name = target(port)

    async def open_one():
        channel = grpc.aio.insecure_channel(name)
        await stub(channel, "unary_unary")("x")
        return channel

    channels = [await open_one() for _ in range(25)]
    print("connections:", connections(port))
    before = settled_descriptors(10**6)
    channels += [await open_one() for _ in range(25)]
    print("connections:", connections(port))
    print("descriptors of 25 more:", settled_descriptors(before) - before)
    for channel in channels:
        await channel.close()
    await server.stop(None)


run(main)
