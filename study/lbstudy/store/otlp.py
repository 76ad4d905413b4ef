"""Turns OTLP requests into rows of the store. No I/O.

Attributes of RPC spans that are queried have columns (``spans``); the others are kept together as JSON.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

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

from lbstudy.store.jsontext import dumps, finite
from lbstudy.store.resources import Resources
from lbstudy.store.rows import MetricRow, ResourceRow, SpanRow
from lbstudy.store.spans import SeenSpan, span_row


@dataclass(slots=True)
class Decoded:
    """One request's rows, and what the store cannot hold of it."""

    resources: list[ResourceRow] = field(default_factory=list)
    spans: list[SpanRow] = field(default_factory=list)
    metrics: list[MetricRow] = field(default_factory=list)
    refused: int = 0  # points of kinds that have no column: exponential histograms and summaries


class Decoder:
    """Turns requests into rows; remembers resources that it has seen. Thread-safe."""

    def __init__(self) -> None:
        self._resources = Resources()

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
        row, is_new = self._resources.row(_attributes(resource.attributes))
        if is_new:
            decoded.resources.append(row)
        return row


def _span(span: Span, resource: ResourceRow, scope: str) -> SpanRow:
    seen = SeenSpan(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex() or None,
        span.name,
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code,
        span.status.message or None,
        _attributes(span.attributes),
        [_event(event) for event in span.events],
        [_link(link) for link in span.links],
    )
    return span_row(seen, resource, scope)


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
    converted = []
    for exemplar in exemplars:
        which = exemplar.WhichOneof("value")
        converted.append(
            {
                "time_unix_nano": exemplar.time_unix_nano,
                "value": None if which is None else finite(float(getattr(exemplar, which))),
                "trace_id": exemplar.trace_id.hex(),
                "span_id": exemplar.span_id.hex(),
                "attributes": _attributes(exemplar.filtered_attributes),
            }
        )
    return dumps(converted) if converted else None


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    # Most values are text: checking for that first costs half as much as WhichOneof.
    return {pair.key: pair.value.string_value or _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:  # noqa: ANN401 - what JSON can hold
    which = value.WhichOneof("value")
    if which is None:
        return None
    content = getattr(value, which)
    match which:
        case "double_value":
            return finite(content)
        case "array_value":
            return [_value(item) for item in content.values]
        case "kvlist_value":
            return _attributes(content.values)
        case "bytes_value":
            return content.hex()
        case _:
            return content
