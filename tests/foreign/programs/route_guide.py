"""route_guide: the four kinds of RPC, and what a call tells"""

import grpc
from service import pairs, service, start, stub


def get_feature(request, context):
    context.set_trailing_metadata((("found", "yes"),))
    return f"feature at {request}"


def list_features(request, context):
    context.send_initial_metadata((("count", request),))
    for n in range(int(request)):
        yield f"feature {n}"


def record_route(requests, context):
    return f"{sum(1 for _ in requests)} points"


def route_chat(requests, context):
    for request in requests:
        yield f"{request}, too"


server, port = start(
    service(
        GetFeature=("unary_unary", get_feature),
        ListFeatures=("unary_stream", list_features),
        RecordRoute=("stream_unary", record_route),
        RouteChat=("stream_stream", route_chat),
    )
)
with grpc.insecure_channel(f"localhost:{port}") as channel:
    response, call = stub(channel, "unary_unary", "GetFeature").with_call("1,2")
    print(response, pairs(call.trailing_metadata()))
    features = stub(channel, "unary_stream", "ListFeatures")("3")
    print(list(features))
    print(stub(channel, "stream_unary", "RecordRoute")(iter("abcd")))
    print(list(stub(channel, "stream_stream", "RouteChat")(iter(["hi", "ho"]))))
server.stop(None).wait()
