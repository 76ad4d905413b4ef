"""interceptors with asyncio: a client's that adds metadata and tries again, a server's that refuses"""

import grpc
from service import failure, run, service, start_aio, stub


class Sign(grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation, details, request):
        call = await continuation(details, request)
        if await call.code() is grpc.StatusCode.UNAUTHENTICATED:
            print("once more, signed")
            metadata = grpc.aio.Metadata(*(details.metadata or ()), ("signed", "yes"))
            call = await continuation(details._replace(metadata=metadata), request)
        return call


class Check(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation, details):
        if ("signed", "yes") in details.invocation_metadata:
            return await continuation(details)

        async def refuse(request, context):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "not signed")

        return grpc.unary_unary_rpc_method_handler(refuse)


async def echo(request, context):
    return request


async def main():
    server, port = await start_aio(service(Call=("unary_unary", echo)), interceptors=(Check(),))
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        try:
            await stub(channel, "unary_unary")("x")
        except grpc.aio.AioRpcError as error:
            print(failure(error))
    async with grpc.aio.insecure_channel(f"localhost:{port}", interceptors=[Sign()]) as channel:
        print(await stub(channel, "unary_unary")("x"))
    await server.stop(None)


run(main)
