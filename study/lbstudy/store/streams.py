"""Reads streams and their messages from a run's store."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from grpc_lb_instrumentor import names

from lbstudy.observation.records import DeliveredTable, RpcTable, StreamTable
from lbstudy.store.database import RunStore
from lbstudy.store.tables import RPC_SPANS

# Most spans are not streams: searching their text costs less than parsing its JSON.
_STREAMS: Final = f"""
WITH streams AS (
    SELECT rowid AS ref, attributes->>'$."{names.STREAM_KIND}"' AS kind, events FROM spans
    WHERE kind = 'client' AND contains(attributes, '"{names.STREAM_KIND}"') AND {RPC_SPANS})
SELECT ref, kind, (
    SELECT min(CAST(event->>'$.time_unix_nano' AS BIGINT))
    FROM (SELECT unnest(CAST(events AS JSON[])) AS event)
    WHERE event->>'$.name' = '{names.EVENT_FIRST_MESSAGE}')
FROM streams ORDER BY ref
"""  # noqa: S608 - constants of this module

# The increase of each series from one export to the next. The first counts from the client's start.
_DELIVERED: Final = """
WITH points AS (
    SELECT resource, start_unix_nano, attributes->>$method AS method,
        coalesce(attributes->>$server, '') AS server, time_unix_nano, max(value) AS value
    FROM metric_points WHERE setting = $setting AND name = $name AND value IS NOT NULL GROUP BY ALL
), steps AS (
    SELECT time_unix_nano, server, value - coalesce(lag(value) OVER (
        PARTITION BY resource, start_unix_nano, method, server ORDER BY time_unix_nano), 0) AS messages
    FROM points)
SELECT time_unix_nano, server, sum(messages)::BIGINT FROM steps WHERE messages > 0
GROUP BY ALL ORDER BY ALL
"""

_GIVEN: Final = """
WITH last AS (
    SELECT attributes, coalesce(attributes->>$server, pod) AS server, max(value) AS value FROM metric_points
    WHERE setting = $setting AND name = $name AND value IS NOT NULL
    GROUP BY resource, start_unix_nano, attributes, pod
)
SELECT server, sum(value)::BIGINT FROM last GROUP BY ALL
"""


def stream_table(store: RunStore, setting: str, zero: int, rpcs: RpcTable) -> StreamTable:
    """Return the streams of a setting's client, by their rows in ``rpcs``."""
    fetched = store.query(_STREAMS, {"setting": setting})
    if not fetched:
        return StreamTable()
    rows = {int(ref): row for row, ref in enumerate(rpcs.ref)}
    streams = sorted((rows[ref], kind, first) for ref, kind, first in fetched if ref in rows)
    return StreamTable(
        row=np.array([row for row, _, _ in streams], dtype=np.int64),
        kind=tuple(kind for _, kind, _ in streams),
        first=np.array([np.nan if first is None else (first - zero) / 1e9 for _, _, first in streams]),
    )


def delivered_table(store: RunStore, setting: str, zero: int, servers: Sequence[str]) -> DeliveredTable:
    """Return what a setting's clients received on streams, export by export."""
    columns = store.query(
        _DELIVERED,
        {
            "setting": setting,
            "name": names.METRIC_CLIENT_MESSAGES,
            "server": f'$."{names.SERVER_POD}"',
            "method": f'$."{names.RPC_METHOD}"',
        },
    )
    index = {server: i for i, server in enumerate(servers)}
    return DeliveredTable(
        at=np.array([(at - zero) / 1e9 for at, _, _ in columns], dtype=np.float64),
        server=np.array([index.get(server, -1) for _, server, _ in columns], dtype=np.int64),
        messages=np.array([count for _, _, count in columns], dtype=np.int64),
    )


def given(store: RunStore, setting: str) -> Mapping[str, int] | None:
    """Return the messages that each server sent on streams, by its own metric; None if none has it."""
    rows = store.query(
        _GIVEN,
        {
            "setting": setting,
            "name": names.METRIC_SERVER_MESSAGES,
            "server": f'$."{names.SERVER_POD}"',
        },
    )
    return dict(rows) or None
