"""what an asyncio server rejects before its handlers"""

import grpc
from service import encode, run, start_aio


def unreadable(data):
    raise ValueError("cannot be read")


async def number(request, context):
    return 1


async def main():
    handlers = {
        "Unreadable": grpc.unary_unary_rpc_method_handler(number, request_deserializer=unreadable),
        "Unwritable": grpc.unary_unary_rpc_method_handler(number, response_serializer=encode),
    }
    server, port = await start_aio(grpc.method_handlers_generic_handler("other.Service", handlers))
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        for method in ("Unreadable", "Unwritable", "None"):
            try:
                await channel.unary_unary(f"/other.Service/{method}")(b"x")
            except grpc.aio.AioRpcError as error:
                print(error.code().name)
    await server.stop(None)


run(main)
