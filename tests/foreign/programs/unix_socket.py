"""a Unix socket and local credentials in place of TCP"""

import tempfile
from concurrent import futures

import grpc
from service import service, stub

with tempfile.TemporaryDirectory() as folder:
    address = f"unix:{folder}/socket"
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((service(Call=("unary_unary", lambda request, context: request)),))
    server.add_secure_port(address, grpc.local_server_credentials(grpc.LocalConnectionType.UDS))
    server.start()
    with grpc.secure_channel(address, grpc.local_channel_credentials(grpc.LocalConnectionType.UDS)) as channel:
        print(stub(channel, "unary_unary")("x"))
    server.stop(None).wait()
