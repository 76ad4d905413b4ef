"""timeout with asyncio: a deadline that strikes, unary and stream"""

import asyncio

import grpc
from service import failure, run, service, start_aio, stub


async def slow(request, context):
    await asyncio.Event().wait()


async def drip(request, context):
    yield "one"
    await asyncio.Event().wait()


async def main():
    server, port = await start_aio(service(Slow=("unary_unary", slow), Drip=("unary_stream", drip)))
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        await channel.channel_ready()
        try:
            await stub(channel, "unary_unary", "Slow")("", timeout=0.5)
        except grpc.aio.AioRpcError as error:
            print(failure(error))
        call = stub(channel, "unary_stream", "Drip")("", timeout=5)
        try:
            async for one in call:
                print(one)
        except grpc.aio.AioRpcError as error:
            print(error.code().name)
    await server.stop(None)


run(main)
