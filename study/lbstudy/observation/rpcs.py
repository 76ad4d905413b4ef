"""Selections of RPC rows that sources and measures share."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.observation.records import NO_SERVER, RpcTable

FIRST_FAILURES: Final = 50
"""So many failed RPCs are told one by one, the first ones."""


def first_failures(rpcs: RpcTable) -> NDArray[np.int64]:
    """The rows of the first failed RPCs, in the order in which they were sent."""
    return np.flatnonzero(rpcs.code != 0)[:FIRST_FAILURES]


def first_answers(rpcs: RpcTable) -> dict[tuple[int, int], int]:
    """(server, client) → the row of the first RPC that the server answered with OK for the client."""
    answered = np.flatnonzero((rpcs.code == 0) & (rpcs.server != NO_SERVER))
    by_end = answered[np.argsort(rpcs.ended[answered], kind="stable")]
    pairs = rpcs.server[by_end].astype(np.int64) << 32 | rpcs.client[by_end]
    found, first = np.unique(pairs, return_index=True)
    rows = by_end[first]
    return {
        (int(pair >> 32), int(pair & 0xFFFFFFFF)): int(row) for pair, row in zip(found, rows, strict=True)
    }


def linked_rows(rpcs: RpcTable) -> list[int]:
    """The rows whose spans a report links to, and a source therefore names in ``Lane.span_refs``."""
    return sorted({*map(int, first_failures(rpcs)), *first_answers(rpcs).values()})
