"""The rows of the store: one tuple type for each table, with fields in the order of the columns."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from lbstudy.platform.interface import Change


class ResourceRow(NamedTuple):
    """The sender of telemetry. See ``schema.RESOURCES``."""

    id: int
    service: str
    pod: str | None
    setting: str | None
    run_id: str | None
    attributes: str


class SpanRow(NamedTuple):
    """One span. See ``schema.SPANS``."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: str
    start_unix_nano: int
    end_unix_nano: int
    status: str
    status_message: str | None
    service: str
    pod: str | None
    setting: str | None
    resource: int
    scope: str
    rpc_method: str | None
    grpc_code: int | None
    server_pod: str | None
    channel_id: int | None
    scheduled_unix_nano: int | None
    attributes: str
    events: str | None
    links: str | None


class MetricRow(NamedTuple):
    """One point of a metric. See ``schema.METRIC_POINTS``."""

    name: str
    kind: str
    unit: str
    start_unix_nano: int
    time_unix_nano: int
    service: str
    pod: str | None
    setting: str | None
    resource: int
    scope: str
    attributes: str
    cumulative: bool | None
    value: float | None
    count_: int | None  # tuples have a method called "count"
    sum: float | None
    min: float | None
    max: float | None
    bounds: list[float] | None
    bucket_counts: list[int] | None
    exemplars: str | None


class ChangeRow(NamedTuple):
    """What the platform saw. See ``schema.POD_CHANGES``."""

    at_unix_nano: int
    error: float
    kind: str
    deployment: str
    pod: str | None
    address: str | None
    detail: str

    @classmethod
    def of(cls, change: Change) -> Self:
        """Return the row of a platform's change."""
        return cls(
            change.at,
            change.error,
            str(change.kind),
            change.deployment,
            change.pod,
            change.address,
            change.detail,
        )


class LookupRow(NamedTuple):
    """A query that the DNS server answered. See ``schema.DNS_LOOKUPS``."""

    at_unix_nano: int
    name: str
    qtype: str
    rcode: str
    addresses: list[str]
    peer: str
    transport: str
    authority: str = ""

    @classmethod
    def from_log(cls, entry: Mapping[str, Any]) -> Self:
        """Return the row of one line of the DNS server's log, parsed from JSON."""
        return cls(
            int(entry["time_unix_nano"]),
            str(entry["name"]).rstrip(".").lower(),
            str(entry["qtype"]),
            str(entry["rcode"]),
            [str(address) for address in entry["addresses"]],
            str(entry["peer"]),
            str(entry.get("transport", "udp")),
            str(entry.get("authority", "")),
        )


class BusyRow(NamedTuple):
    """A server's counts of its own work when it was asked. See ``schema.SERVER_BUSY``."""

    at_unix_nano: int
    setting: str
    pod: str
    uptime: float
    busy: float
    concurrency: int
    waiting: int
    ended: int


class DecisionRow(NamedTuple):
    """What the autoscaler decided. See ``schema.DECISIONS``."""

    at_unix_nano: int
    setting: str
    current: int
    wished: int
    desired: int
    utilization: int | None
    target: int
    ready: int
    unready: int
    missing: int


class ConnectionRow(NamedTuple):
    """A client's connection opened or closed, by the kernel's table. See ``schema.CONNECTIONS``."""

    at_unix_nano: int
    error: float
    pod: str
    state: str
    local: str
    remote: str

    @classmethod
    def from_log(cls, entry: Mapping[str, Any]) -> Self:
        """Return the row of one line of the observer's log, parsed from JSON."""
        return cls(
            int(entry["time_unix_nano"]),
            float(entry["error"]),
            str(entry["pod"]),
            str(entry["state"]),
            str(entry["local"]),
            str(entry["remote"]),
        )
