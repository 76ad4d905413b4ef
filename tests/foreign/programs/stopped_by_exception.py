"""a program that ends by an exception, its channel and its server left open"""

import grpc
from service import service, start, stub

server, port = start(service(Call=("unary_unary", lambda request, context: request)))
channel = grpc.insecure_channel(f"localhost:{port}")
print(stub(channel, "unary_unary")("x"))
raise SystemExit("gave up")
