"""helloworld: a unary RPC, several times on one channel"""

import grpc
from service import service, start, stub

server, port = start(service(Call=("unary_unary", lambda request, context: f"Hello, {request}!")))
with grpc.insecure_channel(f"localhost:{port}") as channel:
    for name in ("you", "me", "everybody"):
        print(stub(channel, "unary_unary")(name))
    response, call = stub(channel, "unary_unary").with_call("with call")
    print(response, call.code(), call.details())
server.stop(None).wait()
