"""OTLP requests as rows of the store. Nothing is stored here, and no request is waited for.

What RPC spans are asked about is promoted to columns; all other attributes stay together as JSON.
"""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from grpc_lb_instrumentor import names
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lbstudy.observation import attributes
from lbstudy.store.jsontext import dumps, finite
from lbstudy.store.rows import MetricRow, ResourceRow, SpanRow

_SCHEDULED: Final = names.RPC_REQUEST_METADATA + attributes.METADATA_SCHEDULED
_KINDS: Final = ("internal", "internal", "server", "client", "producer", "consumer")
_STATUS: Final = ("unset", "ok", "error")
_RPC_SERVICE: Final = "rpc.service"  # set by opentelemetry-instrumentation-grpc
_RPC_SYSTEMS: Final = ("rpc.system", names.RPC_SYSTEM_NAME)


@dataclass(slots=True)
class Decoded:
    """One request's rows, and what of it the store has no place for."""

    resources: list[ResourceRow] = field(default_factory=list)
    spans: list[SpanRow] = field(default_factory=list)
    metrics: list[MetricRow] = field(default_factory=list)
    refused: int = 0  # points of kinds that have no column: exponential histograms and summaries


class Decoder:
    """Turns requests into rows; remembers the resources that it has met. For use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._resources: dict[str, ResourceRow] = {}

    def traces(self, request: ExportTraceServiceRequest) -> Decoded:
        """The rows of a request with spans."""
        decoded = Decoded()
        for group in request.resource_spans:
            resource = self._resource(group.resource, decoded)
            for scoped in group.scope_spans:
                scope = scoped.scope.name
                decoded.spans.extend(_span(span, resource, scope) for span in scoped.spans)
        return decoded

    def metrics(self, request: ExportMetricsServiceRequest) -> Decoded:
        """The rows of a request with metrics."""
        decoded = Decoded()
        for group in request.resource_metrics:
            resource = self._resource(group.resource, decoded)
            for scoped in group.scope_metrics:
                for metric in scoped.metrics:
                    rows = list(_points(metric, resource, scoped.scope.name))
                    decoded.metrics.extend(rows)
                    decoded.refused += _refused(metric)
        return decoded

    def _resource(self, resource: Resource, decoded: Decoded) -> ResourceRow:
        values = _attributes(resource.attributes)
        text = dumps(values)
        with self._lock:
            row = self._resources.get(text)
            if row is None:
                row = ResourceRow(
                    len(self._resources) + 1,
                    str(values.get(attributes.SERVICE_NAME, "")),
                    _text(values.get(attributes.POD_NAME)),
                    _text(values.get(attributes.SETTING)),
                    _text(values.get(attributes.RUN_ID)),
                    text,
                )
                self._resources[text] = row
                decoded.resources.append(row)
        return row


def _span(span: Span, resource: ResourceRow, scope: str) -> SpanRow:
    values = _attributes(span.attributes)
    code = values.pop(names.RPC_GRPC_STATUS_CODE, None)
    channel = values.pop(names.CHANNEL_ID, None)
    scheduled = values.pop(_SCHEDULED, None)
    return SpanRow(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex() or None,
        span.name,
        _KINDS[span.kind] if span.kind < len(_KINDS) else "internal",
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _STATUS[span.status.code] if span.status.code < len(_STATUS) else "unset",
        span.status.message or None,
        resource.service,
        resource.pod,
        resource.setting,
        resource.id,
        scope,
        _method(values),
        code if isinstance(code, int) else None,
        _text(values.pop(names.SERVER_POD, None)),
        channel if isinstance(channel, int) else None,
        _scheduled(scheduled),
        dumps(values),
        dumps([_event(event) for event in span.events]) if span.events else None,
        dumps([_link(link) for link in span.links]) if span.links else None,
    )


def _method(values: dict[str, Any]) -> str | None:
    """The fully qualified method, whether the span follows the old or the stable conventions."""
    if not any(system in values for system in _RPC_SYSTEMS):
        return None
    method = str(values.get(names.RPC_METHOD, ""))
    service = values.get(_RPC_SERVICE)
    return f"{service}/{method}" if service and "/" not in method else method


def _scheduled(value: object) -> int | None:
    first = value[0] if isinstance(value, list) and value else value
    return int(first) if isinstance(first, str) and first.isdecimal() and len(first) < 20 else None


def _event(event: Span.Event) -> dict[str, Any]:
    return {
        "name": event.name,
        "time_unix_nano": event.time_unix_nano,
        "attributes": _attributes(event.attributes),
    }


def _link(link: Span.Link) -> dict[str, Any]:
    return {
        "trace_id": link.trace_id.hex(),
        "span_id": link.span_id.hex(),
        "attributes": _attributes(link.attributes),
    }


def _points(metric: Metric, resource: ResourceRow, scope: str) -> Iterator[MetricRow]:
    kind = metric.WhichOneof("data")
    if kind == "gauge":
        for point in metric.gauge.data_points:
            yield _number(metric, "gauge", None, point, resource, scope)
    elif kind == "sum":
        cumulative = _is_cumulative(metric.sum.aggregation_temporality)
        for point in metric.sum.data_points:
            yield _number(metric, "sum", cumulative, point, resource, scope)
    elif kind == "histogram":
        cumulative = _is_cumulative(metric.histogram.aggregation_temporality)
        for histogram in metric.histogram.data_points:
            yield _histogram(metric, cumulative, histogram, resource, scope)


def _refused(metric: Metric) -> int:
    match metric.WhichOneof("data"):
        case "exponential_histogram":
            return len(metric.exponential_histogram.data_points)
        case "summary":
            return len(metric.summary.data_points)
        case _:
            return 0


def _is_cumulative(temporality: AggregationTemporality.ValueType) -> bool:
    return temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


def _number(
    metric: Metric,
    kind: str,
    cumulative: bool | None,
    point: NumberDataPoint,
    resource: ResourceRow,
    scope: str,
) -> MetricRow:
    which = point.WhichOneof("value")
    value = None if which is None else finite(float(getattr(point, which)))
    return MetricRow(
        metric.name,
        kind,
        metric.unit,
        point.start_time_unix_nano,
        point.time_unix_nano,
        resource.service,
        resource.pod,
        resource.setting,
        resource.id,
        scope,
        dumps(_attributes(point.attributes)),
        cumulative,
        value,
        *(None,) * 6,
        _exemplars(point.exemplars),
    )


def _histogram(
    metric: Metric,
    cumulative: bool,
    point: HistogramDataPoint,
    resource: ResourceRow,
    scope: str,
) -> MetricRow:
    return MetricRow(
        metric.name,
        "histogram",
        metric.unit,
        point.start_time_unix_nano,
        point.time_unix_nano,
        resource.service,
        resource.pod,
        resource.setting,
        resource.id,
        scope,
        dumps(_attributes(point.attributes)),
        cumulative,
        None,
        point.count,
        finite(point.sum) if point.HasField("sum") else None,
        finite(point.min) if point.HasField("min") else None,
        finite(point.max) if point.HasField("max") else None,
        list(point.explicit_bounds),
        list(point.bucket_counts),
        _exemplars(point.exemplars),
    )


def _exemplars(exemplars: Iterable[Exemplar]) -> str | None:
    found = []
    for exemplar in exemplars:
        which = exemplar.WhichOneof("value")
        found.append(
            {
                "time_unix_nano": exemplar.time_unix_nano,
                "value": None if which is None else finite(float(getattr(exemplar, which))),
                "trace_id": exemplar.trace_id.hex(),
                "span_id": exemplar.span_id.hex(),
                "attributes": _attributes(exemplar.filtered_attributes),
            }
        )
    return dumps(found) if found else None


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    # Most values are text: asked for first, it costs half of what WhichOneof does.
    return {pair.key: pair.value.string_value or _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:  # noqa: ANN401 - what JSON can hold
    which = value.WhichOneof("value")
    if which is None:
        return None
    found = getattr(value, which)
    match which:
        case "double_value":
            return finite(found)
        case "array_value":
            return [_value(item) for item in found.values]
        case "kvlist_value":
            return _attributes(found.values)
        case "bytes_value":
            return found.hex()
        case _:
            return found


def _text(value: object) -> str | None:
    return None if value is None else str(value)
