"""The tables of a run's file: their columns, in the order of the rows' fields, and the views.

docs/store.md describes them for readers. Raise ``SCHEMA_VERSION`` with any change, except for a new table or
a new last column: readers check for those with ``RunStore.has``.
"""

from dataclasses import dataclass
from typing import Final

from lbstudy.observation.tallies import ClientTally, ServerTally, kinds

SCHEMA_VERSION: Final = 2
"""Stored in ``meta`` under ``schema_version``; a file of another version is not read."""


@dataclass(frozen=True, slots=True)
class StoreTable:
    """A table and its columns: name → SQL type."""

    name: str
    columns: dict[str, str]

    def create(self) -> str:
        """Return the statement that makes it."""
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        return f"CREATE TABLE {self.name} ({columns})"


META = StoreTable("meta", {"key": "VARCHAR PRIMARY KEY", "value": "JSON"})

RESOURCES = StoreTable(
    "resources",
    {
        "id": "INTEGER",  # the key for spans and metric_points
        "service": "VARCHAR",
        "pod": "VARCHAR",
        "setting": "VARCHAR",
        "run_id": "VARCHAR",
        "attributes": "JSON",  # all of them
    },
)

SPANS = StoreTable(
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
        "rpc_method": "VARCHAR",  # "greeter.v1.GreeterService/SayHello"; NULL if it is not an RPC's span
        "grpc_code": "SMALLINT",  # gRPC status code, 0 to 16
        "server_pod": "VARCHAR",  # attribute server.k8s.pod.name
        "channel_id": "INTEGER",  # attribute grpc_lb.channel.id
        "scheduled_unix_nano": "BIGINT",  # when the open loop was to send it
        "attributes": "JSON",  # all others
        "events": "JSON",
        "links": "JSON",
    },
)

METRIC_POINTS = StoreTable(
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

POD_CHANGES = StoreTable(
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

_SQL: Final = {str: "VARCHAR", int: "BIGINT", float: "DOUBLE", dict: "JSON"}

# Files from before streams existed have no ``streams`` and no ``messages``.
CLIENT_TALLIES, SERVER_TALLIES = (
    StoreTable(name, {"setting": "VARCHAR"} | {field: _SQL[kind] for field, kind in kinds(record).items()})
    for name, record in (("client_tallies", ClientTally), ("server_tallies", ServerTally))
)

DNS_LOOKUPS = StoreTable(
    "dns_lookups",
    {
        "at_unix_nano": "BIGINT",
        "name": "VARCHAR",
        "qtype": "VARCHAR",
        "rcode": "VARCHAR",
        "addresses": "VARCHAR[]",
        "peer": "VARCHAR",
        "transport": "VARCHAR",  # udp, tcp
        "authority": "VARCHAR",  # the address that was queried: each client process has its own
    },
)

CONNECTIONS = StoreTable(
    "connections",  # not in files from before connections were watched
    {
        "at_unix_nano": "BIGINT",
        "error": "DOUBLE",  # s since the look before
        "pod": "VARCHAR",  # the client
        "state": "VARCHAR",  # open, closed; watched: looking begins, every ``error`` seconds
        "local": "VARCHAR",
        "remote": "VARCHAR",
    },
)

SERVER_BUSY = StoreTable(
    "server_busy",  # not in files from before servers had a capacity
    {
        "at_unix_nano": "BIGINT",  # when the servers of a setting were asked
        "setting": "VARCHAR",
        "pod": "VARCHAR",
        "uptime": "DOUBLE",  # s since the server's start, by its own clock
        "busy": "DOUBLE",  # s of work since then, summed over RPCs that were handled at the same time
        "concurrency": "BIGINT",  # RPCs that it handles at a time
        "waiting": "BIGINT",  # RPCs that waited
        "ended": "BIGINT",  # RPCs that had ended, with any code
    },
)

DECISIONS = StoreTable(
    "autoscaler_decisions",  # not in these files either
    {
        "at_unix_nano": "BIGINT",
        "setting": "VARCHAR",
        "current": "BIGINT",  # replicas wanted before
        "wished": "BIGINT",  # what the metrics alone ask for
        "desired": "BIGINT",  # after windows, policies and bounds
        "utilization": "BIGINT",  # mean over the pods that counted, in whole per cent; NULL: none did
        "target": "BIGINT",  # in whole per cent
        "ready": "BIGINT",  # pods whose metric counted
        "unready": "BIGINT",
        "missing": "BIGINT",  # pods without a metric
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
    CONNECTIONS,
    SERVER_BUSY,
    DECISIONS,
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
"""RPCs and resolver updates in seconds since the load's start."""
