"""helloworld's server, without a word of telemetry: it listens on the address of its first argument.

It says on which port, and when the first call came (s since the Unix epoch), and serves until it is ended. A name
that begins with "x" is refused.
"""

import sys
import threading
import time
from concurrent import futures

import grpc


lock = threading.Lock()
called = False


def say_hello(request: bytes, context: grpc.ServicerContext) -> bytes:
    global called
    with lock:
        if not called:
            called = True
            print(time.time(), flush=True)
    if request.startswith(b"x"):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no name begins with x")
    return b"Hello, " + request


handler = grpc.unary_unary_rpc_method_handler(say_hello)
server = grpc.server(futures.ThreadPoolExecutor(2))
server.add_generic_rpc_handlers(
    [grpc.method_handlers_generic_handler("helloworld.Greeter", {"SayHello": handler})]
)
port = server.add_insecure_port(sys.argv[1])
server.start()
print(port, flush=True)
server.wait_for_termination()
