"""Reads the big tables as sets: SQL to numpy columns; no row passes through Python."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from grpc_lb_instrumentor import names
from numpy.typing import NDArray

from lbstudy.observation.answers import NONE, Answers, Clues, who_answered
from lbstudy.observation.records import (
    PodLife,
    RpcTable,
    SaidCount,
    ServedTable,
    Side,
    SpanRef,
    StreamTable,
    UsageTable,
)
from lbstudy.observation.rpcs import linked_rows
from lbstudy.store.database import RunStore

Floats = NDArray[np.float64]

_PEERS = (
    (names.NETWORK_PEER_ADDRESS, names.NETWORK_PEER_PORT),
    (names.NET_SOCK_PEER_ADDR, names.NET_SOCK_PEER_PORT),  # its earlier name
    (names.NET_PEER_IP, names.NET_PEER_PORT),  # and the one before
    # otelgrpc's peer; in other instrumentation it is the target's name
    (names.SERVER_ADDRESS, names.SERVER_PORT),
)
"""Attributes with the address and the port of the other side's socket."""


def _path(attribute: str) -> str:
    return f'$."{attribute}"'


# Not gRPC's own services (health, reflection), whose packages begin with "grpc.", nor the study's own
# traffic: telemetry, and a control plane's streams.
_NO_LOAD = ("grpc.", "opentelemetry.proto.", "envoy.service.", "endpoint_push.")
RPC_SPANS = "setting = $setting AND rpc_method IS NOT NULL" + "".join(
    f" AND NOT starts_with(rpc_method, '{package}')" for package in _NO_LOAD
)

_GIVEN_UP = "(1, 4)"  # CANCELLED, DEADLINE_EXCEEDED

# A span without a code gets -1, which is no gRPC code.
_CLIENT_RPCS = f"""
WITH servers AS (SELECT unnest($servers::VARCHAR[]) AS name,
        generate_subscripts($servers::VARCHAR[], 1) AS i),
    clients AS (SELECT unnest($pods::VARCHAR[]) AS pod, unnest($channels::INTEGER[]) AS channel,
        generate_subscripts($pods::VARCHAR[], 1) AS i)
SELECT (scheduled_unix_nano - $zero) / 1e9 AS scheduled,
    (start_unix_nano - $zero) / 1e9 AS sent,
    (end_unix_nano - $zero) / 1e9 AS ended,
    coalesce(grpc_code, -1)::SMALLINT AS code,
    (coalesce(servers.i, 0) - 1)::INTEGER AS named,
    (clients.i - 1)::INTEGER AS client,
    spans.rowid AS ref
FROM spans
JOIN clients ON clients.pod = coalesce(spans.pod, '') AND clients.channel = coalesce(spans.channel_id, 0)
LEFT JOIN servers ON servers.name = spans.server_pod
WHERE kind = 'client' AND {RPC_SPANS}
"""  # noqa: S608 - a constant of this module

# For client spans without a pod's name: the server's span that is their child (the last, if there were
# several attempts; and the last of those that began while the client waited and were given up at the server,
# too), and the peer's address, by any convention. A pod may have the address of an earlier one.
_CLUES = f"""
WITH servers AS (SELECT unnest($servers::VARCHAR[]) AS name,
        generate_subscripts($servers::VARCHAR[], 1) AS i),
    addresses AS (SELECT unnest($addresses::VARCHAR[]) AS address, unnest($created::BIGINT[]) AS created,
        generate_subscripts($addresses::VARCHAR[], 1) AS i),
    nameless AS (
        SELECT rowid, trace_id, span_id, end_unix_nano,
            CASE attributes->>'$."{names.SERVER_ANSWERED}"' WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE -1 END
                AS answered,
            coalesce({", ".join(f"attributes->>'{_path(host)}'" for host, _ in _PEERS)}) AS peer_host,
            coalesce({", ".join(f"attributes->>'{_path(port)}'" for _, port in _PEERS)}) AS peer_port
        FROM spans WHERE kind = 'client' AND server_pod IS NULL AND {RPC_SPANS}),
    children AS (
        SELECT nameless.rowid AS ref, arg_max(coalesce(spans.server_pod, spans.pod), start_unix_nano) AS pod,
            arg_max(coalesce(grpc_code, -1), start_unix_nano) AS code,
            arg_max(coalesce(spans.server_pod, spans.pod), start_unix_nano) FILTER (
                grpc_code IN {_GIVEN_UP} AND start_unix_nano < nameless.end_unix_nano) AS worker
        FROM spans
        JOIN nameless ON nameless.trace_id = spans.trace_id AND nameless.span_id = spans.parent_span_id
        WHERE kind = 'server' AND {RPC_SPANS} GROUP BY nameless.rowid),
    peers AS (
        SELECT nameless.rowid AS ref, arg_max(addresses.i, addresses.created) AS i
        FROM nameless JOIN addresses ON addresses.created <= nameless.end_unix_nano
            AND addresses.address IN (
                nameless.peer_host || ':' || nameless.peer_port,
                '[' || nameless.peer_host || ']:' || nameless.peer_port)
        GROUP BY nameless.rowid)
SELECT nameless.rowid AS ref, nameless.answered::TINYINT AS answered,
    (coalesce(servers.i, 0) - 1)::INTEGER AS joined, coalesce(children.code, -1)::SMALLINT AS joined_code,
    (coalesce(workers.i, 0) - 1)::INTEGER AS worked, (coalesce(peers.i, 0) - 1)::INTEGER AS peer
FROM nameless LEFT JOIN children ON children.ref = nameless.rowid
LEFT JOIN servers ON servers.name = children.pod
LEFT JOIN servers AS workers ON workers.name = children.worker
LEFT JOIN peers ON peers.ref = nameless.rowid
"""  # noqa: S608 - constants of this module

# The RPCs of a client that sends no spans, as the servers saw them.
_RPCS_OF_SERVERS = f"""
WITH servers AS (SELECT unnest($servers::VARCHAR[]) AS name, generate_subscripts($servers::VARCHAR[], 1) AS i)
SELECT (start_unix_nano - $zero) / 1e9 AS sent,
    (end_unix_nano - $zero) / 1e9 AS ended,
    coalesce(grpc_code, -1)::SMALLINT AS code,
    (servers.i - 1)::INTEGER AS server,
    spans.rowid AS ref
FROM spans JOIN servers ON servers.name = coalesce(spans.server_pod, spans.pod)
WHERE kind = 'server' AND {RPC_SPANS}
"""  # noqa: S608 - a constant of this module

_SAID = f"""
SELECT kind, coalesce(grpc_code, -1)::INTEGER, coalesce(status_message, ''), count(*)
FROM spans WHERE kind IN ('client', 'server') AND coalesce(grpc_code, -1) != 0 AND {RPC_SPANS}
GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 - a constant of this module

_SERVER_RPCS = f"""
WITH servers AS (SELECT unnest($servers::VARCHAR[]) AS name, generate_subscripts($servers::VARCHAR[], 1) AS i)
SELECT (start_unix_nano - $zero) / 1e9 AS started,
    (end_unix_nano - $zero) / 1e9 AS ended,
    coalesce(grpc_code, -1)::SMALLINT AS code,
    (coalesce(servers.i, 0) - 1)::INTEGER AS server,
    parent_span_id IS NOT NULL AND lead(true) OVER attempts IS NOT NULL AS superseded
FROM spans LEFT JOIN servers ON servers.name = coalesce(spans.server_pod, spans.pod)
WHERE kind = 'server' AND {RPC_SPANS}
WINDOW attempts AS (PARTITION BY trace_id, parent_span_id ORDER BY start_unix_nano)
"""  # noqa: S608 - a constant of this module

# If both emit a metric, ours is read. CPU time is the sum over user and system of cumulative counters.
_USAGE = """
WITH points AS (
    SELECT name, scope, pod, time_unix_nano, value,
        coalesce(attributes->>'$."cpu.mode"', attributes->>'$.type', 'user') AS mode
    FROM metric_points
    WHERE setting = $setting AND name IN ($cpu, $memory, $active, $age) AND value IS NOT NULL
), chosen AS (SELECT name, arg_max(scope, scope = $scope) AS scope FROM points GROUP BY name),
servers AS (SELECT unnest($servers::VARCHAR[]) AS name, generate_subscripts($servers::VARCHAR[], 1) AS i),
exports AS (
    SELECT servers.i - 1 AS server, time_unix_nano,
        sum(value) FILTER (points.name = $cpu AND mode IN ('user', 'system')) AS cpu_time,
        sum(value) FILTER (points.name = $memory) AS memory,
        sum(value) FILTER (points.name = $active) AS active,
        max(value) FILTER (points.name = $age) AS age
    FROM points JOIN chosen USING (name, scope) JOIN servers ON servers.name = points.pod
    GROUP BY ALL
)
SELECT (time_unix_nano - $zero) / 1e9 AS at, server::INTEGER AS server,
    (cpu_time - lag(cpu_time) OVER pods) / nullif((time_unix_nano - lag(time_unix_nano) OVER pods) / 1e9, 0)
        AS cpu,
    memory, active, age
FROM exports WINDOW pods AS (PARTITION BY server ORDER BY time_unix_nano)
ORDER BY time_unix_nano, server
"""

# The last value of cumulative counters; if a client was restarted, the last value of each life.
_METERED = """
WITH last AS (
    SELECT attributes, max(count) AS count FROM metric_points
    WHERE setting = $setting AND name = $name AND cumulative
        AND NOT starts_with(coalesce(attributes->>'$."rpc.method"', ''), 'grpc.')
    GROUP BY resource, start_unix_nano, attributes
)
SELECT
    coalesce(attributes->>$server, ''),
    coalesce(attributes->>$code, attributes->>$earlier, ''),
    sum(count)::BIGINT
FROM last GROUP BY ALL
"""


def rpc_table(
    store: RunStore, setting: str, zero: int, pods: Sequence[PodLife], clients: Sequence[tuple[str, int]]
) -> tuple[RpcTable, Answers]:
    """Return the client's RPC spans of a setting, and who answered them.

    ``pods`` are the servers; ``clients`` are pods and their channels' numbers.
    """
    servers = [pod.name for pod in pods]
    columns = store.columns(
        _CLIENT_RPCS,
        {
            "setting": setting,
            "zero": zero,
            "servers": servers,
            "pods": [pod for pod, _ in clients],
            "channels": [channel for _, channel in clients],
        },
    )
    order = np.argsort(columns["sent"], kind="stable")
    code, ref = _whole(columns["code"])[order], _whole(columns["ref"])[order]
    named = _whole(columns["named"])[order]
    answers = who_answered(_clues(store, setting, zero, pods, code, named, ref))
    rpcs = RpcTable(
        scheduled=_floats(columns["scheduled"])[order],
        sent=_floats(columns["sent"])[order],
        ended=_floats(columns["ended"])[order],
        code=code,
        server=answers.server,
        told=named >= 0,
        client=_whole(columns["client"])[order],
        ref=ref,
    )
    return rpcs, answers


def _clues(
    store: RunStore,
    setting: str,
    zero: int,
    pods: Sequence[PodLife],
    code: NDArray[np.int16],
    named: NDArray[np.int32],
    ref: NDArray[np.int64],
) -> Clues:
    """Return what spans show about who answered each of the rows."""
    nothing = np.full(len(ref), NONE)
    clues = {name: nothing.copy() for name in ("joined", "joined_code", "worked", "peer", "answered")}
    if (named == NONE).any():
        created = [pod.commanded if pod.created is None else pod.created for pod in pods]
        columns = store.columns(
            _CLUES,
            {
                "setting": setting,
                "servers": [pod.name for pod in pods],
                "addresses": [pod.address for pod in pods],
                "created": [zero + round(at * 1e9) for at in created],
            },
        )
        by_ref = np.argsort(ref)
        rows = by_ref[np.searchsorted(ref[by_ref], _whole(columns["ref"]))]
        for name, column in clues.items():
            column[rows] = _whole(columns[name])
    return Clues(code=code, named=named, **clues)


def rpcs_of_servers(store: RunStore, setting: str, zero: int, servers: Sequence[str]) -> RpcTable:
    """Return the RPCs of a setting as the servers' spans report them, all of one client."""
    columns = store.columns(_RPCS_OF_SERVERS, {"setting": setting, "zero": zero, "servers": list(servers)})
    order = np.argsort(columns["sent"], kind="stable")
    sent = _floats(columns["sent"])[order]
    return RpcTable(
        scheduled=np.full(len(sent), np.nan),
        sent=sent,
        ended=_floats(columns["ended"])[order],
        code=_whole(columns["code"])[order],
        server=_whole(columns["server"])[order],
        told=np.zeros(len(sent), dtype=np.bool_),
        client=np.zeros(len(sent), dtype=np.int32),
        ref=_whole(columns["ref"])[order],
    )


def said(store: RunStore, setting: str) -> tuple[SaidCount, ...]:
    """Return the failed RPCs of a setting by side, code and status message."""
    return tuple(
        SaidCount(Side(kind), code, message, count)
        for kind, code, message, count in store.query(_SAID, {"setting": setting})
    )


def served_table(store: RunStore, setting: str, zero: int, servers: Sequence[str]) -> ServedTable:
    """Return the servers' RPC spans of a setting."""
    columns = store.columns(_SERVER_RPCS, {"setting": setting, "zero": zero, "servers": list(servers)})
    return ServedTable(
        started=_floats(columns["started"]),
        ended=_floats(columns["ended"]),
        code=_whole(columns["code"]),
        server=_whole(columns["server"]),
        superseded=_whole(columns["superseded"]),
    )


def usage_table(store: RunStore, setting: str, zero: int, servers: Sequence[str]) -> UsageTable:
    """Return what the server pods of a setting reported of themselves, ordered by time."""
    columns = store.columns(
        _USAGE,
        {
            "setting": setting,
            "zero": zero,
            "servers": list(servers),
            "cpu": names.METRIC_PROCESS_CPU_TIME,
            "memory": names.METRIC_PROCESS_MEMORY_USAGE,
            "active": names.METRIC_SERVER_ACTIVE,
            "age": names.METRIC_SERVER_INACTIVITY_AGE,
            "scope": names.SCOPE,
        },
    )
    return UsageTable(
        at=_floats(columns["at"]),
        server=_whole(columns["server"]),
        cpu=_floats(columns["cpu"]),
        memory=_floats(columns["memory"]),
        active=_floats(columns["active"]),
        inactivity_age=_floats(columns["age"]),
    )


def metered(store: RunStore, setting: str) -> dict[tuple[str, str], int] | None:
    """Return the client's RPCs of a setting by server and code, from its histogram; None without one."""
    counts = store.query(
        _METERED,
        {
            "setting": setting,
            "name": names.METRIC_CLIENT_DURATION,
            "server": f'$."{names.SERVER_POD}"',
            "code": f'$."{names.RPC_STATUS_CODE}"',
            "earlier": f'$."{names.RPC_RESPONSE_STATUS_CODE}"',
        },
    )
    return {(server, code): count for server, code, count in counts} or None


def span_refs(store: RunStore, rpcs: RpcTable, streams: StreamTable) -> dict[int, SpanRef]:
    """Return the spans of the linked rows, by ``RpcTable.ref``."""
    refs = [int(ref) for ref in rpcs.ref[linked_rows(rpcs, streams)]]
    rows = store.query(
        "SELECT rowid, trace_id, span_id FROM spans WHERE rowid IN (SELECT unnest($refs::BIGINT[]))",
        {"refs": refs},
    )
    return {row: SpanRef(trace, span) for row, trace, span in rows}


def _floats(column: Any) -> Floats:  # noqa: ANN401 - a numpy array, masked where SQL has NULL
    return np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)


def _whole(column: Any) -> NDArray[Any]:  # noqa: ANN401 - a numpy array, masked or not
    """Return a column that has no NULL."""
    return np.ma.getdata(column)
