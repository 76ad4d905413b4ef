"""timeout: a deadline that strikes, and what server and client see of it"""

import threading

import grpc
from service import failure, service, start, stub

stopped = threading.Event()


def slow(request, context):
    print("server has time left:", 0 < context.time_remaining() < 2 * float(request))
    if context.add_callback(stopped.set):  # else it is over already
        stopped.wait()
    stopped.set()
    return "late"


server, port = start(service(Call=("unary_unary", slow)))
with grpc.insecure_channel(f"localhost:{port}") as channel:
    grpc.channel_ready_future(channel).result()
    try:
        stub(channel, "unary_unary")("5", timeout=5)
    except grpc.RpcError as error:
        print(failure(error))
    stopped.wait()
server.stop(None).wait()
