"""A Collector's OTLP/gRPC services, whose answers a test decides."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tests name this module's types

from lbstudy.store.forward_signal import METRICS, TRACES

Answer = Callable[[grpc.ServicerContext], bytes]


def taken(context: grpc.ServicerContext) -> bytes:
    return b""


class Collector:
    """Takes requests as bytes; answers as ``traces`` and ``metrics`` say, for which it may wait.

    ``came`` is notified of each request, before it is answered.
    """

    def __init__(self) -> None:
        self.traces: Answer = taken
        self.metrics: Answer = taken
        self.got: dict[str, list[bytes]] = {TRACES.method: [], METRICS.method: []}
        self.came = threading.Condition()
        self._server: grpc.Server | None = None
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, the second time on the port of the first."""
        self._server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers([_Handler(self)])
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def wait_for(self, is_enough: Callable[[], bool]) -> None:
        with self.came:
            assert self.came.wait_for(is_enough, 30), "guard"

    def take(self, method: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        with self.came:
            self.got[method].append(request)
            self.came.notify_all()
        return (self.traces if method == TRACES.method else self.metrics)(context)


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        method = str(details.method)

        def take(request: bytes, context: grpc.ServicerContext) -> bytes:
            return self._collector.take(method, request, context)

        return grpc.unary_unary_rpc_method_handler(take)


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def absent() -> Iterator[Collector]:
    """One that is not there yet."""
    made = Collector()
    made.start()
    made.stop()
    yield made
    made.stop()
