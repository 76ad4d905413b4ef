"""a subscription that the server confirms by initial metadata, after a while"""

import threading
import time

import grpc
from service import pairs, service, start, stub

stopped = threading.Event()


def subscribe(request, context):
    time.sleep(1.3)
    context.add_callback(stopped.set)  # first: the client cancels once it has the metadata
    context.send_initial_metadata((("subscribed", request),))
    stopped.wait()
    yield "never"


server, port = start(service(Call=("unary_stream", subscribe)))
with grpc.insecure_channel(f"localhost:{port}") as channel:
    call = stub(channel, "unary_stream")("news")
    print(pairs(call.initial_metadata()))
    call.cancel()
    stopped.wait()
server.stop(None).wait()
