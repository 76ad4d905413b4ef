"""metadata: text and binary, there and back, initial and trailing"""

import grpc
from service import pairs, service, start, stub


def echo(request, context):
    told = [pair for pair in context.invocation_metadata() if pair.key.startswith("app-")]
    context.send_initial_metadata(told)
    context.set_trailing_metadata((("checksum-bin", b"\x00\xff"), ("retry", "no"), ("retry", "never")))
    return str(len(told))


server, port = start(service(Call=("unary_unary", echo)))
with grpc.insecure_channel(f"localhost:{port}") as channel:
    given = (("app-id", "1"), ("app-id", "2"), ("app-token-bin", b"\x01\x02"))
    response, call = stub(channel, "unary_unary").with_call("x", metadata=given)
    print(response, pairs(call.initial_metadata()), pairs(call.trailing_metadata()))
    print(given)
server.stop(None).wait()
