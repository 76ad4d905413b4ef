"""Some of the clients of a fleet: what all policies share, and what is recorded."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lbstudy.model.parameters import AGE_JITTER, Parameters, warm_up
from lbstudy.model.servers import ServerLife

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FleetRecord:
    """What all clients together did. Rates are counts in bins of one second from time 0."""

    lookups: NDArray[np.int64]
    connections: NDArray[np.int64]  # new connections
    refused: NDArray[np.int64]  # refused attempts
    listed: Floats  # clients × servers: when the list first had it; NaN: not by the end, or from the start
    answered: Floats | None  # the same: end of the first RPC; None: it is drawn later (see fleet.turns)
    events: int


class SimulatedPart(ABC):
    """The servers as arrays, the counts, and when the clients begin."""

    def __init__(
        self,
        parameters: Parameters,
        servers: Sequence[ServerLife],
        clients: int,
        end: float,
        rng: np.random.Generator,
    ) -> None:
        self._p = parameters
        self._rng = rng
        self._end = end
        self._published = np.array([server.published for server in servers])
        self._unpublished = np.array([server.unpublished for server in servers])
        self._goaway = np.array([server.goaway for server in servers])
        changes = np.concatenate([self._published, self._unpublished])
        self._changes = np.sort(changes[np.isfinite(changes)])
        bins = math.ceil(end)
        self._lookups = np.zeros(bins, np.int64)
        self._connections = np.zeros(bins, np.int64)
        self._refused = np.zeros(bins, np.int64)
        self._events = 0
        self._listed = np.full((clients, len(servers)), np.nan)
        long, phase = warm_up(parameters, int((self._published < 0).sum()))
        self._start: Floats = -long - phase * rng.random(clients)
        self._set_up(servers, clients)

    @abstractmethod
    def _set_up(self, servers: Sequence[ServerLife], clients: int) -> None:
        """Prepare the state of this policy's clients at their start."""

    @abstractmethod
    def run(self) -> FleetRecord:
        """Simulate until every client's next event is after the end."""

    def _in_dns(self, at: Floats) -> NDArray[np.bool_]:
        """Return which servers DNS has at each instant: instants × servers."""
        return (self._published <= at[:, None]) & (self._unpublished > at[:, None])

    def _ages(self, size: int) -> Floats:
        """Return the ages of so many new connections."""
        p = self._p
        if not p.ages:
            return np.full(size, np.inf)
        return self._rng.uniform((1 - AGE_JITTER) * p.max_age, (1 + AGE_JITTER) * p.max_age, size)

    def _remaining(self, shape: tuple[int, ...]) -> Floats:
        """Return the remaining ages of connections of clients that have run for long."""
        if not self._p.ages:
            return np.full(shape, np.inf)
        squares = self._rng.uniform((1 - AGE_JITTER) ** 2, (1 + AGE_JITTER) ** 2, shape)
        left: Floats = np.sqrt(squares) * self._p.max_age * self._rng.random(shape)
        return left

    def _count(self, into: NDArray[np.int64], at: Floats) -> None:
        if not len(at):
            return
        self._events += len(at)
        if at.min() < 0 or at.max() >= len(into):
            at = at[(at >= 0) & (at < len(into))]
        seconds = at.astype(np.int64)
        first = int(seconds.min(initial=len(into)))
        counts = np.bincount(seconds - first)
        into[first : first + len(counts)] += counts
