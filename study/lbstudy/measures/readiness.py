"""Which servers were Ready, and when: the basis of every fair share.

A pod is *Ready* from the instant at which its platform saw it Ready until it was told to terminate or ended
by itself, except while its platform saw it not Ready. The *Ready set* of a span of time is the pods that were
Ready for all of it.
"""

import numpy as np
from numpy.typing import NDArray

from lbstudy.observation.records import Lane, PodLife
from lbstudy.result.model import Ready

Floats = NDArray[np.float64]


def ready_until(pod: PodLife) -> float:
    """Return when the pod stopped being Ready for good; infinity if it never did."""
    ends = (end for end in (pod.terminating, pod.exited) if end is not None)
    return min(ends, default=float("inf"))


def ready_spans(pod: PodLife) -> list[tuple[float, float]]:
    """Return from when to when the pod was Ready, in order; the last span may end at infinity."""
    if pod.ready is None:
        return []
    spans, start, until = [], pod.ready, ready_until(pod)
    for interruption in pod.interruptions:
        spans.append((start, min(interruption.unready, until)))
        start = until if interruption.ready is None else interruption.ready
    spans.append((start, until))
    return [(start, end) for start, end in spans if end > start]


def is_ready_throughout(pod: PodLife, start: float, end: float) -> bool:
    """Return whether the pod was Ready for all of the time from start to end."""
    return any(begun <= start and until >= end for begun, until in ready_spans(pod))


def is_ready_at(pod: PodLife, at: Floats) -> NDArray[np.bool_]:
    """Return whether the pod was Ready at each instant."""
    ready = np.zeros(len(at), dtype=bool)
    for start, end in ready_spans(pod):
        ready |= (at >= start) & (at < end)
    return ready


def ready_steps(lane: Lane) -> list[Ready]:
    """Return the number of Ready servers as a step function, one record for each change."""
    moves: dict[float, int] = {}
    for start, end in (span for pod in lane.pods for span in ready_spans(pod)):
        moves[start] = moves.get(start, 0) + 1
        if end < float("inf"):
            moves[end] = moves.get(end, 0) - 1
    steps, servers = [], 0
    for at in sorted(moves):
        servers += moves[at]
        steps.append(Ready(at=at, servers=servers))
    return steps


def mean_ready(lane: Lane, edges: Floats) -> Floats:
    """Return the mean number of Ready servers between each edge and the next."""
    total = np.zeros(len(edges) - 1)
    for start, end in (span for pod in lane.pods for span in ready_spans(pod)):
        within = np.minimum(edges[1:], end) - np.maximum(edges[:-1], start)
        total += np.maximum(within, 0.0)
    return total / np.diff(edges)
