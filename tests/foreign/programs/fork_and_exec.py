"""a program with channels that runs other programs meanwhile, and counts what is its own"""

import subprocess
import sys

import grpc
from facts import children
from resolving import target
from service import service, start, stub

server, port = start(service(Call=("unary_unary", lambda request, context: request)))
name = target(port)
with grpc.insecure_channel(name) as channel:
    print(stub(channel, "unary_unary")("x"))
    print("children:", children())
    print(subprocess.run([sys.executable, "-c", "print('another')"], capture_output=True, check=True).stdout)
    print(stub(channel, "unary_unary")("y"))
print("children:", children())
server.stop(None).wait()
