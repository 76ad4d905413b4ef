"""a pool of 50 equal channels: the connections and the descriptors that they take"""

import grpc
from facts import connections, settled_descriptors
from resolving import target
from service import service, start, stub

server, port = start(service(Call=("unary_unary", lambda request, context: request)))
name = target(port)


def open_one():
    channel = grpc.insecure_channel(name)
    stub(channel, "unary_unary")("x")
    return channel


channels = [open_one() for _ in range(25)]
print("connections:", connections(port))
before = settled_descriptors(10**6)
channels += [open_one() for _ in range(25)]
print("connections:", connections(port))
print("descriptors of 25 more:", settled_descriptors(before) - before)
for channel in channels:
    channel.close()
server.stop(None).wait()
