"""Rows of the store made by hand."""

from lbstudy.store.rows import SpanRow

ZERO = 1_790_000_000_000_000_000
METHOD = "greeter.v1.GreeterService/SayHello"


def span(number: int, **others: object) -> SpanRow:
    """A client RPC span: sent a millisecond after another, answered by "a" with OK, on channel 0."""
    fields: dict[str, object] = {
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "parent_span_id": None,
        "name": f"/{METHOD}",
        "kind": "client",
        "start_unix_nano": ZERO + number * 1_000_000,
        "end_unix_nano": ZERO + number * 1_000_000 + 20_000_000,
        "status": "unset",
        "status_message": None,
        "service": "greeter-client",
        "pod": "client-stock-x",
        "setting": "stock",
        "resource": 1,
        "scope": "opentelemetry.instrumentation.grpc",
        "rpc_method": METHOD,
        "grpc_code": 0,
        "server_pod": "a",
        "channel_id": 0,
        "scheduled_unix_nano": ZERO + number * 1_000_000,
        "attributes": "{}",
        "events": None,
        "links": None,
        **others,
    }
    return SpanRow(**fields)  # type: ignore[arg-type]  # SpanRow's own fields
