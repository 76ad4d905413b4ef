"""What a span says, whichever way it came: the attributes that measures ask about become columns. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grpc_lb_instrumentor import names

from lbstudy.observation import attributes
from lbstudy.store.jsontext import dumps
from lbstudy.store.rows import ResourceRow, SpanRow

_SCHEDULED: Final = names.RPC_REQUEST_METADATA + attributes.METADATA_SCHEDULED
_KINDS: Final = ("internal", "internal", "server", "client", "producer", "consumer")
_STATUS: Final = ("unset", "ok", "error")
_RPC_SERVICE: Final = "rpc.service"  # set by opentelemetry-instrumentation-grpc
_RPC_SYSTEMS: Final = ("rpc.system", names.RPC_SYSTEM_NAME)


@dataclass(slots=True)
class SeenSpan:
    """A span of OTLP, in its protobuf or its JSON encoding, as plain values."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: int  # OTLP's number
    start_unix_nano: int
    end_unix_nano: int
    status: int  # OTLP's number
    status_message: str | None
    attributes: dict[str, Any]  # ``span_row`` takes out what has a column of its own
    events: Sequence[dict[str, Any]] = ()
    links: Sequence[dict[str, Any]] = ()


def span_row(span: SeenSpan, resource: ResourceRow, scope: str) -> SpanRow:
    """The row of a span."""
    values = span.attributes
    code = values.pop(names.RPC_GRPC_STATUS_CODE, None)
    channel = values.pop(names.CHANNEL_ID, None)
    scheduled = values.pop(_SCHEDULED, None)
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
        code if isinstance(code, int) else None,
        None if server is None else str(server),
        channel if isinstance(channel, int) else None,
        _scheduled_at(scheduled),
        dumps(values),
        dumps(span.events) if span.events else None,
        dumps(span.links) if span.links else None,
    )


def _method(values: dict[str, Any]) -> str | None:
    """The fully qualified method, whether the span follows the old or the stable conventions."""
    if not any(system in values for system in _RPC_SYSTEMS):
        return None
    method = str(values.get(names.RPC_METHOD, ""))
    service = values.get(_RPC_SERVICE)
    return f"{service}/{method}" if service and "/" not in method else method


def _scheduled_at(value: object) -> int | None:
    first = value[0] if isinstance(value, list) and value else value
    return int(first) if isinstance(first, str) and first.isdecimal() and len(first) < 20 else None
