"""metadata with asyncio: text and binary, there and back, initial and trailing"""

import grpc
from service import pairs, run, service, start_aio, stub


async def echo(request, context):
    told = [(key, value) for key, value in context.invocation_metadata() if key.startswith("app-")]
    await context.send_initial_metadata(told)
    context.set_trailing_metadata((("checksum-bin", b"\x00\xff"), ("retry", "no"), ("retry", "never")))
    return str(len(told))


async def main():
    server, port = await start_aio(service(Call=("unary_unary", echo)))
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        for given in (
            (("app-id", "1"), ("app-id", "2"), ("app-token-bin", b"\x01\x02")),
            grpc.aio.Metadata(("app-id", "3")),
        ):
            call = stub(channel, "unary_unary")("x", metadata=given)
            print(await call, pairs(await call.initial_metadata()), pairs(await call.trailing_metadata()))
            print(list(given))
    await server.stop(None)


run(main)
