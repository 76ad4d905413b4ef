"""a client's call.time_remaining() with asyncio"""

import grpc
from service import run, service, start_aio, stub


async def one(request, context):
    return request


async def many(request, context):
    yield request


async def main():
    server, port = await start_aio(service(One=("unary_unary", one), Many=("unary_stream", many)))
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        for timeout in (60, None):
            call = stub(channel, "unary_unary", "One")("x", timeout=timeout)
            left = call.time_remaining()
            print(left is None if timeout is None else 0 < left <= 60, await call)
            stream = stub(channel, "unary_stream", "Many")("x", timeout=timeout)
            left = stream.time_remaining()
            print(left is None if timeout is None else 0 < left <= 60, [one async for one in stream])
    await server.stop(None)


run(main)
