"""The two OTLP services as the forwarder needs them: method, items, and what an answer means. Pure."""

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

# The OTLP specification's; RESOURCE_EXHAUSTED only with a hint of when to try again, which gRPC gives as
# the trailer "google.rpc.retryinfo-bin", and the Collector not at all: without it the request is too large.
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
    method: str  # the full name of the RPC
    rejected: Callable[[bytes], int]  # a response → the items of it that were not taken


def spans_of(request: ExportTraceServiceRequest) -> int:
    """The spans in a request."""
    return sum(len(scoped.spans) for group in request.resource_spans for scoped in group.scope_spans)


def points_of(request: ExportMetricsServiceRequest) -> int:
    """The points of metrics in a request."""
    return sum(
        _points(metric)
        for group in request.resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
    )


def is_worth_a_retry(code: grpc.StatusCode) -> bool:
    """Whether the same request may succeed later (OTLP specification, "OTLP/gRPC response", "Failures")."""
    return code in _RETRYABLE


def refused(code: grpc.StatusCode) -> str:
    """The cause of a loss: the Collector does not want it."""
    return f"refused: {code.name}"


PARTLY: Final = "refused: partial success"
"""Cause of a loss: the Collector took the request, but not all that was in it."""

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
