"""errors: details, a rich status in trailing metadata, set_code, abort_with_status, an exception"""

import collections

import grpc
from service import failure, pairs, service, start, stub

Status = collections.namedtuple("Status", "code details trailing_metadata")


class Rich(Status, grpc.Status):
    pass


def fail(request, context):
    if request == "abort":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")
    if request == "status":
        context.abort_with_status(Rich(grpc.StatusCode.RESOURCE_EXHAUSTED, "quota", (("why", "quota"),)))
    if request == "set":
        context.set_code(grpc.StatusCode.NOT_FOUND)
        context.set_details("no such thing")
        context.set_trailing_metadata((("why-bin", b"\x08\x05"),))
        return "not heard"
    raise ValueError("a bug")


def fail_later(request, context):
    yield "one"
    fail(request, context)


server, port = start(service(One=("unary_unary", fail), Many=("unary_stream", fail_later)))
with grpc.insecure_channel(f"localhost:{port}") as channel:
    for request in ("abort", "status", "set", "raise"):
        try:
            print(stub(channel, "unary_unary", "One")(request))
        except grpc.RpcError as error:
            print(failure(error), pairs(error.trailing_metadata()))
        try:
            for one in stub(channel, "unary_stream", "Many")(request):
                print(one)
        except grpc.RpcError as error:
            print(failure(error), pairs(error.trailing_metadata()))
server.stop(None).wait()
