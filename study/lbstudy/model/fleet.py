"""Simulates thousands of clients and servers at once: the rules of ``client``, for many clients in each step.

A client's next resolution depends on only two numbers: the end of its minimum interval, and the first end of
one of its connections (or failure of an attempt) after its last resolution was answered. So clients go from
resolution to resolution, each at its own instants. An array of clients × servers has the next end of each
connection. A step finds the first end, advances all connections to the client's next resolution, and
processes the list.

It is as exact as ``client``, with two exceptions: all connections to the servers of a new list take the same
time, and when round_robin reaches a new server is random (see ``turns``). Only for policies that connect to
all servers.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.model.parameters import BACKOFF_JITTER, BACKOFF_MULTIPLIER, Parameters
from lbstudy.model.part import FleetRecord, Floats, SimulatedPart
from lbstudy.model.pick_first import PickFirstPart
from lbstudy.model.servers import ServerLife

_CELLS: Final = 200_000
"""Connections that are simulated together: as many as fit into a core's cache."""
_MANY_RENEWALS: Final = 50
"""From so many renewals in a turn of round_robin on, its wait is taken as exponential; its mean is then 2 %
too long.
"""


def simulate(
    parameters: Parameters,
    servers: Sequence[ServerLife],
    clients: int,
    end: float,
    *,
    seed: int = 0,
    threads: int = 2,
) -> FleetRecord:
    """Simulate clients that have run for long, from a warm-up before time 0 to ``end`` seconds.

    Each begins at its own phase (see ``warm_up``). The result depends only on the seed, not on the number of
    threads.
    """
    kind = _Part if parameters.connects_to_all else PickFirstPart
    size = max(1, _CELLS // max(1, len(servers)))
    parts = [min(size, clients - first) for first in range(0, clients, size)]
    seeds = np.random.SeedSequence(seed).spawn(len(parts))
    with ThreadPoolExecutor(threads) as pool:
        records = list(
            pool.map(
                lambda part: kind(parameters, servers, part[0], end, np.random.default_rng(part[1])).run(),
                zip(parts, seeds, strict=True),
            )
        )
    return FleetRecord(
        lookups=np.sum([record.lookups for record in records], axis=0),
        connections=np.sum([record.connections for record in records], axis=0),
        refused=np.sum([record.refused for record in records], axis=0),
        listed=np.concatenate([record.listed for record in records]),
        answered=None
        if parameters.connects_to_all
        else np.concatenate([record.answered for record in records if record.answered is not None]),
        events=sum(record.events for record in records),
    )


class _Part(SimulatedPart):
    """Some of the clients, with a policy that connects to all servers."""

    def _set_up(self, servers: Sequence[ServerLife], clients: int) -> None:
        self._is_lasting = bool(np.isinf(self._goaway).all())
        # the following arrays have a row for each client that is still simulated
        self._client = np.arange(clients)
        # when connections end, or the next attempt fails
        self._ends = np.full((clients, len(servers)), np.inf)
        # 1: the server's GOAWAY has ended its connection; 2 and more: attempts were refused.
        self._failures = np.zeros((clients, len(servers) if not self._is_lasting else 0), np.int8)
        self._last = np.full(clients, -np.inf)  # start of the last resolution
        self._asked = self._begin()  # the instant of the present list

    def run(self) -> FleetRecord:
        """Simulate resolution after resolution until every client's next one is after the end."""
        while len(self._client):
            starts = np.maximum(self._first_request(), self._last + self._p.min_interval)
            due = starts <= self._end
            if not due.all():
                self._leave(~due)
                starts = starts[due]
            self._count(self._lookups, starts)
            self._last = starts
            self._advance(starts + self._p.lookup)  # what ends meanwhile requests nothing
            self._take_list()
        return FleetRecord(self._lookups, self._connections, self._refused, self._listed, None, self._events)

    def _first_request(self) -> Floats:
        """Return when each client next requests a resolution: a connection ends, or a server has failed."""
        first: Floats = self._ends.min(axis=1)
        if not self._is_lasting:
            first[(self._failures > 1).any(axis=1)] = -np.inf
        return first

    def _leave(self, done: NDArray[np.bool_]) -> None:
        """Finish these clients, which make no further resolution: advance their connections to the end."""
        on = ~done
        client, ends, failures = self._client[on], self._ends[on], self._failures[on]
        last, asked = self._last[on], self._asked[on]
        self._ends, self._failures = self._ends[done], self._failures[done]
        self._advance(np.full(len(self._ends), self._end))
        self._client, self._ends, self._failures = client, ends, failures
        self._last, self._asked = last, asked

    def _begin(self) -> Floats:
        there = self._in_dns(self._start)
        ends = self._start[:, None] + self._remaining(there.shape)
        self._ends[there] = np.minimum(ends, self._goaway)[there]
        return self._start

    def _advance(self, until: Floats) -> None:
        """Advance each client's connections to an instant of its own."""
        width = self._ends.shape[1]
        ends = self._ends.reshape(-1)  # flat indices, since numpy is slow with two
        cell = np.flatnonzero(self._ends <= until[:, None])
        limit = until[cell // width]
        while len(cell):
            at = ends[cell]
            again = at + self._p.connect
            if self._is_lasting:
                self._count(self._connections, again)
                again += self._ages(len(cell))
            else:
                goaway = self._goaway[cell % width]
                self._count(self._connections, again[at < goaway])
                again += self._ages(len(cell))
                np.minimum(again, goaway, out=again)
                gone = np.flatnonzero(at >= goaway)
                if len(gone):
                    again[gone] = self._try_the_dead(cell[gone], at[gone])
            ends[cell] = again
            left = np.flatnonzero(again <= limit)
            cell, limit = cell[left], limit[left]

    def _try_the_dead(self, cell: NDArray[np.intp], at: Floats) -> Floats:
        """Simulate servers that are gone: GOAWAY ends a connection, then attempts fail, with back-off."""
        p = self._p
        failures = self._failures.reshape(-1)
        before = failures[cell]
        failures[cell] = np.minimum(before + 1, 100)
        self._count(self._refused, at[before > 0])
        grown = p.first_backoff * BACKOFF_MULTIPLIER ** np.maximum(before - 1.0, 0)
        wait = np.minimum(grown, p.longest_backoff)
        wait *= self._rng.uniform(1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER, len(cell))
        return at + np.where(before == 0, p.connect, wait)

    def _take_list(self) -> None:
        """Process the answer to the resolution that has just been made."""
        last, self._asked = self._asked, self._last + self._p.lookup / 2
        before, after = (np.searchsorted(self._changes, instant, "right") for instant in (last, self._asked))
        rows = np.flatnonzero(after > before)
        if not len(rows):
            return
        was, now = (self._in_dns(at[rows]) for at in (last, self._asked))
        row, server = np.nonzero(was & ~now)
        self._ends[rows[row], server] = np.inf
        self._failures[rows[row], server] = 0
        row, server = np.nonzero(now & ~was)
        row = rows[row]
        answered = self._last[row] + self._p.lookup
        self._listed[self._client[row], server] = answered
        connected = answered + self._p.connect
        self._count(self._connections, connected)
        ends = np.clip(self._goaway[server], connected, connected + self._ages(len(row)))
        self._ends[row, server] = ends


def turns(servers: int, rate: float, renewals: float, size: int, rng: np.random.Generator) -> Floats:
    """Draw how long round_robin takes to reach a certain READY server, in seconds.

    It begins at a random server, so the wait is uniform, up to a whole turn (``servers`` ÷ ``rate``). But
    each change of the READY connections (``renewals`` per second) begins a new turn, and what was waited
    until then is lost. With many renewals in a turn, the probability that the next pick is this server is
    hardly ever more than 1 ÷ ``servers``, and the wait is exponential.
    """
    if renewals * servers / rate > _MANY_RENEWALS:
        return rng.exponential(servers / rate, size)
    wait = np.zeros(size)
    open_ = np.arange(size)
    while len(open_):
        turn = rng.random(len(open_)) * servers / rate
        reset = rng.exponential(1 / renewals, len(open_)) if renewals > 0 else np.full(len(open_), np.inf)
        wait[open_] += np.minimum(turn, reset)
        open_ = open_[turn > reset]
    return wait
