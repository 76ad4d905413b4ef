"""Set-based reading of the big tables: SQL to numpy columns, no row ever passes through Python."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from grpc_lb_instrumentor import names
from numpy.typing import NDArray

from lbstudy.observation.records import RpcTable, ServedTable, SpanRef, UsageTable
from lbstudy.observation.rpcs import linked_rows
from lbstudy.store.database import RunStore

Floats = NDArray[np.float64]

# gRPC's own services (health, reflection) are not the load: their packages begin with "grpc.".
RPC_SPANS = "setting = $setting AND rpc_method IS NOT NULL AND NOT starts_with(rpc_method, 'grpc.')"

# A span without a code has none to count: -1 keeps it apart from all of gRPC's.
_CLIENT_RPCS = f"""
WITH servers AS (SELECT unnest($servers::VARCHAR[]) AS name,
        generate_subscripts($servers::VARCHAR[], 1) AS i),
    clients AS (SELECT unnest($pods::VARCHAR[]) AS pod, unnest($channels::INTEGER[]) AS channel,
        generate_subscripts($pods::VARCHAR[], 1) AS i)
SELECT (scheduled_unix_nano - $zero) / 1e9 AS scheduled,
    (start_unix_nano - $zero) / 1e9 AS sent,
    (end_unix_nano - $zero) / 1e9 AS ended,
    coalesce(grpc_code, -1)::SMALLINT AS code,
    (coalesce(servers.i, 0) - 1)::INTEGER AS server,
    (clients.i - 1)::INTEGER AS client,
    spans.rowid AS ref
FROM spans
JOIN clients ON clients.pod = coalesce(spans.pod, '') AND clients.channel = coalesce(spans.channel_id, 0)
LEFT JOIN servers ON servers.name = spans.server_pod
WHERE kind = 'client' AND {RPC_SPANS}
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

# Where both emit a metric, ours is read. CPU time is the sum over user and system of cumulative counters.
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

# Of cumulative counters the last value; where a client began anew, that of each time.
_METERED = """
WITH last AS (
    SELECT attributes, max(count) AS count FROM metric_points
    WHERE setting = $setting AND name = $name AND cumulative
        AND NOT starts_with(coalesce(attributes->>'$."rpc.method"', ''), 'grpc.')
    GROUP BY resource, start_unix_nano, attributes
)
SELECT coalesce(attributes->>$server, ''), coalesce(attributes->>$code, ''), sum(count)::BIGINT
FROM last GROUP BY ALL
"""


def rpc_table(
    store: RunStore, setting: str, zero: int, servers: Sequence[str], clients: Sequence[tuple[str, int]]
) -> RpcTable:
    """The client's RPC spans of a setting; ``clients`` are pods and their channels' numbers."""
    found = store.columns(
        _CLIENT_RPCS,
        {
            "setting": setting,
            "zero": zero,
            "servers": list(servers),
            "pods": [pod for pod, _ in clients],
            "channels": [channel for _, channel in clients],
        },
    )
    order = np.argsort(found["sent"], kind="stable")
    return RpcTable(
        scheduled=_floats(found["scheduled"])[order],
        sent=_floats(found["sent"])[order],
        ended=_floats(found["ended"])[order],
        code=_whole(found["code"])[order],
        server=_whole(found["server"])[order],
        client=_whole(found["client"])[order],
        ref=_whole(found["ref"])[order],
    )


def served_table(store: RunStore, setting: str, zero: int, servers: Sequence[str]) -> ServedTable:
    """The servers' RPC spans of a setting."""
    found = store.columns(_SERVER_RPCS, {"setting": setting, "zero": zero, "servers": list(servers)})
    return ServedTable(
        started=_floats(found["started"]),
        ended=_floats(found["ended"]),
        code=_whole(found["code"]),
        server=_whole(found["server"]),
        superseded=_whole(found["superseded"]),
    )


def usage_table(store: RunStore, setting: str, zero: int, servers: Sequence[str]) -> UsageTable:
    """What the server pods of a setting reported of themselves, ordered by time."""
    found = store.columns(
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
        at=_floats(found["at"]),
        server=_whole(found["server"]),
        cpu=_floats(found["cpu"]),
        memory=_floats(found["memory"]),
        active=_floats(found["active"]),
        inactivity_age=_floats(found["age"]),
    )


def metered(store: RunStore, setting: str) -> dict[tuple[str, str], int] | None:
    """The client's RPCs of a setting by server and code, as its histogram counted them; None without one."""
    found = store.query(
        _METERED,
        {
            "setting": setting,
            "name": names.METRIC_CLIENT_DURATION,
            "server": f'$."{names.SERVER_POD}"',
            "code": f'$."{names.RPC_STATUS_CODE}"',
        },
    )
    return {(server, code): count for server, code, count in found} or None


def span_refs(store: RunStore, rpcs: RpcTable) -> dict[int, SpanRef]:
    """The spans of the linked rows, by ``RpcTable.ref``."""
    refs = [int(ref) for ref in rpcs.ref[linked_rows(rpcs)]]
    rows = store.query(
        "SELECT rowid, trace_id, span_id FROM spans WHERE rowid IN (SELECT unnest($refs::BIGINT[]))",
        {"refs": refs},
    )
    return {row: SpanRef(trace, span) for row, trace, span in rows}


def _floats(column: Any) -> Floats:  # noqa: ANN401 - a numpy array, masked where SQL has NULL
    return np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)


def _whole(column: Any) -> NDArray[Any]:  # noqa: ANN401 - a numpy array, masked or not
    """A column that has no NULL."""
    return np.ma.getdata(column)
