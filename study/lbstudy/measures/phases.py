"""Phases: the time between two changes.

A phase begins with the load, or with a moment under load (a scale command, or a fault's beginning or
lifting), and lasts until the next one or the load's end. Moments closer to each other than 0.25 s begin one
phase. Its *settled part* is its second half: by then a client that follows changes has followed this one. Its
Ready set is the servers that were Ready for all of the settled part. An RPC belongs to the phase in which it
was sent.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.moments import at_once, moments
from lbstudy.measures.readiness import is_ready_throughout
from lbstudy.observation.records import Lane
from lbstudy.result.model import Phase


def phases(lane: Lane) -> list[Phase]:
    """Return the phases of a run, in order."""
    servers = 0
    for command in lane.commands:
        if command.at <= 0:
            servers = command.servers
    starts = {0.0: f"{servers} server{'s' if servers != 1 else ''}"}
    starts |= {moment.at: moment.label for moment in at_once(moments(lane))}
    edges = [*starts, lane.end]
    return [
        Phase(
            index=index,
            start=start,
            end=end,
            label=label,
            ready=[pod.name for pod in lane.pods if is_ready_throughout(pod, settled(start, end), end)],
        )
        for index, ((start, end), label) in enumerate(zip(pairwise(edges), starts.values(), strict=True))
    ]


def settled(start: float, end: float) -> float:
    """Return when the settled part of a phase begins."""
    return (start + end) / 2


def phase_of(at: NDArray[np.float64], run_phases: list[Phase]) -> NDArray[np.intp]:
    """Return the index of the phase of each instant; the first and the last include what lies outside."""
    return np.searchsorted([phase.start for phase in run_phases[1:]], at, side="right")
