"""a stream without end: read some, cancel, or let go"""

import threading

import grpc
from service import failure, service, start, stub

ended = threading.Semaphore(0)


def numbers(request, context):
    if not context.add_callback(ended.release):  # it is over already
        ended.release()
    n = 0
    while context.is_active():
        yield str(n)
        n += 1


server, port = start(service(Call=("unary_stream", numbers)))
with grpc.insecure_channel(f"localhost:{port}") as channel:
    call = stub(channel, "unary_stream")("")
    for number in call:
        if number == "3":
            print(call.cancel())
            break
    ended.acquire()
    print("the server stopped")
    try:
        for _ in call:
            pass
    except grpc.RpcError as error:
        print(failure(error), call.code().name)
    with_timeout = stub(channel, "unary_stream")("", timeout=2)
    try:
        for _ in with_timeout:
            pass
    except grpc.RpcError as error:
        print(error.code().name)
    ended.acquire()
server.stop(None).wait()
