"""30 channels, one after the other, with one RPC each"""

import grpc
from facts import children, connections
from resolving import target
from service import service, start, stub

server, port = start(service(Call=("unary_unary", lambda request, context: request)))
name = target(port)
answers = []
for n in range(30):
    with grpc.insecure_channel(name) as channel:
        answers.append(stub(channel, "unary_unary")(str(n)))
print(answers)
print("children:", children())
server.stop(None).wait()
