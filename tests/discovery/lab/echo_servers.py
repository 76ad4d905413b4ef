"""gRPC servers on loopback addresses that answer with their own address."""

import time
from concurrent import futures

import grpc
from grpc_lb_instrumentor.names import METADATA_ASK, METADATA_POD

METHOD = "/lab.Echo/Call"


class EchoServers:
    """Servers at ``address:port``, one port for all; what each answered first is noted in `first`."""

    def __init__(self) -> None:
        self._servers: dict[str, grpc.Server] = {}
        self._pool = futures.ThreadPoolExecutor(8)
        self.first: dict[tuple[str, int], int] = {}  # (address, how many times started) → ns since the epoch
        self.starts: dict[str, int] = {}
        self.port = 0

    def start(self, *addresses: str) -> None:
        for address in addresses:
            self.starts[address] = self.starts.get(address, 0) + 1
            server = grpc.server(
                self._pool,
                options=[("grpc.so_reuseport", 0)],
                handlers=[self._handler(address, self.starts[address])],
            )
            self.port = server.add_insecure_port(f"{address}:{self.port}")
            server.start()
            self._servers[address] = server

    def stop(self, *addresses: str) -> None:
        for address in addresses:
            self._servers.pop(address).stop(0).wait()

    def close(self) -> None:
        self.stop(*list(self._servers))
        self._pool.shutdown()

    def _handler(self, address: str, start: int) -> grpc.GenericRpcHandler:
        def call(request: bytes, context: grpc.ServicerContext) -> bytes:
            # As an instrumented server tells its name.
            if METADATA_ASK in dict(context.invocation_metadata()):
                context.set_trailing_metadata(((METADATA_POD, address),))
            self.first.setdefault((address, start), time.time_ns())
            return address.encode()

        service, _, method = METHOD[1:].partition("/")
        return grpc.method_handlers_generic_handler(
            service, {method: grpc.unary_unary_rpc_method_handler(call)}
        )
