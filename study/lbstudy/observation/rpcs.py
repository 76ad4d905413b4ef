"""Selections of RPC rows that sources and measures share."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.observation.records import RpcTable, StreamTable
from lbstudy.observation.streams import answered_at

FIRST_FAILURES: Final = 50
"""How many failed RPCs are listed one by one."""


def first_failures(rpcs: RpcTable) -> NDArray[np.int64]:
    """Return the rows of the first failed RPCs, in the order in which they were sent."""
    return np.flatnonzero(rpcs.code != 0)[:FIRST_FAILURES]


def first_answers(rpcs: RpcTable, streams: StreamTable) -> dict[tuple[int, int], int]:
    """Return (server, client) → the row of the first RPC that the server answered with OK for the client.

    A stream with a message counts as answered, however it ended later.
    """
    is_good = rpcs.code == 0
    is_good[streams.row[~np.isnan(streams.first)]] = True
    answered = np.flatnonzero(is_good & (rpcs.server >= 0))
    by_end = answered[np.argsort(answered_at(rpcs, streams)[answered], kind="stable")]
    pairs = rpcs.server[by_end].astype(np.int64) << 32 | rpcs.client[by_end]
    distinct, first = np.unique(pairs, return_index=True)
    rows = by_end[first]
    return {
        (int(pair >> 32), int(pair & 0xFFFFFFFF)): int(row) for pair, row in zip(distinct, rows, strict=True)
    }


def linked_rows(rpcs: RpcTable, streams: StreamTable) -> list[int]:
    """Return the rows whose spans a report links to, so that a source includes them in ``Lane.span_refs``."""
    return sorted({*map(int, first_failures(rpcs)), *first_answers(rpcs, streams).values()})
