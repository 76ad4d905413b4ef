"""Where the seconds went: what a client was waiting for, from a server's command to its first RPC.

At each instant the client waits for exactly one thing, the first in this order that had not happened yet; so
the parts follow each other without a gap and sum to the whole. They end with the first RPC that the server
answered with OK for the client, or, where there was none, with the watching: the last part is then *open*.

1. *Ready*: the server is not Ready.
2. *DNS*: the answers do not have it: until the platform published it, and, where the client asked later than
   that and got a good answer without it, until the last such answer.
3. Until the resolution that brings it begins, whatever keeps the client from looking:
   *no trigger*: no connection of the client has broken since its last resolution;
   *minimum interval*: one has, and gRPC holds the resolution back, until so long after the last one began
   (``grpc.dns_min_time_between_resolutions_ms``) and no longer;
   *resolver back-off*: the last resolution failed, and gRPC's PollingResolver waits before the next one, for
   at most 144 s.
4. *resolution*: from the instant at which gRPC begins it to the last answer. One that did not bring the
   server counts too.
5. Until the subchannel to it is READY, by the subchannel's state: *policy* (there is none, or it is IDLE: the
   load balancing policy does not connect), *connect*, *connection back-off* (TRANSIENT_FAILURE).
6. Until the first RPC is sent to it: *turn*; before that *held back*, where the client made more picks than
   it had servers without picking this one (health checking, or a weight).
7. Where that RPC failed: *failing*, until the first that does not; within that *ejected*, where the client
   made more picks than it had servers without picking this one (outlier detection).
8. *first RPC*: from its send to its end.

A connection is *broken* from leaving READY, or from failing, until it is READY again or gone; gRPC ignores a
loss while a resolution is under way unless the connection is still broken at its answer, and it drops the
connections to addresses that the answer does not have: the loss of one of those makes nobody look
(src/core/resolver/polling_resolver.cc, src/core/load_balancing/round_robin). gRPC looks as soon as a
connection has broken and the minimum interval has passed. A loss after which nobody looked when both had come
is therefore no trigger, whatever it was. A client that learns of servers without a resolution of its own
waited for the *push*.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.codes import OK
from lbstudy.measures.timeline import GOOD_OUTCOMES
from lbstudy.observation.addresses import is_listed
from lbstudy.observation.push import CAUSE as PUSH
from lbstudy.observation.records import Lane, PodLife, Transition, Update
from lbstudy.observation.streams import answered_at
from lbstudy.result.model import ClientView, MeanWait, Wait, WaitedFor, WaitSummary

_TOLERANCE: Final = 0.002
"""s by which channelz (whole milliseconds) and the DNS tap may differ."""
_DROPPED: Final = 0.0015
"""s: a subchannel whose address was removed goes from READY through IDLE to gone within this time."""
_PROMPT: Final = 0.5
"""s from when nothing holds a resolution back until gRPC's first query is seen."""
_SEEN_LATER: Final = 0.05
"""s from the beginning of a resolution until its first query is seen."""
_LONGEST_BACKOFF: Final = 144.0
"""s: gRPC's PollingResolver waits at most 120 s after a failure, plus up to 20 %."""
_BY_STATE: Final = {
    "connecting": WaitedFor.CONNECT,
    "transient_failure": WaitedFor.CONNECTION_BACKOFF,
    "ready": WaitedFor.TURN,
}


@dataclass(frozen=True, slots=True)
class _Broken:
    """A connection of a client that was lost."""

    address: str
    since: float
    until: float


@dataclass(slots=True)
class _Parts:
    """The parts so far; each begins where the previous one ends."""

    cursor: float
    end: float
    found: list[Wait]

    def until(self, at: float, what: WaitedFor) -> None:
        """Add a part that lasts until ``at``, for the time that has no part yet."""
        at = min(at, self.end)
        if at <= self.cursor:
            return
        if self.found and self.found[-1].what is what:
            self.found[-1] = self.found[-1].model_copy(update={"end": at})
        else:
            self.found.append(Wait(what=what, start=self.cursor, end=at))
        self.cursor = at


class Attribution:
    """What a lane's clients waited for, for each server."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._updates: dict[int, list[Update]] = defaultdict(list)
        for update in lane.updates:
            self._updates[update.client].append(update)
        self._to: dict[tuple[int, str], list[Transition]] = defaultdict(list)
        per_client: dict[int, list[Transition]] = defaultdict(list)
        for transition in lane.transitions:
            self._to[transition.client, transition.address].append(transition)
            per_client[transition.client].append(transition)
        self._broken = {client: _broken(lost, lane.end) for client, lost in per_client.items()}
        self._ready = {client: _ready_counts(transitions) for client, transitions in per_client.items()}
        self._rows = _rows_by_client(lane)
        self._answered = answered_at(lane.rpcs, lane.streams)

    def waits(self, index: int, pod: PodLife, client: int, until: float, first: int | None) -> list[Wait]:
        """Return what a client waited for, in order.

        Args:
            index: the server, in ``Lane.servers``.
            pod: its life; it was Ready while it was watched.
            client: the client, in ``Lane.clients``.
            until: when watching ends.
            first: the row of the first RPC that it answered with OK for the client, while it was watched.
        """
        rpcs = self._lane.rpcs
        end = until if first is None else float(self._answered[first])
        parts = _Parts(pod.commanded, max(end, pod.commanded), [])
        parts.until(math.inf if pod.ready is None else pod.ready, WaitedFor.READY)
        self._learn(pod, client, parts)
        self._connect(pod, client, parts, math.inf if first is None else float(rpcs.sent[first]))
        self._pick(index, client, parts, first)
        if first is None and parts.found:
            parts.found[-1] = parts.found[-1].model_copy(update={"open": True})
        return parts.found

    # --- until the client knows of the server -----------------------------------------------------

    def _learn(self, pod: PodLife, client: int, parts: _Parts) -> None:
        updates = self._updates[client]
        bringing = next(
            (u for u in updates if u.ended >= pod.commanded and is_listed(pod.address, u.addresses)), None
        )
        subchannel = next((t.at for t in self._to[client, pod.address] if t.at >= pod.commanded), math.inf)
        if bringing is None and (subchannel < math.inf or not updates):
            parts.until(subchannel, WaitedFor.PUSH)
            return
        learned = math.inf if bringing is None else bringing.ended
        if any(update.cause == PUSH for update in updates):
            parts.until(min(learned, subchannel), WaitedFor.PUSH)
            return
        # Answers after the watching do not count: the server may be terminating by then.
        last = min(learned, parts.end)
        # One that was asked before could not have it: what it lasts longer is the resolution's.
        good = [u for u in updates if u.outcome in GOOD_OUTCOMES and u.ended < last]
        stale = [u.ended for u in good if u.started > _published(pod)]
        parts.until(min(max([_published(pod), *stale[-1:]]), learned), WaitedFor.DNS)
        before: Update | None = None
        for update in updates:
            if update.ended > parts.cursor:
                self._look(client, before, update.started, parts)
                parts.until(update.ended, WaitedFor.RESOLUTION)
            before = update
            if update is bringing:
                return
        self._look(client, before, math.inf, parts)

    def _look(self, client: int, before: Update | None, at: float, parts: _Parts) -> None:
        """Add the parts from the previous resolution to the beginning of the next one."""
        if before is not None and before.outcome not in GOOD_OUTCOMES:
            parts.until(min(at, before.ended + _LONGEST_BACKOFF), WaitedFor.RESOLVER_BACKOFF)
            parts.until(at, WaitedFor.TRIGGER)
            return
        # While there has been no resolution yet, gRPC may still begin one in the next instant.
        seen = min(at, parts.end)
        interval = self._lane.resolution_interval
        losses = [b.since for b in self._broken.get(client, ()) if b.since <= seen and _counts(b, before)]
        if before is None:  # it is unknown when the previous one began, but it was before the loss
            losses = [lost for lost in losses if seen - lost <= interval]
            due = seen
        else:
            due = before.started + interval
            losses = [lost for lost in losses if seen - max(lost, due) <= _PROMPT]
        if losses:
            lost = min(losses)
            parts.until(lost, WaitedFor.TRIGGER)
            parts.until(min(at, due + _SEEN_LATER), WaitedFor.MINIMUM_INTERVAL)
            parts.until(at, WaitedFor.RESOLUTION)
        parts.until(at, WaitedFor.TRIGGER)

    # --- until it is connected, and picked --------------------------------------------------------

    def _connect(self, pod: PodLife, client: int, parts: _Parts, sent: float) -> None:
        """Add parts by the state of the subchannel until the first RPC is sent; if READY, it has to wait."""
        own = [t for t in self._to[client, pod.address] if t.at >= pod.commanded]
        what = WaitedFor.POLICY
        for transition in own:
            if transition.at >= sent:
                break
            parts.until(transition.at, what)
            what = _BY_STATE.get(transition.state, WaitedFor.POLICY)
        # An RPC was sent to it, so it was connected, even if no transition shows it.
        parts.until(sent, what)

    def _pick(self, index: int, client: int, parts: _Parts, first: int | None) -> None:
        """Divide the wait for the turn, and add the first RPC."""
        rpcs, rows = self._lane.rpcs, self._rows[client]
        tried = rows[(rpcs.server[rows] == index) & (rpcs.code[rows] != OK)]
        failed = float(rpcs.sent[tried[0]]) if len(tried) else math.inf
        attempts = np.sort(rpcs.sent[rows[rpcs.server[rows] == index]])
        waits: list[Wait] = []
        for part in parts.found:
            if part.what is not WaitedFor.TURN:
                waits.append(part)
                continue
            edge = min(max(failed, part.start), part.end)
            held = self._passed_over(client, part.start, edge)
            waits += _pieces([part.start, held, edge], [WaitedFor.HEALTH_CHECK, WaitedFor.TURN])
            tries = [edge, *(float(at) for at in attempts if edge < at < part.end), part.end]
            for start, end in pairwise(tries):
                out = self._passed_over(client, start, end)
                waits += _pieces([start, out, end], [WaitedFor.EJECTION, WaitedFor.FAILING])
        parts.found = _joined(waits)
        if first is not None:
            parts.until(parts.end, WaitedFor.FIRST_RPC)

    def _passed_over(self, client: int, start: float, end: float) -> float:
        """Return when the client last made more picks than it had READY connections; ``start`` if never.

        It counts anew whenever the READY connections change, because gRPC's round_robin then starts anywhere.
        """
        if end <= start:
            return start
        sent = self._lane.rpcs.sent[self._rows[client]]  # ordered by ``sent``
        counts = self._ready.get(client, [])
        changes = [at for at, _ in counts]
        inner = changes[bisect_right(changes, start) : bisect_left(changes, end)]
        passed = start
        for low, high in pairwise([start, *inner, end]):
            servers = counts[i - 1][1] if (i := bisect_right(changes, low)) else 0
            first, last = np.searchsorted(sent, [low, high])
            if 0 < servers < last - first:
                passed = float(sent[last - servers])
        return passed


def summary(views: Sequence[tuple[float, ClientView]]) -> WaitSummary | None:
    """Return the mean of several clients' waits from Ready on; None if there are no clients.

    Args:
        views: each with the instant at which its server was Ready.
    """
    if not views:
        return None
    total: dict[WaitedFor, float] = defaultdict(float)
    still: dict[WaitedFor, int] = defaultdict(int)
    for ready, view in views:
        for wait in view.waits:
            total[wait.what] += max(wait.end - max(wait.start, ready), 0.0)
            still[wait.what] += wait.open
    count = len(views)
    parts = [
        MeanWait(what=what, mean=total[what] / count, open=still[what])
        for what in WaitedFor
        if total[what] > 0 or still[what]
    ]
    return WaitSummary(
        count=count,
        open=sum(still.values()),
        mean=math.fsum(part.mean for part in parts),
        parts=parts,
    )


def _counts(broken: _Broken, before: Update | None) -> bool:
    """Return whether the loss of a connection makes the client resolve again after ``before``."""
    if before is None:
        return True
    # An empty answer keeps the previous addresses.
    is_kept = not before.addresses or is_listed(broken.address, before.addresses)
    return is_kept and broken.until > before.ended - _TOLERANCE


def _published(pod: PodLife) -> float:
    if pod.published is not None:
        return pod.published
    if "published" not in pod.unseen:
        return math.inf
    # Nobody watched DNS: a good answer without the server still shows that it was not there.
    listed = pod.ready if pod.listed is None else pod.listed
    return math.inf if listed is None else listed


def _rows_by_client(lane: Lane) -> list[NDArray[np.int64]]:
    """Return each client's RPC rows, ordered by ``sent``."""
    rows = np.argsort(lane.rpcs.client, kind="stable")
    edges = np.searchsorted(lane.rpcs.client[rows], np.arange(1, len(lane.clients)))
    return np.split(rows, edges)


def _broken(transitions: Sequence[Transition], end: float) -> list[_Broken]:
    """Return a client's lost connections, in the order in which they were lost."""
    lost_connections: list[_Broken] = []
    since: dict[int, float] = {}
    state: dict[int, str] = {}
    address: dict[int, str] = {}
    for transition in transitions:
        subchannel, now = transition.subchannel, transition.state
        address[subchannel] = transition.address
        if now in {"ready", "removed"}:
            lost = since.pop(subchannel, None)
            if lost is not None and not (now == "removed" and transition.at - lost < _DROPPED):
                lost_connections.append(_Broken(transition.address, lost, transition.at))
        elif now == "transient_failure" or state.get(subchannel) == "ready":
            since.setdefault(subchannel, transition.at)
        state[subchannel] = now
    lost_connections.extend(_Broken(address[key], lost, max(end, lost)) for key, lost in since.items())
    return sorted(lost_connections, key=lambda broken: broken.since)


def _ready_counts(transitions: Sequence[Transition]) -> list[tuple[float, int]]:
    """Return how many connections of a client are READY, from each instant at which that changes."""
    ready: set[int] = set()
    counts: list[tuple[float, int]] = []
    for transition in transitions:
        before = len(ready)
        if transition.state == "ready":
            ready.add(transition.subchannel)
        else:
            ready.discard(transition.subchannel)
        if len(ready) != before:
            counts.append((transition.at, len(ready)))
    return counts


def _pieces(edges: Sequence[float], what: Sequence[WaitedFor]) -> Iterator[Wait]:
    """Yield the waits between the edges, without empty ones."""
    for (start, end), waited in zip(pairwise(edges), what, strict=True):
        if end > start:
            yield Wait(what=waited, start=start, end=end)


def _joined(waits: Sequence[Wait]) -> list[Wait]:
    """Join consecutive waits for the same thing."""
    joined: list[Wait] = []
    for wait in waits:
        if joined and joined[-1].what is wait.what:
            joined[-1] = joined[-1].model_copy(update={"end": wait.end})
        else:
            joined.append(wait)
    return joined
