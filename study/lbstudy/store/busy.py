"""Reads how busy servers were, and what the autoscaler decided, from a run's file."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from lbstudy.observation.records import BusyTable, ScalingDecision
from lbstudy.store.database import RunStore

_BUSY: Final = """
WITH servers AS (SELECT unnest($servers::VARCHAR[]) AS name, generate_subscripts($servers::VARCHAR[], 1) AS i)
SELECT (at_unix_nano - $zero) / 1e9 AS at, (servers.i - 1)::INTEGER AS server,
    (busy - lag(busy) OVER pods) / nullif((uptime - lag(uptime) OVER pods) * nullif(concurrency, 0), 0)
        AS utilization,
    waiting::DOUBLE AS waiting, ended::DOUBLE AS ended
FROM server_busy JOIN servers ON servers.name = server_busy.pod
WHERE setting = $setting
WINDOW pods AS (PARTITION BY pod ORDER BY at_unix_nano)
ORDER BY at_unix_nano, server
"""
_DECISIONS: Final = """
SELECT (at_unix_nano - $zero) / 1e9, current, wished, desired, utilization / 100, ready, unready, missing
FROM autoscaler_decisions WHERE setting = $setting ORDER BY at_unix_nano
"""


def busy_table(store: RunStore, setting: str, zero: int, servers: Sequence[str]) -> BusyTable | None:
    """Return how busy the servers of a setting were; None if they did not report it. Raises StoreError."""
    if not store.has("server_busy", "pod"):
        return None
    columns = store.columns(_BUSY, {"setting": setting, "zero": zero, "servers": list(servers)})
    if not len(columns["at"]):
        return None
    return BusyTable(
        _floats(columns["at"]),
        np.asarray(columns["server"], dtype=np.int32),
        np.clip(_floats(columns["utilization"]), 0.0, 1.0),
        _floats(columns["waiting"]),
        _floats(columns["ended"]),
    )


def decisions(store: RunStore, setting: str, zero: int) -> tuple[ScalingDecision, ...]:
    """Return the autoscaler's decisions for a setting, in order. Raises StoreError."""
    if not store.has("autoscaler_decisions", "desired"):
        return ()
    rows = store.query(_DECISIONS, {"setting": setting, "zero": zero})
    return tuple(ScalingDecision(*row) for row in rows)


def _floats(column: Any) -> np.ndarray[Any, np.dtype[np.float64]]:  # noqa: ANN401 - DuckDB's, masked or not
    return np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)
