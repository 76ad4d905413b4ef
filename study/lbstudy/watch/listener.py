"""An OTLP/gRPC receiver that stores nothing: each request is read at once, in the event loop."""

import time
from collections.abc import Callable
from typing import Final

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from lbstudy.platform.interface import PlatformError

_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # a port in use must be an error, not a share of another program's telemetry
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)
# requests at a time; more wait at their exporter or are refused, so that memory is bounded
_AT_ONCE: Final = 8

Take = Callable[[ExportTraceServiceRequest, float], None]


class SpanListener:
    """Receives what OTLP exporters send.

    Args:
        where: "HOST:PORT" to listen at; port 0 is any free one.
        take: called with each request, and when it came, in s since the Unix epoch.
    """

    def __init__(self, where: str, take: Take) -> None:
        self._where = where
        self._take = take
        self._server: grpc.aio.Server | None = None
        self.requests = 0

    async def start(self) -> str:
        """Listen; returns "HOST:PORT". Raises PlatformError if it cannot."""
        server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=_AT_ONCE)
        # opentelemetry-proto has no types for its gRPC parts.
        add_TraceServiceServicer_to_server(_Traces(self), server)  # type: ignore[no-untyped-call]
        try:
            port = server.add_insecure_port(self._where)
        except RuntimeError as error:
            raise PlatformError(f"{self._where}: cannot listen there for spans: in use?") from error
        await server.start()
        self._server = server
        return f"{self._where.rpartition(':')[0]}:{port}"

    async def aclose(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.stop(0)
            self._server = None

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Pass a request on."""
        self.requests += 1
        self._take(request, time.time())


class _Traces(TraceServiceServicer):
    def __init__(self, listener: SpanListener) -> None:
        self._listener = listener

    async def Export(  # noqa: N802 - the service's name for it
        self,
        request: ExportTraceServiceRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - the service's signature
    ) -> ExportTraceServiceResponse:
        self._listener.take(request)
        return ExportTraceServiceResponse()
