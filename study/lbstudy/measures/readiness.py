"""Which servers were Ready, and when: the base of every fair share.

A pod is *Ready* from the instant at which its platform saw it so, until it was told to terminate, or ended by
itself. The *Ready set* of a span of time is the pods that were Ready for all of it.
"""

import numpy as np
from numpy.typing import NDArray

from lbstudy.observation.records import Lane, PodLife
from lbstudy.result.model import Ready

Floats = NDArray[np.float64]


def ready_until(pod: PodLife) -> float:
    """When the pod stopped being Ready; infinity when it never did."""
    ends = (end for end in (pod.terminating, pod.exited) if end is not None)
    return min(ends, default=float("inf"))


def is_ready_throughout(pod: PodLife, start: float, end: float) -> bool:
    """Whether the pod was Ready for all of the time from start to end."""
    return pod.ready is not None and pod.ready <= start and ready_until(pod) >= end


def ready_steps(lane: Lane) -> list[Ready]:
    """The number of Ready servers as a step function, one record a change."""
    moves: dict[float, int] = {}
    for pod in lane.pods:
        if pod.ready is None or ready_until(pod) <= pod.ready:
            continue
        moves[pod.ready] = moves.get(pod.ready, 0) + 1
        if ready_until(pod) < float("inf"):
            moves[ready_until(pod)] = moves.get(ready_until(pod), 0) - 1
    steps, servers = [], 0
    for at in sorted(moves):
        servers += moves[at]
        steps.append(Ready(at=at, servers=servers))
    return steps


def mean_ready(lane: Lane, edges: Floats) -> Floats:
    """The mean number of Ready servers over time, between each edge and the next."""
    total = np.zeros(len(edges) - 1)
    for pod in lane.pods:
        if pod.ready is not None:
            start = np.maximum(edges[:-1], pod.ready)
            end = np.minimum(edges[1:], ready_until(pod))
            total += np.maximum(end - start, 0.0)
    return total / np.diff(edges)
