"""errors with asyncio: details, trailing metadata, set_code, an exception"""

import grpc
from service import failure, pairs, run, service, start_aio, stub


async def fail(request, context):
    if request == "abort":
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today", (("why", "closed"),))
    if request == "set":
        context.set_code(grpc.StatusCode.NOT_FOUND)
        context.set_details("no such thing")
        return "not heard"
    raise ValueError("a bug")


async def fail_later(request, context):
    yield "one"
    await fail(request, context)


async def main():
    server, port = await start_aio(service(One=("unary_unary", fail), Many=("unary_stream", fail_later)))
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        for request in ("abort", "set", "raise"):
            try:
                print(await stub(channel, "unary_unary", "One")(request))
            except grpc.aio.AioRpcError as error:
                print(failure(error), pairs(error.trailing_metadata()))
            try:
                async for one in stub(channel, "unary_stream", "Many")(request):
                    print(one)
            except grpc.aio.AioRpcError as error:
                print(failure(error), pairs(error.trailing_metadata()))
    await server.stop(None)


run(main)
