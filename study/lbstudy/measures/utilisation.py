"""Measure 5, utilisation: how busy or idle each server was, as the server itself reported.

CPU is the growth of process.cpu.time (user and system) between two exports ÷ the time between them, in cores.
Memory is the resident set. The *inactivity age* is the time since the server last worked on an RPC, or since
its start if it never did; 0 while it works on one. Mean CPU, the largest inactivity age and the idle share
are those during the load. The *idle share* is the share of the samples taken while the server was Ready in
which it had not finished an RPC for more than 1 s. Samples continue after the server has left the clients'
lists, while it runs.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.readiness import is_ready_at
from lbstudy.observation.records import Lane
from lbstudy.result.model import NotObserved, Usage, Utilisation

Floats = NDArray[np.float64]

IDLE_AFTER: Final = 1.0
"""s without a finished RPC after which a server counts as idle."""
_NOBODY: Final = NotObserved(
    why="the servers send no metrics of their processes",
    needs="OpenTelemetry’s process metrics (process.cpu.time …) in the servers; our instrumentor for the age",
)
MOST_SAMPLES: Final = 600
"""In a longer run, only every second, third … sample is shown; the figures use all samples."""


def utilisation(lane: Lane) -> Utilisation:
    """Return CPU, memory and inactivity age of each server."""
    return Utilisation(
        servers=[_usage(lane, index) for index in range(len(lane.servers))],
        not_observed=None if len(lane.usage.at) or not lane.servers else _NOBODY,
    )


def _usage(lane: Lane, index: int) -> Usage:
    pod, table = lane.pods[index], lane.usage
    rows = np.flatnonzero(table.server == index)
    at, cpu, memory, age = (
        column[rows] for column in (table.at, table.cpu, table.memory, table.inactivity_age)
    )
    under_load = (at >= 0) & (at <= lane.end)
    is_ready = under_load & ~np.isnan(age) & is_ready_at(pod, at)
    shown = slice(None, None, max(-(-len(rows) // MOST_SAMPLES), 1))
    return Usage(
        server=lane.servers[index],
        at=[float(value) for value in at[shown]],
        cpu=_optional(cpu[shown]),
        memory=_optional(memory[shown]),
        inactivity_age=_optional(age[shown]),
        cpu_mean=_mean(cpu[under_load]),
        memory_max=_max(memory),
        inactivity_max=_max(age[under_load]),
        idle_share=_mean((age[is_ready] > IDLE_AFTER).astype(np.float64)),
    )


def _optional(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _max(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.max()) if len(known) else None
