"""interceptors: a client's that adds metadata, a server's that refuses"""

import collections

import grpc
from service import failure, service, start, stub

Details = collections.namedtuple("Details", "method timeout metadata credentials wait_for_ready compression")


class Sign(
    grpc.UnaryUnaryClientInterceptor, grpc.ClientCallDetails, grpc.UnaryStreamClientInterceptor
):
    def _signed(self, details):
        metadata = [*(details.metadata or ()), ("signed", "yes")]
        return grpc_details(details, metadata)

    def intercept_unary_unary(self, continuation, details, request):
        call = continuation(self._signed(details), request)
        print("answered", call.code().name)
        return call

    def intercept_unary_stream(self, continuation, details, request):
        for message in continuation(self._signed(details), request):
            yield f"seen: {message}"


def grpc_details(details, metadata):
    return Details(
        details.method,
        details.timeout,
        metadata,
        details.credentials,
        details.wait_for_ready,
        details.compression,
    )


class Check(grpc.ServerInterceptor):
    def intercept_service(self, continuation, details):
        if ("signed", "yes") in details.invocation_metadata:
            return continuation(details)
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, "not signed")
        )


def count(request, context):
    yield from "ab"


server, port = start(
    service(One=("unary_unary", lambda request, context: request), Many=("unary_stream", count)),
    interceptors=(Check(),),
)
with grpc.insecure_channel(f"localhost:{port}") as channel:
    try:
        stub(channel, "unary_unary", "One")("x")
    except grpc.RpcError as error:
        print(failure(error))
    signing = grpc.intercept_channel(channel, Sign())
    print(stub(signing, "unary_unary", "One")("x"))
    print(list(stub(signing, "unary_stream", "Many")("x")))
server.stop(None).wait()
