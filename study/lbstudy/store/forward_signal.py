"""The two OTLP services for the forwarder: method, items, and the meaning of an answer. No I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

# From the OTLP specification. RESOURCE_EXHAUSTED is retried only with a hint of when to try again, which gRPC
# sends in the trailer "google.rpc.retryinfo-bin", and the Collector never sends: without it, the request is
# too large.
_RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


@dataclass(frozen=True, slots=True)
class Signal:
    """Traces, or metrics."""

    name: str
    method: str  # the RPC's full name
    rejected: Callable[[bytes], int]  # a response → the number of items that were refused


def spans_of(request: ExportTraceServiceRequest) -> int:
    """Return the number of spans in a request."""
    return sum(len(scoped.spans) for group in request.resource_spans for scoped in group.scope_spans)


def points_of(request: ExportMetricsServiceRequest) -> int:
    """Return the number of metric points in a request."""
    return sum(
        _points(metric)
        for group in request.resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
    )


def is_worth_a_retry(code: grpc.StatusCode) -> bool:
    """Return whether the same request may succeed later (OTLP specification, "Failures")."""
    return code in _RETRYABLE


def refused(code: grpc.StatusCode) -> str:
    """Return the cause of a loss: the Collector refused it."""
    return f"refused: {code.name}"


PARTLY: Final = "refused: partial success"
"""Cause of a loss: the Collector accepted the request, but not all of it."""

TRACES: Final = Signal(
    "spans",
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    lambda response: ExportTraceServiceResponse.FromString(response).partial_success.rejected_spans,
)
METRICS: Final = Signal(
    "metric points",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    lambda response: ExportMetricsServiceResponse.FromString(response).partial_success.rejected_data_points,
)


def _points(metric: Metric) -> int:
    kind = metric.WhichOneof("data")
    return 0 if kind is None else len(getattr(metric, kind).data_points)
