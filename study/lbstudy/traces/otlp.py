"""Makes an OTLP request of the facts' spans. No I/O.

It does not use the SDK's tracer, which accepts no ids, and which environment variables can make cut
attributes or drop spans.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from lbstudy.observation import attributes
from lbstudy.traces import names
from lbstudy.traces.facts import AttributeValue, FactSpan

_CHUNK: Final = 512  # spans in one request

_Span = TypeVar("_Span")


def chunks(spans: Sequence[_Span]) -> Iterator[Sequence[_Span]]:
    """Divide the spans into as many as fit into one request."""
    for start in range(0, len(spans), _CHUNK):
        yield spans[start : start + _CHUNK]


def request_of(spans: Iterable[FactSpan], run_id: str) -> ExportTraceServiceRequest:
    """Return the request that sends these spans of one run."""
    resource = {attributes.SERVICE_NAME: attributes.SERVICE_STUDY, attributes.RUN_ID: run_id}
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=[_pair(key, value) for key, value in resource.items()]),
                scope_spans=[
                    ScopeSpans(
                        scope=InstrumentationScope(name=names.SCOPE), spans=[_span(span) for span in spans]
                    )
                ],
            )
        ]
    )


def _span(span: FactSpan) -> Span:
    return Span(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_span_id or ""),
        name=span.name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=span.start_unix_nano,
        end_time_unix_nano=span.end_unix_nano,
        attributes=[_pair(key, value) for key, value in span.attributes.items()],
        flags=1,  # sampled
    )


def _pair(key: str, value: AttributeValue) -> KeyValue:
    return KeyValue(key=key, value=_value(value))


def _value(value: AttributeValue) -> AnyValue:
    match value:
        case bool():  # before int, of which it is a subclass
            return AnyValue(bool_value=value)
        case str():
            return AnyValue(string_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=item) for item in value]))
