"""cancellation with asyncio: a call, a task that awaits one, and a stream"""

import asyncio

import grpc
from service import run, service, start_aio, stub

began = asyncio.Semaphore(0)
ended = asyncio.Semaphore(0)


async def forever():
    began.release()
    try:
        await asyncio.Event().wait()
    finally:
        ended.release()


async def find(request, context):
    await forever()


async def find_all(request, context):
    yield "one"
    await forever()


async def main():
    server, port = await start_aio(service(Find=("unary_unary", find), FindAll=("unary_stream", find_all)))
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        call = stub(channel, "unary_unary", "Find")("x")
        await began.acquire()
        print(call.cancel(), call.done(), call.cancelled())
        try:
            await call
        except asyncio.CancelledError:
            print("cancelled", (await call.code()).name)
        await ended.acquire()

        async def search():
            return await stub(channel, "unary_unary", "Find")("x")

        task = asyncio.create_task(search())
        await began.acquire()
        task.cancel()
        print((await asyncio.gather(task, return_exceptions=True))[0].__class__.__name__)
        await ended.acquire()

        stream = stub(channel, "unary_stream", "FindAll")("x")
        print(await stream.read())
        await began.acquire()
        print(stream.cancel())
        await ended.acquire()
        print((await stream.code()).name, "the server saw all three")
    await server.stop(None)


run(main)
