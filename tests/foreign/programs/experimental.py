"""the experimental API: RPCs without a channel, grpc.experimental"""

import warnings

import grpc
import grpc.experimental
from service import NAME, failure, service, start

warnings.simplefilter("ignore")


def count(request, context):
    yield from request


server, port = start(
    service(
        One=("unary_unary", lambda request, context: request.upper()),
        Many=("unary_stream", count),
        Chat=("stream_stream", lambda requests, context: (request * 2 for request in requests)),
        Join=("stream_unary", lambda requests, context: "".join(requests)),
    )
)
where = {"target": f"localhost:{port}", "insecure": True}
how = {"request_serializer": str.encode, "response_deserializer": bytes.decode}
print(grpc.experimental.unary_unary("x", method=f"/{NAME}/One", **where, **how))
print(list(grpc.experimental.unary_stream("ab", method=f"/{NAME}/Many", **where, **how)))
print(grpc.experimental.stream_unary(iter("ab"), method=f"/{NAME}/Join", **where, **how))
print(list(grpc.experimental.stream_stream(iter("ab"), method=f"/{NAME}/Chat", **where, **how)))
try:
    grpc.experimental.unary_unary("x", method=f"/{NAME}/None", **where, **how)
except grpc.RpcError as error:
    print(failure(error))
server.stop(None).wait()
