"""Spans as OTLP sends them, as OpenTelemetry's instrumentations of gRPC make them."""

from collections.abc import Mapping, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

Value = str | int | bool | Sequence[str]
RPC: Mapping[str, Value] = {"rpc.system": "grpc", "rpc.service": "shop.Orders", "rpc.method": "Get"}


def pairs(values: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: Value) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case str():
            return AnyValue(string_value=value)
        case _:
            return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=one) for one in value]))


def span(
    name: str,
    kind: "Span.SpanKind.ValueType",
    start: float,
    end: float,
    identity: str,
    attributes: Mapping[str, Value],
    parent: str = "",
) -> Span:
    return Span(
        name=name,
        kind=kind,
        start_time_unix_nano=round(start * 1e9),
        end_time_unix_nano=round(end * 1e9),
        trace_id=b"0123456789abcdef",
        span_id=identity.encode().ljust(8, b"_"),
        parent_span_id=parent.encode().ljust(8, b"_") if parent else b"",
        attributes=pairs(attributes),
    )


def group(resource: Mapping[str, Value], *spans: Span) -> ResourceSpans:
    return ResourceSpans(resource=Resource(attributes=pairs(resource)), scope_spans=[ScopeSpans(spans=spans)])


def server_span(
    pod: str,
    at: float,
    identity: str,
    parent: str = "",
    attributes: Mapping[str, Value] = RPC,
    resource: Mapping[str, Value] | None = None,
) -> ResourceSpans:
    made = span("shop.Orders/Get", Span.SPAN_KIND_SERVER, at, at + 0.001, identity, attributes, parent)
    return group({"service.name": "orders", "k8s.pod.name": pod} if resource is None else resource, made)


def client_span(
    workload: str,
    pod: str,
    start: float,
    end: float,
    identity: str,
    attributes: Mapping[str, Value] | None = None,
) -> ResourceSpans:
    made = span("shop.Orders/Get", Span.SPAN_KIND_CLIENT, start, end, identity, {**RPC, **(attributes or {})})
    return group({"k8s.deployment.name": workload, "k8s.pod.name": pod}, made)


def request(*groups: ResourceSpans) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest(resource_spans=groups)
