"""Streams for measures of RPCs: which rows they are, and when they were answered."""

import numpy as np
from numpy.typing import NDArray

from lbstudy.observation.records import RpcTable, StreamTable


def are_streams(rpcs: RpcTable, streams: StreamTable) -> NDArray[np.bool_]:
    """Return which RPCs are streams."""
    flags = np.zeros(len(rpcs), dtype=bool)
    flags[streams.row] = True
    return flags


def answered_at(rpcs: RpcTable, streams: StreamTable) -> NDArray[np.float64]:
    """Return when each RPC was answered: at its end; a stream with its first message, long before its end."""
    instants = rpcs.ended.copy()
    has_first = ~np.isnan(streams.first)
    instants[streams.row[has_first]] = streams.first[has_first]
    return instants
