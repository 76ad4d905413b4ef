"""asyncio on uvloop: unary and stream"""

import grpc
import uvloop
from service import service, start_aio, stub


async def hello(request, context):
    return f"Hello, {request}!"


async def count(request, context):
    for n in range(3):
        yield str(n)


async def main():
    server, port = await start_aio(service(Hello=("unary_unary", hello), Count=("unary_stream", count)))
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        print(await stub(channel, "unary_unary", "Hello")("you"))
        print([one async for one in stub(channel, "unary_stream", "Count")("")])
    await server.stop(None)


uvloop.run(main())
