"""An OTLP/gRPC receiver for traces and metrics in front of a store."""

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from lbstudy.store.batch import BatchWriter
from lbstudy.store.database import RunStore
from lbstudy.store.errors import StoreError
from lbstudy.store.live import Arrivals, arrivals
from lbstudy.store.otlp import Decoded, Decoder

OnSpans = Callable[[Sequence[Arrivals]], None]
Forward = Callable[[ExportTraceServiceRequest | ExportMetricsServiceRequest], None]

_THREADS: Final = 128  # requests that wait for their batch at the same time; waiting is cheap
_GRACE: Final = 5.0  # s for requests under way when the receiver stops
_REMEMBERED: Final = 4096  # requests with spans; an exporter repeats one within seconds, if at all
_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # a port in use must be an error, not a share of another program's telemetry
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)


class Receiver:
    """Receives what OTLP exporters send, and answers each request once it is stored, or cannot be.

    OTLP delivers at least once: an exporter that did not get the answer sends the same request again. Its
    spans are stored only once.

    Args:
        store: the store.
        host, port: where to listen; port 0 is any free one.
        on_spans: called with the content of each export, in a thread of the receiver; must be quick.
        forward: called with each request that was stored, to send it on to a Collector.
    """

    def __init__(
        self,
        store: RunStore,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        on_spans: OnSpans | None = None,
        forward: Forward | None = None,
    ) -> None:
        self._address = f"{host}:{port}"
        self._host = host
        self._store = store
        self._on_spans = on_spans
        self._forward = forward
        self._decoder = Decoder()
        self._lock = threading.Lock()
        self._spans: Counter[str] = Counter()
        self._failure: StoreError | None = None
        self._taken: OrderedDict[bytes, None] = OrderedDict()  # digests of the latest requests with spans
        self._writer: BatchWriter | None = None
        self._server: grpc.Server | None = None

    def start(self) -> str:
        """Listen; returns the endpoint, "http://127.0.0.1:PORT". Raises StoreError if it cannot."""
        server = grpc.server(
            ThreadPoolExecutor(_THREADS, thread_name_prefix="lbstudy-otlp"), options=_OPTIONS
        )
        # opentelemetry-proto has no types for its gRPC parts.
        add_TraceServiceServicer_to_server(_Traces(self), server)  # type: ignore[no-untyped-call]
        add_MetricsServiceServicer_to_server(_Metrics(self), server)  # type: ignore[no-untyped-call]
        try:
            port = server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise StoreError(
                f"{self._address}: the OTLP receiver cannot listen there; is the port in use?"
            ) from error
        self._writer = BatchWriter(self._store)
        server.start()
        self._server = server
        return f"http://{self._host}:{port}"

    def stop(self) -> None:
        """Finish requests under way, write everything, and end. May be called twice."""
        if self._server is not None:
            self._server.stop(_GRACE).wait()
            self._server = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    @property
    def spans(self) -> dict[str, int]:
        """Return the spans stored so far, by ``service.name``."""
        with self._lock:
            return dict(self._spans)

    @property
    def failure(self) -> StoreError | None:
        """Why telemetry was lost; None if none was."""
        with self._lock:
            return self._failure

    def take_traces(self, request: ExportTraceServiceRequest) -> str:
        """Store a request with spans; returns why that failed, or ""."""
        digest = hashlib.blake2b(request.SerializeToString(deterministic=True), digest_size=16).digest()
        if self._is_repeated(digest):
            return ""
        decoded = self._decoder.traces(request)
        problem = self._store_now(decoded)
        if problem:
            with self._lock:
                self._taken.pop(digest, None)
        else:
            with self._lock:
                self._spans.update(span.service for span in decoded.spans)
            self._pass_on(request)
            if self._on_spans is not None:
                self._on_spans(arrivals(decoded.spans))
        return problem

    def take_metrics(self, request: ExportMetricsServiceRequest) -> tuple[int, str]:
        """Store a request with metrics; returns the number of points that were not stored, and why."""
        decoded = self._decoder.metrics(request)
        problem = self._store_now(decoded)
        if problem:
            return len(decoded.metrics) + decoded.refused, problem
        self._pass_on(request)
        if decoded.refused:
            return decoded.refused, "exponential histograms and summaries are not stored"
        return 0, ""

    def _is_repeated(self, digest: bytes) -> bool:
        """Return whether a request was received before; note it."""
        with self._lock:
            if digest in self._taken:
                return True
            self._taken[digest] = None
            if len(self._taken) > _REMEMBERED:
                self._taken.popitem(last=False)
            return False

    def _store_now(self, decoded: Decoded) -> str:
        writer = self._writer
        if writer is None:
            return "the receiver has stopped"
        try:
            writer.submit(decoded).result()
        except StoreError as error:
            with self._lock:
                self._failure = self._failure or error
            return str(error)
        return ""

    def _pass_on(self, request: ExportTraceServiceRequest | ExportMetricsServiceRequest) -> None:
        if self._forward is not None:
            self._forward(request)


class _Traces(TraceServiceServicer):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def Export(  # noqa: N802 - the service's name for it
        self,
        request: ExportTraceServiceRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - the service's signature
    ) -> ExportTraceServiceResponse:
        problem = self._receiver.take_traces(request)
        if not problem:
            return ExportTraceServiceResponse()
        rejected = sum(len(scoped.spans) for group in request.resource_spans for scoped in group.scope_spans)
        return ExportTraceServiceResponse(
            partial_success=ExportTracePartialSuccess(rejected_spans=rejected, error_message=problem)
        )


class _Metrics(MetricsServiceServicer):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def Export(  # noqa: N802 - the service's name for it
        self,
        request: ExportMetricsServiceRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - the service's signature
    ) -> ExportMetricsServiceResponse:
        rejected, problem = self._receiver.take_metrics(request)
        if not rejected:
            return ExportMetricsServiceResponse()
        return ExportMetricsServiceResponse(
            partial_success=ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=problem)
        )
