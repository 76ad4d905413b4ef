"""Pod-seconds: how long servers were Ready under load, and how much of that was without traffic.

A server has *traffic* while an RPC that it answered is under way, and for 1 s afterwards (the second after
which it counts as idle in ``utilisation``). The rest of its Ready time under load is *wasted*: it is paid
for, and serves nobody. If it is unknown which server answered an RPC, waste is not observed.
"""

import numpy as np

from lbstudy.measures.readiness import ready_spans
from lbstudy.measures.utilisation import IDLE_AFTER
from lbstudy.observation.known import Unseen
from lbstudy.observation.records import Lane


def pod_seconds(lane: Lane) -> float:
    """Return how long the servers were Ready under load, in total, in s."""
    return sum(end - start for index in range(len(lane.pods)) for start, end in _ready(lane, index))


def wasted(lane: Lane) -> float | None:
    """Return how much of that was without traffic, in s; None: not observed."""
    if isinstance(lane.known.answers, Unseen):
        return None
    return sum(_without_traffic(lane, index) for index in range(len(lane.pods)))


def _ready(lane: Lane, index: int) -> list[tuple[float, float]]:
    """Return a server's Ready spans, as far as they are under load."""
    spans = [(max(start, 0.0), min(end, lane.end)) for start, end in ready_spans(lane.pods[index])]
    return [(start, end) for start, end in spans if end > start]


def _without_traffic(lane: Lane, index: int) -> float:
    rows = lane.rpcs.server == index
    order = np.argsort(lane.rpcs.sent[rows], kind="stable")
    begun, over = lane.rpcs.sent[rows][order], lane.rpcs.ended[rows][order] + IDLE_AFTER
    until = np.maximum.accumulate(over) if len(over) else over
    seconds = 0.0
    for start, end in _ready(lane, index):
        # The gaps between busy spans: from the end of all earlier spans to the beginning of the next.
        gaps_start = np.concatenate(([start], until))
        gaps_end = np.concatenate((begun, [end]))
        gaps = np.minimum(gaps_end, end) - np.maximum(gaps_start, start)
        seconds += float(np.maximum(gaps, 0.0).sum())
    return seconds
