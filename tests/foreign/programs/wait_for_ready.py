"""wait_for_ready: RPCs before there is a server"""

import socket
from concurrent import futures

import grpc
from service import service, start, stub

reserved = socket.socket()  # bound and not listening: it refuses, and nobody else gets the port
reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
reserved.bind(("127.0.0.1", 0))
port = reserved.getsockname()[1]
with grpc.insecure_channel(f"localhost:{port}") as channel:
    try:
        stub(channel, "unary_unary")("x", wait_for_ready=False)
    except grpc.RpcError as error:
        print(error.code().name)
    waiting = stub(channel, "unary_unary").future("x", wait_for_ready=True)
    print(waiting.done())
    server = grpc.server(futures.ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 1),))
    server.add_generic_rpc_handlers(
        (service(Call=("unary_unary", lambda request, context: f"{request}, at last")),)
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print(waiting.result())
server.stop(None).wait()
