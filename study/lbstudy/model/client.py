"""One gRPC client's discovery over DNS, event by event.

The rules are from gRPC's source (1.80 to 1.85), in src/core:

- ``resolver/polling_resolver.cc``: a resolution starts no sooner than the minimum interval after the *start*
  of the last a. A request for a in between sets a timer for that instant, once; a request while a
  runs, or while the timer is set, is dropped. Nothing else starts a: the TTL of the answer is not looked
  at. But a that fails, or brings no address, sets the timer for 1 s × 1.6 ± 20 % … 120 s after its end,
  whatever the minimum interval.
- ``load_balancing/pick_first/pick_first.cc`` (round_robin has one for each address): a connection that ends,
  and an attempt that fails, request a resolution.
- The same for an address that is still in back-off when a new list names it: the new list's pick_first finds
  it failed, and requests a resolution. While a list holds a dead server, the client asks at each interval.
- ``load_balancing/round_robin/round_robin.cc``: reconnects at once; each new set of READY connections is gone
  round from a random one on. So a connection that ends or is made lets a new server wait for another turn.
- ``client_channel/subchannel.cc``: after a failed attempt the next comes 1 s × 1.6 ± 20 % … 120 s after its
  start.
- ``ext/filters/channel_idle/legacy_channel_idle_filter.cc``: the server sends GOAWAY at the connection's age,
  multiplied by a random factor (0.9 to 1.1, uniform) for each connection.
"""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import numpy as np

from lbstudy.model.parameters import (
    AGE_JITTER,
    BACKOFF_JITTER,
    BACKOFF_MULTIPLIER,
    LONGEST_RESOLVER_BACKOFF,
    RESOLVER_BACKOFF,
    Parameters,
)
from lbstudy.model.servers import ServerLife, ZoneHistory


@dataclass(slots=True)
class SeenByClient:
    """What a client saw: server → instant in seconds by the servers' clock. Absent: did not happen."""

    listed: dict[int, float] = field(default_factory=dict)  # first update with the server
    unlisted: dict[int, float] = field(default_factory=dict)  # first update without it, after it was listed
    answered: dict[int, float] = field(default_factory=dict)  # end of the first RPC that it answered
    lookups: list[float] = field(default_factory=list)  # starts of resolutions
    connected: list[float] = field(default_factory=list)  # instants at which connections were made
    bare: list[tuple[float, float]] = field(default_factory=list)  # from when to when it had no connection
    refused: int = 0  # refused attempts
    events: int = 0


class Client:
    """A channel.

    Args:
        parameters: its setting.
        servers: all servers that there will be.
        rng: for ages, back-offs, and where round_robin begins.
    """

    def __init__(
        self, parameters: Parameters, servers: Sequence[ServerLife], rng: np.random.Generator
    ) -> None:
        self._p = parameters
        self._servers = servers
        self._zone = ZoneHistory(servers)
        self._rng = rng
        self._agenda: list[tuple[float, int, Callable[[float], object]]] = []
        self._number = count()
        self._last_start = -math.inf
        self._is_resolving = False
        self._has_timer = False
        self._failed_lookups = 0  # since the last answer with addresses
        self._order: list[int] = []  # the order in which pick_first tries the list
        self._known: frozenset[int] = frozenset()
        self._connection: dict[int, int] = {}  # server → the number of its connection
        self._trying: set[int] = set()
        self._failures: dict[int, int] = {}
        self._waiting: set[int] = set()  # connected, and no RPC has been sent to it yet
        self._turn = 0  # how often round_robin has begun anew
        self._rpc_phase = rng.random() / parameters.rate  # RPCs are sent on a schedule
        self._bare_since: float | None = None  # since it lost its last connection
        self.seen = SeenByClient()

    def run(self, start: float, end: float) -> SeenByClient:
        """Simulate from the channel's creation to an instant."""
        self._at(start, self._resolve)
        return self._go(end)

    def run_settled(self, start: float, end: float) -> SeenByClient:
        """Simulate a channel that has existed for very long, and made its last resolution long ago.

        The connections' remaining ages are those of a stationary renewal process: an age weighted by its
        length, times a uniform random number (Cox, Renewal Theory, 1962, section 5.1).
        """
        self._known = self._zone.at(start)
        self._order = self._shuffled(self._known)
        for server in self._order if self._p.connects_to_all else self._order[:1]:
            whole = self._p.max_age * math.sqrt(
                self._rng.uniform((1 - AGE_JITTER) ** 2, (1 + AGE_JITTER) ** 2)
            )
            self._connected(server, start, whole * self._rng.random() if self._p.ages else math.inf)
        return self._go(end)

    def _go(self, end: float) -> SeenByClient:
        agenda, seen = self._agenda, self.seen
        while agenda and agenda[0][0] <= end:
            at, _, act = heapq.heappop(agenda)
            seen.events += 1
            act(at)
        if self._bare_since is not None:
            seen.bare.append((self._bare_since, end))
        return seen

    def _at(self, at: float, act: Callable[[float], object]) -> None:
        if math.isfinite(at):
            heapq.heappush(self._agenda, (at, next(self._number), act))

    # --- the resolver ---------------------------------------------------------------------------

    def _request(self, now: float) -> None:
        if self._is_resolving or self._has_timer:
            return
        earliest = self._last_start + self._p.min_interval
        if now >= earliest:
            self._resolve(now)
        else:
            self._has_timer = True
            self._at(earliest, self._on_timer)

    def _on_timer(self, now: float) -> None:
        self._has_timer = False
        self._resolve(now)

    def _resolve(self, now: float) -> None:
        self._is_resolving = True
        self._last_start = now
        self.seen.lookups.append(now)
        # The nameserver reads its zone halfway between question and answer.
        listed = self._zone.at(now + self._p.lookup / 2)
        self._at(now + self._p.lookup, lambda at: self._resolved(at, listed))

    def _resolved(self, now: float, listed: frozenset[int]) -> None:
        self._is_resolving = False
        if not listed:  # NXDOMAIN or empty: the old list stays, and the resolver tries again by itself
            wait = min(RESOLVER_BACKOFF * BACKOFF_MULTIPLIER**self._failed_lookups, LONGEST_RESOLVER_BACKOFF)
            self._failed_lookups += 1
            self._has_timer = True
            self._at(now + wait * self._rng.uniform(1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER), self._on_timer)
            return
        self._failed_lookups = 0
        for server in listed - self._known:
            self.seen.listed.setdefault(server, now)
        for server in self._known - listed:
            self.seen.unlisted.setdefault(server, now)
            self._lost(server, now)
            self._failures.pop(server, None)
        self._known = listed
        self._order = self._shuffled(listed)
        if self._p.connects_to_all:
            for server in self._order:
                self._attempt(server, now)
            if self._failures:
                self._request(now)
        elif not self._connection:
            self._attempt_first(now)

    def _shuffled(self, servers: frozenset[int]) -> list[int]:
        """Return the servers in the answer's order, which is random (CoreDNS's loadbalance)."""
        return [int(server) for server in self._rng.permutation(sorted(servers))]

    # --- connections ----------------------------------------------------------------------------

    def _attempt(self, server: int, now: float) -> None:
        """Connect, unless it is connected, connecting, or in back-off."""
        if server in self._connection or server in self._trying or server not in self._known:
            return
        self._trying.add(server)
        life = self._servers[server]
        if life.ready <= now < life.goaway:
            self._at(now + self._p.connect, lambda at: self._connect_ends(server, at))
        else:
            self._at(now + self._p.connect, lambda at: self._refused(server, now, at))

    def _connect_ends(self, server: int, now: float) -> None:
        self._trying.discard(server)
        if server in self._known:
            age = (
                self._p.max_age * self._rng.uniform(1 - AGE_JITTER, 1 + AGE_JITTER)
                if self._p.ages
                else math.inf
            )
            self._connected(server, now, age)

    def _connected(self, server: int, now: float, age: float) -> None:
        self.seen.connected.append(now)
        self._failures.pop(server, None)
        number = next(self._number)
        self._connection[server] = number
        if self._bare_since is not None:
            self.seen.bare.append((self._bare_since, now))
            self._bare_since = None
        if server not in self.seen.answered:
            self._waiting.add(server)
        self._begin_turn(now)
        self._at(min(now + age, self._servers[server].goaway), lambda at: self._ended(server, number, at))

    def _begin_turn(self, now: float) -> None:
        """Go round the READY servers from a random one on, and foresee when those that wait get an RPC."""
        self._turn += 1
        if not self._waiting:
            return
        p, turn = self._p, self._turn
        ready = [server for server in self._order if server in self._connection]
        first = int(self._rng.integers(len(ready)))
        following = math.ceil((now - self._rpc_phase) * p.rate) / p.rate + self._rpc_phase
        for position, server in enumerate(ready):
            if server in self._waiting:
                picks = (position - first) % len(ready)
                self._at(following + picks / p.rate, partial(self._sent, server, turn))

    def _sent(self, server: int, turn: int, now: float) -> None:
        """Send the first RPC to a server, unless round_robin has begun anew since that was foreseen."""
        if turn == self._turn:
            self._waiting.discard(server)
            self._at(now + self._p.work, lambda at: self.seen.answered.setdefault(server, at))

    def _ended(self, server: int, connection: int, now: float) -> None:
        if self._connection.get(server) != connection:
            return
        self._lost(server, now)
        self._request(now)
        if self._p.connects_to_all:
            self._attempt(server, now)
        else:  # pick_first is idle until the next RPC
            self._at(now + self._rng.random() / self._p.rate, self._attempt_first)

    def _lost(self, server: int, now: float) -> None:
        if self._connection.pop(server, None) is None:
            return
        self._waiting.discard(server)
        if self._connection:
            self._begin_turn(now)
        else:
            self._turn += 1  # none is left to take an RPC
            self._bare_since = now

    def _refused(self, server: int, attempted: float, now: float) -> None:
        self.seen.refused += 1
        if server not in self._known:
            self._trying.discard(server)
            return
        failures = self._failures.get(server, 0)
        self._failures[server] = failures + 1
        wait = min(self._p.first_backoff * BACKOFF_MULTIPLIER**failures, self._p.longest_backoff)
        wait *= self._rng.uniform(1 - BACKOFF_JITTER, 1 + BACKOFF_JITTER)

        def again(at: float) -> None:
            self._trying.discard(server)
            if self._p.connects_to_all:
                self._attempt(server, at)

        self._at(max(attempted + wait, now), again)
        if self._p.connects_to_all:
            self._request(now)
        else:
            rest = [other for other in self._order if other not in self._trying]
            if rest:
                self._attempt(rest[0], now)
            else:
                self._request(now)
                self._at(max(attempted + wait, now), self._attempt_first)

    def _attempt_first(self, now: float) -> None:
        """Let pick_first try the list from its beginning."""
        if self._connection or self._trying & self._known:
            return
        for server in self._order[:1]:
            self._attempt(server, now)
