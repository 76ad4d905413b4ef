"""The rows that go into the store: one tuple type a table, its fields in the order of the columns."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from lbstudy.observation.records import ClientTally, ServerTally
from lbstudy.platform.interface import Change
from lbstudy.store.jsontext import dumps


class ResourceRow(NamedTuple):
    """Who sent telemetry. See ``schema.RESOURCES``."""

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
    count_: int | None  # "count" is a tuple's own
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
        """The row of a platform's change."""
        return cls(
            change.at,
            change.error,
            str(change.kind),
            change.deployment,
            change.pod,
            change.address,
            change.detail,
        )


class ClientTallyRow(NamedTuple):
    """What a client program counted. See ``schema.CLIENT_TALLIES``."""

    setting: str
    client: str
    scheduled: int
    sent: int
    not_sent: int
    by_code: str
    by_server: str
    offered_rate: float
    achieved_rate: float
    lateness_p50: float
    lateness_p99: float
    lateness_max: float

    @classmethod
    def of(cls, setting: str, tally: ClientTally) -> Self:
        """The row of a client's tally."""
        return cls(
            setting,
            tally.client,
            tally.scheduled,
            tally.sent,
            tally.not_sent,
            dumps(tally.by_code),
            dumps(tally.by_server),
            tally.offered_rate,
            tally.achieved_rate,
            tally.lateness_p50,
            tally.lateness_p99,
            tally.lateness_max,
        )


class ServerTallyRow(NamedTuple):
    """What a server program counted. See ``schema.SERVER_TALLIES``."""

    setting: str
    server: str
    by_code: str | None

    @classmethod
    def of(cls, setting: str, tally: ServerTally) -> Self:
        """The row of a server's tally."""
        return cls(setting, tally.server, None if tally.by_code is None else dumps(tally.by_code))


class LookupRow(NamedTuple):
    """A query that the DNS server answered. See ``schema.DNS_LOOKUPS``."""

    at_unix_nano: int
    name: str
    qtype: str
    rcode: str
    addresses: list[str]
    peer: str
    transport: str

    @classmethod
    def from_log(cls, entry: Mapping[str, Any]) -> Self:
        """The row of one line of the DNS server's log, as parsed from JSON."""
        return cls(
            int(entry["time_unix_nano"]),
            str(entry["name"]).rstrip(".").lower(),
            str(entry["qtype"]),
            str(entry["rcode"]),
            [str(address) for address in entry["addresses"]],
            str(entry["peer"]),
            str(entry.get("transport", "udp")),
        )
