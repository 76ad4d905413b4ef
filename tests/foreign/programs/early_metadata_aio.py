"""a subscription with asyncio that the server confirms by initial metadata, after a while"""

import asyncio

import grpc
from service import pairs, run, service, start_aio, stub


async def subscribe(request, context):
    await asyncio.sleep(1.3)
    await context.send_initial_metadata((("subscribed", request),))
    yield "first"


async def main():
    server, port = await start_aio(service(Call=("unary_stream", subscribe)))
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        call = stub(channel, "unary_stream")("news")
        print(pairs(await call.initial_metadata()))
        print([one async for one in call])
    await server.stop(None)


run(main)
