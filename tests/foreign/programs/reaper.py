"""a program that waits for any child until there is none, its channel still open"""

import os
import signal
import sys

import grpc
from resolving import target
from service import service, start, stub

signal.signal(signal.SIGALRM, lambda *_: (print("still waiting", flush=True), os._exit(9)))

workers = {}
for code in (3, 4):
    pid = os.fork()
    if pid == 0:
        os._exit(code)
    workers[pid] = code
server, port = start(service(Call=("unary_unary", lambda request, context: request)))
name = target(port)
channel = grpc.insecure_channel(name)
print(stub(channel, "unary_unary")("x"))
codes = []
signal.alarm(30)
try:
    while True:
        pid, status = os.wait()
        codes.append(os.waitstatus_to_exitcode(status))
except ChildProcessError:
    print(sorted(codes))
signal.alarm(0)
channel.close()
server.stop(None).wait()
sys.exit(5)
