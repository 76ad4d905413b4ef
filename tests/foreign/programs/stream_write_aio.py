"""asyncio streams by write(), done_writing() and read()"""

import grpc
from service import run, service, start_aio, stub


async def record(requests, context):
    return f"{len([one async for one in requests])} points"


async def chat(requests, context):
    async for request in requests:
        yield f"{request}, too"


async def main():
    server, port = await start_aio(
        service(Record=("stream_unary", record), Chat=("stream_stream", chat))
    )
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        call = stub(channel, "stream_stream", "Chat")()
        for word in ("hi", "ho"):
            await call.write(word)
            print(await call.read())
        await call.done_writing()
        print(await call.read() is grpc.aio.EOF, (await call.code()).name)
        call = stub(channel, "stream_unary", "Record")()
        await call.write("a")
        await call.write("b")
        await call.done_writing()
        print(await call)
    await server.stop(None)


run(main)
