"""a sync stream's own methods: initial_metadata(), code(), details(), is_active()"""

import grpc
from service import pairs, service, start, stub


def count(request, context):
    context.send_initial_metadata((("first", "yes"),))
    yield from ("a", "b")
    context.set_trailing_metadata((("last", "yes"),))


server, port = start(service(Call=("unary_stream", count)))
with grpc.insecure_channel(f"localhost:{port}") as channel:
    call = stub(channel, "unary_stream")("")
    print(pairs(call.initial_metadata()))
    print(list(call))
    print(call.code().name, repr(call.details()), pairs(call.trailing_metadata()))
    print(call.is_active())
server.stop(None).wait()
