"""a graceful stop by SIGTERM: RPCs in flight end, new ones are refused, the exit code is the program's"""

import os
import signal
import sys
import threading

import grpc
from service import service, start, stub

busy, release, stopping = threading.Event(), threading.Event(), threading.Event()


def work(request, context):
    busy.set()
    release.wait()
    return "done"


server, port = start(service(Call=("unary_unary", work)))
stopped = []


def terminate(*_):
    stopped.append(server.stop(30))
    stopping.set()


signal.signal(signal.SIGTERM, terminate)
with grpc.insecure_channel(f"localhost:{port}") as channel:
    call = stub(channel, "unary_unary").future("x")
    busy.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    stopping.wait()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as another:
        try:
            stub(another, "unary_unary")("x")
        except grpc.RpcError as error:
            print(error.code().name)
    release.set()
    print(call.result())
stopped[0].wait()
print("stopped")
sys.exit(3)
