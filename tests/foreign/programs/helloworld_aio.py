"""helloworld with asyncio: a unary RPC, also many at a time"""

import asyncio

import grpc
from service import run, service, start_aio, stub


async def hello(request, context):
    await asyncio.sleep(0.01)
    return f"Hello, {request}!"


async def main():
    server, port = await start_aio(service(Call=("unary_unary", hello)))
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        call = stub(channel, "unary_unary")
        print(await call("you"))
        print(await asyncio.gather(*(call(str(n)) for n in range(5))))
        one = call("held")
        print(await one, (await one.code()).name, await one.details(), one.done(), one.cancelled())
    await server.stop(None)


run(main)
