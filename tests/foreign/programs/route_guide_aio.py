"""route_guide with asyncio: the four kinds of RPC, by iteration"""

import grpc
from service import pairs, run, service, start_aio, stub


async def get_feature(request, context):
    context.set_trailing_metadata((("found", "yes"),))
    return f"feature at {request}"


async def list_features(request, context):
    for n in range(int(request)):
        yield f"feature {n}"


async def record_route(requests, context):
    return f"{len([one async for one in requests])} points"


async def route_chat(requests, context):
    async for request in requests:
        yield f"{request}, too"


async def points():
    for point in "abcd":
        yield point


async def main():
    server, port = await start_aio(
        service(
            GetFeature=("unary_unary", get_feature),
            ListFeatures=("unary_stream", list_features),
            RecordRoute=("stream_unary", record_route),
            RouteChat=("stream_stream", route_chat),
        )
    )
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        call = stub(channel, "unary_unary", "GetFeature")("1,2")
        print(await call, pairs(await call.trailing_metadata()))
        features = stub(channel, "unary_stream", "ListFeatures")("3")
        print([feature async for feature in features], (await features.code()).name)
        print(await stub(channel, "stream_unary", "RecordRoute")(points()))
        print([one async for one in stub(channel, "stream_stream", "RouteChat")(points())])
    await server.stop(None)


run(main)
