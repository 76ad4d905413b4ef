"""Spans of OTLP's JSON encoding as plain values. Pure.

In it 64-bit integers are text, ids are hexadecimal, bytes are base64, and what is empty is left out
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from lbstudy.store.jsontext import finite
from lbstudy.store.spans import SeenSpan

Json = Mapping[str, Any]

_JAEGERS_OWN: Final = "@jaeger@"
"""Attributes that Jaeger adds itself begin so: a warning where a span starts and ends at one instant."""


def seen_spans(group: Json) -> Iterator[tuple[str, SeenSpan]]:
    """The spans of one resource, each with its instrumentation scope's name."""
    for scoped in group.get("scopeSpans", ()):
        scope = scoped.get("scope", {}).get("name", "")
        for span in scoped.get("spans", ()):
            yield scope, _span(span)


def attributes_of(pairs: Iterable[Json]) -> dict[str, Any]:
    """Attributes as what JSON can hold."""
    return {pair["key"]: _value(pair.get("value", {})) for pair in pairs}


def _span(span: Json) -> SeenSpan:
    status = span.get("status", {})
    values = attributes_of(
        pair for pair in span.get("attributes", ()) if not pair["key"].startswith(_JAEGERS_OWN)
    )
    return SeenSpan(
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_span_id=span.get("parentSpanId") or None,
        name=span.get("name", ""),
        kind=span.get("kind", 0),
        start_unix_nano=int(span.get("startTimeUnixNano", 0)),
        end_unix_nano=int(span.get("endTimeUnixNano", 0)),
        status=status.get("code", 0),
        status_message=status.get("message") or None,
        attributes=values,
        events=[_event(event) for event in span.get("events", ())],
        links=[_link(link) for link in span.get("links", ())],
    )


def _event(event: Json) -> dict[str, Any]:
    return {
        "name": event.get("name", ""),
        "time_unix_nano": int(event.get("timeUnixNano", 0)),
        "attributes": attributes_of(event.get("attributes", ())),
    }


def _link(link: Json) -> dict[str, Any]:
    return {
        "trace_id": link["traceId"],
        "span_id": link["spanId"],
        "attributes": attributes_of(link.get("attributes", ())),
    }


def _value(value: Json) -> Any:  # noqa: ANN401 - what JSON holds
    return next((_READ[kind](found) for kind, found in value.items()), None)


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "stringValue": lambda text: text,
    "boolValue": lambda truth: truth,
    "intValue": int,
    "doubleValue": lambda number: finite(float(number)),  # "NaN" and "Infinity" are text
    "arrayValue": lambda array: [_value(item) for item in array.get("values", ())],
    "kvlistValue": lambda pairs: attributes_of(pairs.get("values", ())),
    "bytesValue": lambda text: base64.b64decode(text).hex(),
}
