"""The tables of a run's file: their columns, in the order in which rows give them, and the views.

docs/store.md describes the same for readers. A change here raises ``SCHEMA_VERSION``.
"""

from dataclasses import dataclass
from typing import Final

SCHEMA_VERSION: Final = 1
"""Kept in ``meta`` under ``schema_version``; a file of another version is not read."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table and its columns: name → SQL type."""

    name: str
    columns: dict[str, str]

    def create(self) -> str:
        """The statement that makes it."""
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        return f"CREATE TABLE {self.name} ({columns})"


META = Table("meta", {"key": "VARCHAR PRIMARY KEY", "value": "JSON"})

RESOURCES = Table(
    "resources",
    {
        "id": "INTEGER",  # what spans and metric_points refer to
        "service": "VARCHAR",
        "pod": "VARCHAR",
        "setting": "VARCHAR",
        "run_id": "VARCHAR",
        "attributes": "JSON",  # all of them
    },
)

SPANS = Table(
    "spans",
    {
        "trace_id": "VARCHAR",  # 32 lower-case hexadecimal digits
        "span_id": "VARCHAR",  # 16
        "parent_span_id": "VARCHAR",
        "name": "VARCHAR",
        "kind": "VARCHAR",  # internal, server, client, producer, consumer
        "start_unix_nano": "BIGINT",
        "end_unix_nano": "BIGINT",
        "status": "VARCHAR",  # unset, ok, error
        "status_message": "VARCHAR",
        "service": "VARCHAR",  # of the resource: service.name
        "pod": "VARCHAR",  # of the resource: k8s.pod.name
        "setting": "VARCHAR",  # of the resource: lbstudy.setting
        "resource": "INTEGER",  # resources.id
        "scope": "VARCHAR",  # the instrumentation scope's name
        "rpc_method": "VARCHAR",  # "greeter.v1.GreeterService/SayHello"; NULL when it is no RPC's span
        "grpc_code": "SMALLINT",  # gRPC status code, 0 to 16
        "server_pod": "VARCHAR",  # attribute server.k8s.pod.name
        "channel_id": "INTEGER",  # attribute grpc_lb.channel.id
        "scheduled_unix_nano": "BIGINT",  # when the open loop was to send it
        "attributes": "JSON",  # all others
        "events": "JSON",
        "links": "JSON",
    },
)

METRIC_POINTS = Table(
    "metric_points",
    {
        "name": "VARCHAR",
        "kind": "VARCHAR",  # gauge, sum, histogram
        "unit": "VARCHAR",
        "start_unix_nano": "BIGINT",
        "time_unix_nano": "BIGINT",
        "service": "VARCHAR",
        "pod": "VARCHAR",
        "setting": "VARCHAR",
        "resource": "INTEGER",
        "scope": "VARCHAR",
        "attributes": "JSON",
        "cumulative": "BOOLEAN",  # NULL for a gauge
        "value": "DOUBLE",  # of gauges and sums
        "count": "BIGINT",  # of histograms, from here on
        "sum": "DOUBLE",
        "min": "DOUBLE",
        "max": "DOUBLE",
        "bounds": "DOUBLE[]",  # upper bounds of all buckets but the last, which has none
        "bucket_counts": "BIGINT[]",
        "exemplars": "JSON",
    },
)

POD_CHANGES = Table(
    "pod_changes",
    {
        "at_unix_nano": "BIGINT",
        "error": "DOUBLE",  # s, the bound of the instant's error
        "kind": "VARCHAR",  # platform.interface.ChangeKind
        "deployment": "VARCHAR",
        "pod": "VARCHAR",
        "address": "VARCHAR",
        "detail": "VARCHAR",
    },
)

CLIENT_TALLIES = Table(
    "client_tallies",
    {
        "setting": "VARCHAR",
        "client": "VARCHAR",
        "scheduled": "BIGINT",
        "sent": "BIGINT",
        "not_sent": "BIGINT",
        "by_code": "JSON",
        "by_server": "JSON",
        "offered_rate": "DOUBLE",
        "achieved_rate": "DOUBLE",
        "lateness_p50": "DOUBLE",
        "lateness_p99": "DOUBLE",
        "lateness_max": "DOUBLE",
    },
)

SERVER_TALLIES = Table("server_tallies", {"setting": "VARCHAR", "server": "VARCHAR", "by_code": "JSON"})

DNS_LOOKUPS = Table(
    "dns_lookups",
    {
        "at_unix_nano": "BIGINT",
        "name": "VARCHAR",
        "qtype": "VARCHAR",
        "rcode": "VARCHAR",
        "addresses": "VARCHAR[]",
        "peer": "VARCHAR",
        "transport": "VARCHAR",  # udp, tcp
    },
)

TABLES: Final = (
    META,
    RESOURCES,
    SPANS,
    METRIC_POINTS,
    POD_CHANGES,
    CLIENT_TALLIES,
    SERVER_TALLIES,
    DNS_LOOKUPS,
)

_ZERO: Final = "(SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'time_zero_unix_nano')"

_RPCS: Final = """CREATE VIEW rpcs AS
    SELECT setting, pod AS client_pod, channel_id AS channel, server_pod AS server, grpc_code AS code,
        (start_unix_nano - $zero) / 1e9 AS sent_s,
        (end_unix_nano - $zero) / 1e9 AS ended_s,
        (end_unix_nano - coalesce(scheduled_unix_nano, start_unix_nano)) / 1e9 AS latency_s,
        rpc_method AS method, trace_id, span_id
    FROM spans WHERE kind = 'client' AND rpc_method IS NOT NULL"""

_RESOLVER_UPDATES: Final = """CREATE VIEW resolver_updates AS
    SELECT setting, pod AS client_pod, channel_id AS channel,
        (start_unix_nano - $zero) / 1e9 AS started_s,
        (end_unix_nano - $zero) / 1e9 AS ended_s,
        attributes->>'$."grpc_lb.resolver.outcome"' AS outcome,
        attributes->>'$."grpc_lb.resolver.cause"' AS cause,
        CAST(attributes->'$."grpc_lb.resolver.addresses"' AS VARCHAR[]) AS addresses,
        CAST(attributes->'$."grpc_lb.resolver.added"' AS VARCHAR[]) AS added,
        CAST(attributes->'$."grpc_lb.resolver.removed"' AS VARCHAR[]) AS removed,
        trace_id, span_id
    FROM spans WHERE name = 'grpc_lb.resolver.update'"""

VIEWS: Final = tuple(view.replace("$zero", _ZERO) for view in (_RPCS, _RESOLVER_UPDATES))
"""RPCs and resolver updates as a reader thinks of them: in seconds since the load's start."""
