"""One gRPC client's discovery over DNS, event by event.

What happens when is taken from gRPC's source (1.80 to 1.85), in src/core:

- ``resolver/polling_resolver.cc``: a resolution starts no sooner than the minimum interval after the *start*
  of the last one. A request for one in between sets a timer for that instant, once; a request while one
  runs, or while the timer is set, is dropped. Nothing else starts one: the TTL of the answer is not looked
  at.
- ``load_balancing/pick_first/pick_first.cc`` (round_robin has one for each address): a connection that ends,
  and an attempt that fails, request a resolution.
- The same for an address that is still in back-off when a new list names it: the new list's pick_first finds
  it failed, and requests a resolution. While a list holds a dead server, the client asks at each interval.
- ``load_balancing/round_robin/round_robin.cc``: reconnects at once; each new set of READY connections is gone
  round from a random one on.
- ``client_channel/subchannel.cc``: after a failed attempt the next comes 1 s × 1.6 ± 20 % … 120 s after its
  start.
- ``ext/filters/channel_idle/legacy_channel_idle_filter.cc``: the server sends GOAWAY at the connection's age,
  whose jitter (0.9 to 1.1, uniform) is drawn for each connection.
"""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from lbstudy.model.parameters import AGE_JITTER, BACKOFF_JITTER, BACKOFF_MULTIPLIER, Parameters
from lbstudy.model.servers import ServerLife, Zone


@dataclass(slots=True)
class Seen:
    """What a client saw, in seconds on the servers' clock; server → instant. Absent: did not happen."""

    listed: dict[int, float] = field(default_factory=dict)  # first update that brought the server
    unlisted: dict[int, float] = field(default_factory=dict)  # first update without it, after it was listed
    answered: dict[int, float] = field(default_factory=dict)  # end of the first RPC that it answered
    lookups: list[float] = field(default_factory=list)  # starts of resolutions
    connected: list[float] = field(default_factory=list)  # instants at which connections were made
    refused: int = 0  # attempts
    events: int = 0


class Client:
    """A channel.

    Args:
        parameters: its setting.
        servers: all servers that there will be.
        rng: decides ages, back-offs, and where round_robin begins.
    """

    def __init__(
        self, parameters: Parameters, servers: Sequence[ServerLife], rng: np.random.Generator
    ) -> None:
        self._p = parameters
        self._servers = servers
        self._zone = Zone(servers)
        self._rng = rng
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = count()
        self._last_start = -math.inf
        self._is_resolving = False
        self._has_timer = False
        self._order: list[int] = []  # the list's, as pick_first goes through it
        self._known: frozenset[int] = frozenset()
        self._connection: dict[int, int] = {}  # server → its connection's number
        self._trying: set[int] = set()
        self._failures: dict[int, int] = {}
        self.seen = Seen()

    def run(self, start: float, end: float) -> Seen:
        """Go from the channel's creation to an instant."""
        self._at(start, self._resolve)
        return self._go(end)

    def run_settled(self, start: float, end: float) -> Seen:
        """Go on with a channel that has been there for ever, and asked DNS long ago.

        The connections' remaining ages are those of a stationary renewal process: an age weighted by its
        length, times a uniform number (Cox, Renewal Theory, 1962, section 5.1).
        """
        self._known = self._zone.at(start)
        self._order = self._shuffled(self._known)
        for server in self._order if self._p.connects_to_all else self._order[:1]:
            whole = self._p.max_age * math.sqrt(
                self._rng.uniform((1 - AGE_JITTER) ** 2, (1 + AGE_JITTER) ** 2)
            )
            self._connected(server, start, whole * self._rng.random() if self._p.ages else math.inf)
        return self._go(end)

    def _go(self, end: float) -> Seen:
        agenda, seen = self._agenda, self.seen
        while agenda and agenda[0][0] <= end:
            at, _, act = heapq.heappop(agenda)
            seen.events += 1
            act(at)
        return seen

    def _at(self, at: float, act: Callable[[float], None]) -> None:
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
        # The nameserver reads its zone half-way between question and answer.
        found = self._zone.at(now + self._p.lookup / 2)
        self._at(now + self._p.lookup, lambda at: self._resolved(at, found))

    def _resolved(self, now: float, found: frozenset[int]) -> None:
        self._is_resolving = False
        if not found:  # NXDOMAIN or empty: the old list stays
            return
        for server in found - self._known:
            self.seen.listed.setdefault(server, now)
        for server in self._known - found:
            self.seen.unlisted.setdefault(server, now)
            self._connection.pop(server, None)
            self._failures.pop(server, None)
        self._known = found
        self._order = self._shuffled(found)
        if self._p.connects_to_all:
            for server in self._order:
                self._attempt(server, now)
            if self._failures:
                self._request(now)
        elif not self._connection:
            self._attempt_first(now)

    def _shuffled(self, servers: frozenset[int]) -> list[int]:
        """The order in the answer is random (CoreDNS's loadbalance)."""
        return [int(server) for server in self._rng.permutation(sorted(servers))]

    # --- connections ----------------------------------------------------------------------------

    def _attempt(self, server: int, now: float) -> None:
        """Connect, unless connected, trying, or waiting for the next attempt."""
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
        if server not in self.seen.answered:
            self._answer(server, number, now)
        self._at(min(now + age, self._servers[server].goaway), lambda at: self._ended(server, number, at))

    def _answer(self, server: int, connection: int, now: float) -> None:
        """Note when the first RPC on the connection ends: round_robin begins at a random READY server."""
        picks = int(self._rng.integers(len(self._connection)))
        at = now + (self._rng.random() + picks) / self._p.rate + self._p.work

        def ends(instant: float) -> None:
            if self._connection.get(server) == connection:
                self.seen.answered.setdefault(server, instant)

        self._at(at, ends)

    def _ended(self, server: int, connection: int, now: float) -> None:
        if self._connection.get(server) != connection:
            return
        del self._connection[server]
        self._request(now)
        if self._p.connects_to_all:
            self._attempt(server, now)
        else:  # pick_first stays idle until the next RPC
            self._at(now + self._rng.random() / self._p.rate, self._attempt_first)

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
        """pick_first goes through the list from its beginning."""
        if self._connection or self._trying & self._known:
            return
        for server in self._order[:1]:
            self._attempt(server, now)
