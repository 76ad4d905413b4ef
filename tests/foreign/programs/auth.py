"""call credentials and a context's peer, auth context and invocation metadata"""

import grpc
from service import service, start, stub


class Token(grpc.AuthMetadataPlugin):
    def __call__(self, context, callback):
        callback((("authorization", "Bearer x"),), None)


def who(request, context):
    told = dict(context.invocation_metadata())
    return f"{context.peer().partition(':')[0]} {told.get('authorization')} {context.peer_identities()}"


server, port = start(service(Call=("unary_unary", who)))
secure = server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())
with grpc.secure_channel(
    f"127.0.0.1:{secure}",
    grpc.composite_channel_credentials(
        grpc.local_channel_credentials(), grpc.metadata_call_credentials(Token())
    ),
) as channel:
    try:
        print(stub(channel, "unary_unary")("x"))
    except grpc.RpcError as error:
        print(error.code().name)
with grpc.insecure_channel(f"localhost:{port}") as channel:
    print(stub(channel, "unary_unary")("x"))
server.stop(None).wait()
