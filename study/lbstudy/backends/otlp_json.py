"""Decodes spans from OTLP's JSON encoding, as far as a store keeps them.

In this encoding 64-bit integers are text, ids are hexadecimal, bytes are base64, and empty values are omitted
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). A run has megabytes of it, so it is
decoded directly into these classes. A pod's resource, which Jaeger repeats for each trace, is decoded only
once.
"""

import base64
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from lbstudy.store.jsontext import finite
from lbstudy.store.spans import SeenSpan

_JAEGERS_OWN: Final = "@jaeger@warnings"
"""An attribute that Jaeger adds, for example to a span that starts and ends at one instant."""


class _Json(Struct, rename="camel", frozen=True, gc=False):
    """The objects have no reference cycles, so the garbage collector can skip them."""


class _Value(_Json, frozen=True):
    string_value: str | None = None
    int_value: int | None = None
    bool_value: bool | None = None
    double_value: float | None = None
    array_value: "_Values | None" = None
    kvlist_value: "_Pairs | None" = None
    bytes_value: str | None = None


class _Values(_Json, frozen=True):
    values: list[_Value] = []


class _Pair(_Json, frozen=True):
    key: str
    value: _Value = _Value()


class _Pairs(_Json, frozen=True):
    values: list[_Pair] = []


class _Resource(_Json, frozen=True):
    attributes: list[_Pair] = []


class _Scope(_Json, frozen=True):
    name: str = ""


class _Status(_Json, frozen=True):
    code: int = 0
    message: str = ""


class _Event(_Json, frozen=True):
    name: str = ""
    time_unix_nano: int = 0
    attributes: list[_Pair] = []


class _Link(_Json, frozen=True):
    trace_id: str
    span_id: str
    attributes: list[_Pair] = []


class _Span(_Json, frozen=True):
    trace_id: str
    span_id: str
    start_time_unix_nano: int
    end_time_unix_nano: int
    name: str = ""
    kind: int = 0
    parent_span_id: str = ""
    status: _Status = _Status()
    attributes: list[_Pair] = []
    events: list[_Event] = []
    links: list[_Link] = []


class _ScopeSpans(_Json, frozen=True):
    scope: _Scope = _Scope()
    spans: list[_Span] = []


class ResourceSpans(_Json, frozen=True):
    """Spans of one resource."""

    resource: Raw = Raw(b"{}")
    scope_spans: list[_ScopeSpans] = []

    @property
    def attributes(self) -> dict[str, Any]:
        """The resource's attributes as JSON values; must not be changed."""
        return _resource(bytes(self.resource))

    def trace_ids(self) -> Iterator[str]:
        """Yield the trace ids of the spans."""
        return (span.trace_id for scoped in self.scope_spans for span in scoped.spans)

    def spans(self) -> Iterator[tuple[str, SeenSpan]]:
        """Yield the spans, each with its instrumentation scope's name."""
        for scoped in self.scope_spans:
            for span in scoped.spans:
                yield scoped.scope.name, _seen(span)


class _TracesData(_Json, frozen=True):
    resource_spans: list[ResourceSpans] = []


class _Answer(_Json, frozen=True):
    result: _TracesData


# Not strict: a number may be text.
_answers: Final = msgspec.json.Decoder(_Answer, strict=False)
_resources: Final = msgspec.json.Decoder(_Resource, strict=False)


def traces_of(body: bytes) -> list[ResourceSpans]:
    """Return the spans in an answer of Jaeger. Raises ValueError if it has another format."""
    return _answers.decode(body).result.resource_spans


@lru_cache(maxsize=4096)
def _resource(raw: bytes) -> dict[str, Any]:
    return _attributes(_resources.decode(raw).attributes)


def _seen(span: _Span) -> SeenSpan:
    values = _attributes(span.attributes)
    values.pop(_JAEGERS_OWN, None)
    return SeenSpan(
        span.trace_id,
        span.span_id,
        span.parent_span_id or None,
        span.name,
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code,
        span.status.message or None,
        values,
        [
            {
                "name": event.name,
                "time_unix_nano": event.time_unix_nano,
                "attributes": _attributes(event.attributes),
            }
            for event in span.events
        ],
        [
            {"trace_id": link.trace_id, "span_id": link.span_id, "attributes": _attributes(link.attributes)}
            for link in span.links
        ],
    )


def _attributes(pairs: Iterable[_Pair]) -> dict[str, Any]:
    # Most values are text.
    return {
        pair.key: _value(pair.value) if (text := pair.value.string_value) is None else text for pair in pairs
    }


def _value(value: _Value) -> Any:  # noqa: ANN401 - what JSON can hold
    if value.double_value is not None:
        return finite(value.double_value)
    if value.array_value is not None:
        return [_value(item) for item in value.array_value.values]
    if value.kvlist_value is not None:
        return _attributes(value.kvlist_value.values)
    if value.bytes_value is not None:
        return base64.b64decode(value.bytes_value).hex()
    plain = (value.string_value, value.int_value, value.bool_value)
    return next((content for content in plain if content is not None), None)
