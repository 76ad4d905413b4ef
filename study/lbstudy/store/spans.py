"""Turns a span, in either encoding, into a row: attributes that measures read become columns. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grpc_lb_instrumentor import names

from lbstudy.measures import codes
from lbstudy.observation import attributes
from lbstudy.store.jsontext import dumps
from lbstudy.store.rows import ResourceRow, SpanRow

_SCHEDULED: Final = tuple(
    prefix + attributes.METADATA_SCHEDULED
    # the present name, and that of earlier runs
    for prefix in (names.RPC_REQUEST_HEADER, names.RPC_REQUEST_METADATA)
)
_KINDS: Final = ("internal", "internal", "server", "client", "producer", "consumer")
_STATUS: Final = ("unset", "ok", "error")
_RPC_SYSTEMS: Final = (names.RPC_SYSTEM, names.RPC_SYSTEM_NAME)
_CODES: Final = {name.replace("_", ""): number for number, name in enumerate(codes.NAMES)}
_STATUS_CODES: Final = (
    names.RPC_GRPC_STATUS_CODE,
    names.RPC_STATUS_CODE,
    names.RPC_RESPONSE_STATUS_CODE,
)


@dataclass(slots=True)
class SeenSpan:
    """An OTLP span, from its protobuf or its JSON encoding, as plain values."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: int  # OTLP's number
    start_unix_nano: int
    end_unix_nano: int
    status: int  # OTLP's number
    status_message: str | None
    attributes: dict[str, Any]  # ``span_row`` removes those that have a column
    events: Sequence[dict[str, Any]] = ()
    links: Sequence[dict[str, Any]] = ()


def span_row(span: SeenSpan, resource: ResourceRow, scope: str) -> SpanRow:
    """Return the row of a span."""
    values = span.attributes
    code = _code(values)
    channel = values.pop(names.CHANNEL_ID, None)
    scheduled = [values.pop(name, None) for name in _SCHEDULED]
    server = values.pop(names.SERVER_POD, None)
    return SpanRow(
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.name,
        _KINDS[span.kind] if span.kind < len(_KINDS) else "internal",
        span.start_unix_nano,
        span.end_unix_nano,
        _STATUS[span.status] if span.status < len(_STATUS) else "unset",
        span.status_message,
        resource.service,
        resource.pod,
        resource.setting,
        resource.id,
        scope,
        _method(values),
        code,
        None if server is None else str(server),
        channel if isinstance(channel, int) else None,
        _scheduled_at(next((value for value in scheduled if value is not None), None)),
        dumps(values),
        dumps(span.events) if span.events else None,
        dumps(span.links) if span.links else None,
    )


def _method(values: dict[str, Any]) -> str | None:
    """Return the fully qualified method, by the old or the stable conventions."""
    if not any(system in values for system in _RPC_SYSTEMS):
        return None
    method = str(values.get(names.RPC_METHOD, "")).lstrip("/")
    service = values.get(names.RPC_SERVICE)
    return f"{service}/{method}" if service and "/" not in method else method


def status_code(values: Mapping[str, object]) -> int | None:
    """The status code's number, whichever convention the span follows, by number or by name."""
    codes_found = (values.get(name) for name in _STATUS_CODES)
    return next((code for code in map(_number, codes_found) if code is not None), None)


def _code(values: dict[str, Any]) -> int | None:
    code = status_code(values)
    for name in _STATUS_CODES:
        values.pop(name, None)
    return code


def _number(value: object) -> int | None:
    if isinstance(value, int):
        return value
    if not isinstance(value, str):
        return None
    # Go writes DeadlineExceeded, others DEADLINE_EXCEEDED.
    return int(value) if value.isdecimal() else _CODES.get(value.replace("_", "").upper())


def _scheduled_at(value: object) -> int | None:
    first = value[0] if isinstance(value, list) and value else value
    return int(first) if isinstance(first, str) and first.isdecimal() and len(first) < 20 else None
