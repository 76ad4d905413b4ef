"""what a server rejects before its handlers: too many RPCs, unknown methods, what cannot be read"""

import threading

import grpc
from service import NAME, failure, service, start, stub

busy, release = threading.Event(), threading.Event()


def hold(request, context):
    busy.set()
    release.wait()
    return "held"


def unreadable(data):
    raise ValueError("cannot be read")


handlers = {
    "Unreadable": grpc.unary_unary_rpc_method_handler(lambda request, context: b"", request_deserializer=unreadable),
    "Unwritable": grpc.unary_unary_rpc_method_handler(lambda request, context: 1, response_serializer=str.encode),
}
server, port = start(
    service(Call=("unary_unary", hold)),
    grpc.method_handlers_generic_handler("other.Service", handlers),
    maximum_concurrent_rpcs=1,
)
with grpc.insecure_channel(f"localhost:{port}") as channel:
    first = stub(channel, "unary_unary").future("x")
    busy.wait()
    for method in (f"/{NAME}/Call",):
        try:
            channel.unary_unary(method)(b"x")
        except grpc.RpcError as error:
            print(failure(error))
    release.set()
    print(first.result())
server.stop(None).wait()
server, port = start(grpc.method_handlers_generic_handler("other.Service", handlers))
with grpc.insecure_channel(f"localhost:{port}") as channel:
    for method in ("/other.Service/Unreadable", "/other.Service/Unwritable", "/other.Service/None", "/none/None"):
        try:
            channel.unary_unary(method)(b"x")
        except grpc.RpcError as error:
            print(failure(error))
    try:
        list(channel.unary_stream("/none/None")(b"x"))
    except grpc.RpcError as error:
        print(failure(error))
server.stop(None).wait()
