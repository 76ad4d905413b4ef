"""Mean and hottest utilisation: how busy the Ready servers were in each second, by their own counts.

A server's *utilisation* is the time for which it handled RPCs ÷ (time × how many it can handle at a time),
between two of its answers. It counts for the second of the later answer, if the server was Ready then. The
*mean* is what an autoscaler uses; the *hottest* is what callers feel. If servers get no traffic, the mean
falls and the hottest does not. If the servers did not answer in a second, it is not observed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.readiness import is_ready_at
from lbstudy.observation.records import Lane

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Busyness:
    """One value a second of the load, from its start; NaN: not observed."""

    mean: Floats
    hottest: Floats


def busyness(lane: Lane) -> Busyness:
    """Return the Ready servers' utilisation in each second."""
    seconds = int(lane.end)
    mean, hottest = np.full(seconds, np.nan), np.full(seconds, np.nan)
    table = lane.busy
    if table is None:
        return Busyness(mean, hottest)
    counts = ~np.isnan(table.utilization) & (table.at >= 0) & (table.at < seconds)
    for index, pod in enumerate(lane.pods):
        own = table.server == index
        counts[own] &= is_ready_at(pod, table.at[own])
    second = table.at[counts].astype(np.int64)
    used, server = table.utilization[counts], table.server[counts]
    for number in np.unique(second):
        now = second == number
        # If a second has two answers of one server, their mean counts.
        of_each = [float(used[now & (server == answering)].mean()) for answering in np.unique(server[now])]
        mean[number], hottest[number] = np.mean(of_each), max(of_each)
    return Busyness(mean, hottest)
