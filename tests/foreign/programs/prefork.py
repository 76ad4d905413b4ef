"""a master that forks workers and ends them by SIGTERM, as gunicorn does"""

import os
import signal
import socket
import sys
from concurrent import futures

import grpc
from service import service, stub


def work(port, ready):
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(server.stop(5)))
    server = grpc.server(futures.ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 1),))
    server.add_generic_rpc_handlers((service(Call=("unary_unary", lambda request, context: request[::-1])),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    os.write(ready, b".")
    server.wait_for_termination()
    ended[0].wait()
    os._exit(7)


with socket.socket() as reserved:
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", 0))
    port = reserved.getsockname()[1]
    hear, ready = os.pipe()
    workers = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            work(port, ready)
        workers.append(pid)
    os.close(ready)
    heard = b""
    while len(heard) < len(workers):
        heard += os.read(hear, 1)
with grpc.insecure_channel(f"localhost:{port}") as channel:
    print(stub(channel, "unary_unary")("abc"))
for pid in workers:
    os.kill(pid, signal.SIGTERM)
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers])
sys.stdout.flush()
