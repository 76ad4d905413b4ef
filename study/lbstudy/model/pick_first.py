"""Simulates thousands of clients with pick_first at once, by the rules of ``client``.

A client has one connection, to the first server of its list that accepted it. When that ends, the client
requests a resolution. With its next RPC it tries its list in the answer's (random) order, or the new list, if
that comes sooner. An answer without the connected server also ends the connection.

It is as exact as ``client``, with one exception: if no server of a list accepts it, it tries the list again
after one back-off of its own, not one for each server.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lbstudy.model.parameters import BACKOFF_JITTER, BACKOFF_MULTIPLIER
from lbstudy.model.part import FleetRecord, Floats, SimulatedPart
from lbstudy.model.servers import ServerLife

Rows = NDArray[np.intp]
_NONE = -1  # no server


class PickFirstPart(SimulatedPart):
    """Some of the clients."""

    def _set_up(self, servers: Sequence[ServerLife], clients: int) -> None:
        self._ready = np.array([server.ready for server in servers])
        self._answered = np.full(self._listed.shape, np.nan)
        self._asked = self._start.copy()  # the instant of the present list
        self._last = np.full(clients, -np.inf)  # start of the last resolution, or of one that is scheduled
        self._order = self._rng.random(
            self._listed.shape, dtype=np.float32
        )  # the answer's order: the largest is first
        # servers that refused, since the list's beginning
        self._tried = np.zeros(self._listed.shape, dtype=bool)
        self._passes = np.zeros(clients)  # passes through the whole list without success
        # The next event of each kind; inf: none is scheduled.
        self._ends = np.full(clients, np.inf)  # when the connection ends
        self._attempts = np.full(clients, np.inf)
        self._answers = np.full(clients, np.inf)  # when the resolution is answered
        self._server = np.full(clients, _NONE)
        rows = np.arange(clients)
        self._server[rows] = self._next(rows)
        self._ends = np.minimum(self._start + self._remaining((clients,)), self._goaway[self._server])

    def run(self) -> FleetRecord:
        """Simulate event after event until every client's next one is after the end."""
        while True:
            following = np.stack([self._ends, self._attempts, self._answers])
            kind, at = following.argmin(axis=0), following.min(axis=0)
            due = at <= self._end
            if not due.any():
                break
            for number, act in enumerate((self._end_connections, self._attempt, self._take_lists)):
                rows = np.flatnonzero(due & (kind == number))
                if len(rows):
                    act(rows, at[rows])
        self._answered[self._answered > self._end] = np.nan
        return FleetRecord(
            self._lookups, self._connections, self._refused, self._listed, self._answered, self._events
        )

    def _end_connections(self, rows: Rows, at: Floats) -> None:
        self._server[rows] = _NONE
        self._ends[rows] = np.inf
        self._request(rows, at)
        self._attempts[rows] = at + self._rng.random(len(rows)) / self._p.rate  # with the next RPC
        self._tried[rows] = False

    def _request(self, rows: Rows, at: Floats) -> None:
        """Schedule a resolution, not before the end of the minimum interval, unless one is scheduled."""
        idle = np.isinf(self._answers[rows])
        rows, at = rows[idle], at[idle]
        starts = np.maximum(at, self._last[rows] + self._p.min_interval)
        self._last[rows] = starts
        self._answers[rows] = starts + self._p.lookup
        self._count(self._lookups, starts)

    def _next(self, rows: Rows) -> NDArray[np.intp]:
        """Return the first server of each client's list that it has not tried yet; −1 if there is none."""
        left = self._in_dns(self._asked[rows]) & ~self._tried[rows]
        order = np.where(left, self._order[rows], np.float32(-1))
        return np.where(left.any(axis=1), order.argmax(axis=1), _NONE)

    def _attempt(self, rows: Rows, at: Floats) -> None:
        server = self._next(rows)
        none = server == _NONE
        self._start_again(rows[none], at[none])
        rows, at, server = rows[~none], at[~none], server[~none]
        then = at + self._p.connect
        lets_in = (self._ready[server] <= at) & (at < self._goaway[server])
        refused = ~lets_in
        self._tried[rows[refused], server[refused]] = True
        self._count(self._refused, then[refused])
        self._attempts[rows[refused]] = then[refused]
        rows, then, server = rows[lets_in], then[lets_in], server[lets_in]
        self._count(self._connections, then)
        ends = np.maximum(then, np.minimum(then + self._ages(len(rows)), self._goaway[server]))
        self._server[rows], self._ends[rows] = server, ends
        self._attempts[rows] = np.inf
        self._passes[rows] = 0
        self._tried[rows] = False
        first = then + self._rng.random(len(rows)) / self._p.rate + self._p.work
        new = np.isnan(self._answered[rows, server]) & (first < ends)
        self._answered[rows[new], server[new]] = first[new]

    def _start_again(self, rows: Rows, at: Floats) -> None:
        """No server accepted these clients: resolve, and try the list again after the back-off."""
        p = self._p
        wait = np.minimum(p.first_backoff * BACKOFF_MULTIPLIER ** self._passes[rows], p.longest_backoff)
        wait *= self._rng.uniform(1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER, len(rows))
        self._passes[rows] += 1
        self._attempts[rows] = at + wait
        self._tried[rows] = False
        self._request(rows, at)

    def _take_lists(self, rows: Rows, at: Floats) -> None:
        self._answers[rows] = np.inf
        was, instant = self._asked[rows], at - self._p.lookup / 2
        before, after = (np.searchsorted(self._changes, instants, "right") for instants in (was, instant))
        changed = after > before
        self._order[rows] = self._rng.random((len(rows), self._order.shape[1]), dtype=np.float32)
        now = self._in_dns(instant[changed])
        has_answer = now.any(axis=1)  # an empty answer: the old list is kept
        changed[changed] = has_answer
        now = now[has_answer]
        renewed, answered = rows[changed], at[changed]
        row, server = np.nonzero(now & ~self._in_dns(was[changed]))
        first = np.isnan(self._listed[renewed[row], server])
        self._listed[renewed[row][first], server[first]] = answered[row][first]
        self._asked[renewed] = instant[changed]
        self._tried[renewed] = False
        # If its server is not in the list any more, the connection ends. Without one, the list is tried at
        # once.
        current = self._server[renewed]
        gone = (current != _NONE) & ~now[np.arange(len(renewed)), current]
        self._server[renewed[gone]] = _NONE
        self._ends[renewed[gone]] = np.inf
        idle = self._server[rows] == _NONE
        self._attempts[rows[idle]] = at[idle]
