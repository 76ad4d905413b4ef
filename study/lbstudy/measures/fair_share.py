"""When an added server had reached its fair share.

Time from its Ready on is divided into buckets of 1 s. A bucket is *fair* if the rate that the server answered
is within 20 % of the rate that all servers answered ÷ the mean number of Ready servers. The fair share is
reached at the beginning of the first three fair buckets in a row, so it is known to the second.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.readiness import mean_ready
from lbstudy.observation.records import Lane
from lbstudy.observation.streams import answered_at

Floats = NDArray[np.float64]

BUCKET: Final = 1.0
TOLERANCE: Final = 0.2
IN_A_ROW: Final = 3
_ROUNDING: Final = 1e-9  # 8 of 10 is within 20 %, despite floating point


class FairShare:
    """Finds the instant for the servers of one lane."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        answered = lane.rpcs.server >= 0
        self._server = lane.rpcs.server[answered]
        self._ended = answered_at(lane.rpcs, lane.streams)[answered]
        self._all = np.sort(self._ended)

    def reached(self, server: int, ready: float, watched_until: float) -> float | None:
        """Return the instant at which the server had reached it; None if it had not while it was watched."""
        buckets = int((watched_until - ready + _ROUNDING) / BUCKET)
        if buckets < IN_A_ROW:
            return None
        edges = ready + np.arange(buckets + 1, dtype=np.float64) * BUCKET
        own = _counts(np.sort(self._ended[self._server == server]), edges)
        servers = mean_ready(self._lane, edges)
        fair = _counts(self._all, edges) / np.maximum(servers, _ROUNDING)
        is_fair = (fair > 0) & (servers > 0) & (np.abs(own - fair) <= TOLERANCE * fair + _ROUNDING)
        runs = np.convolve(is_fair, np.ones(IN_A_ROW, dtype=int), mode="valid")
        first = np.flatnonzero(runs == IN_A_ROW)
        return float(edges[first[0]]) if len(first) else None


def _counts(ended: Floats, edges: Floats) -> Floats:
    """Return how many of the sorted instants lie from each edge until before the next."""
    return np.diff(np.searchsorted(ended, edges)).astype(np.float64)
