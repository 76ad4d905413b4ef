"""Where the seconds went: what a client was waiting for, from a server's command to its first RPC.

At each instant the client waits for exactly one thing, the first in this order that had not happened yet; so
the parts follow each other without a gap and sum to the whole. They end with the first RPC that the server
answered with OK for the client, or, where there was none, with the watching: the last part is then *open*.

1. *Ready*: the server is not Ready.
2. *DNS*: the answers do not have it: until the platform published it, and, where the client got a good answer
   without it later than that, until the last such answer.
3. Until the resolution that brings it begins, whatever keeps the client from looking:
   *no trigger*: no connection of the client has broken since its last resolution;
   *minimum interval*: one has, and gRPC holds the resolution back
   (``grpc.dns_min_time_between_resolutions_ms``);
   *resolver back-off*: the last resolution failed, and gRPC's PollingResolver waits before the next one.
4. *resolution*: from the first query to the last answer. One that did not bring the server counts too.
5. Until the subchannel to it is READY, by the subchannel's state: *policy* (there is none, or it is IDLE: the
   load balancing policy does not connect), *connect*, *connection back-off* (TRANSIENT_FAILURE).
6. Until the first RPC is sent to it: *turn*; before that *held back*, where the client made more picks than
   it had servers without picking this one (health checking, or a weight).
7. Where that RPC failed: *failing*, until the first that does not; within that *ejected*, where the client
   made more picks than it had servers without picking this one (outlier detection).
8. *first RPC*: from its send to its end.

A connection is *broken* from leaving READY, or from failing, until it is READY again or gone; gRPC ignores a
loss while a resolution is under way unless the connection is still broken at its answer
(src/core/resolver/polling_resolver.cc, src/core/load_balancing/round_robin). A client that learned of the
server without a resolution of its own waited for the *push*.
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
from lbstudy.observation.records import Lane, PodLife, Transition, Update
from lbstudy.result.model import ClientView, MeanWait, Wait, WaitedFor, WaitSummary

_TOLERANCE: Final = 0.002
"""s, by which channelz (whole milliseconds) and the DNS tap may differ."""
_DROPPED: Final = 0.0015
"""s: a subchannel that leaves the address list goes from READY to gone by way of IDLE, in no time."""
_BY_STATE: Final = {
    "connecting": WaitedFor.CONNECT,
    "transient_failure": WaitedFor.CONNECTION_BACKOFF,
    "ready": WaitedFor.TURN,
}


@dataclass(frozen=True, slots=True)
class _Broken:
    """A connection of a client that was lost."""

    since: float
    until: float


@dataclass(slots=True)
class _Parts:
    """The parts so far; each begins where the one before it ends."""

    cursor: float
    end: float
    found: list[Wait]

    def until(self, at: float, what: WaitedFor) -> None:
        """All of the time to an instant, as far as it is not told yet, was a wait for this."""
        at = min(at, self.end)
        if at <= self.cursor:
            return
        if self.found and self.found[-1].what is what:
            self.found[-1] = self.found[-1].model_copy(update={"end": at})
        else:
            self.found.append(Wait(what=what, start=self.cursor, end=at))
        self.cursor = at


class Attribution:
    """The waits of a lane's clients for its servers."""

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
        self._broken = {client: _broken(found, lane.end) for client, found in per_client.items()}
        self._ready = {client: _ready_counts(found) for client, found in per_client.items()}
        self._rows = _rows_by_client(lane)

    def waits(self, index: int, pod: PodLife, client: int, until: float, first: int | None) -> list[Wait]:
        """What a client waited for, in order.

        Args:
            index: the server, in ``Lane.servers``.
            pod: its life; it was Ready while it was watched.
            client: the client, in ``Lane.clients``.
            until: when the watching ends.
            first: the row of the first RPC that it answered with OK for the client, within the watching.
        """
        rpcs = self._lane.rpcs
        end = until if first is None else float(rpcs.ended[first])
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
        # Answers after the watching are none of its business: the server may be on its way out by then.
        last = min(learned, parts.end)
        stale = [u.ended for u in updates if u.outcome in GOOD_OUTCOMES and _published(pod) < u.ended < last]
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
        """From the resolution before until the next one begins."""
        if before is not None and before.outcome not in GOOD_OUTCOMES:
            parts.until(at, WaitedFor.RESOLVER_BACKOFF)
            return
        since = -math.inf if before is None else before.ended - _TOLERANCE
        losses = [b.since for b in self._broken.get(client, ()) if b.until > since and b.since <= at]
        parts.until(min([*losses, at]), WaitedFor.TRIGGER)
        parts.until(at, WaitedFor.MINIMUM_INTERVAL)

    # --- until it is connected, and picked --------------------------------------------------------

    def _connect(self, pod: PodLife, client: int, parts: _Parts, sent: float) -> None:
        """By the state of the subchannel, until the first RPC is sent; what is READY waits for its turn."""
        own = [t for t in self._to[client, pod.address] if t.at >= pod.commanded]
        what = WaitedFor.POLICY
        for transition in own:
            if transition.at >= sent:
                break
            parts.until(transition.at, what)
            what = _BY_STATE.get(transition.state, WaitedFor.POLICY)
        # An RPC was sent to it, so it was connected, whether a transition tells or not.
        parts.until(sent, what)

    def _pick(self, index: int, client: int, parts: _Parts, first: int | None) -> None:
        """Split what was a wait for the turn; then the first RPC itself."""
        rpcs, rows = self._lane.rpcs, self._rows[client]
        tried = rows[(rpcs.server[rows] == index) & (rpcs.code[rows] != OK)]
        failed = float(rpcs.sent[tried[0]]) if len(tried) else math.inf
        attempts = np.sort(rpcs.sent[rows[rpcs.server[rows] == index]])
        found: list[Wait] = []
        for part in parts.found:
            if part.what is not WaitedFor.TURN:
                found.append(part)
                continue
            edge = min(max(failed, part.start), part.end)
            held = self._passed_over(client, part.start, edge)
            found += _pieces([part.start, held, edge], [WaitedFor.HEALTH_CHECK, WaitedFor.TURN])
            tries = [edge, *(float(at) for at in attempts if edge < at < part.end), part.end]
            for start, end in pairwise(tries):
                out = self._passed_over(client, start, end)
                found += _pieces([start, out, end], [WaitedFor.EJECTION, WaitedFor.FAILING])
        parts.found = _joined(found)
        if first is not None:
            parts.until(parts.end, WaitedFor.FIRST_RPC)

    def _passed_over(self, client: int, start: float, end: float) -> float:
        """Until when the client made more picks than it had READY connections; ``start`` where it never did.

        Counted anew whenever the READY connections change: gRPC's round_robin then starts anywhere.
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
    """The mean of several clients' waits from Ready on; None where there are none.

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


def _published(pod: PodLife) -> float:
    return math.inf if pod.published is None else pod.published


def _rows_by_client(lane: Lane) -> list[NDArray[np.int64]]:
    """Each client's RPC rows, ordered by ``sent``."""
    rows = np.argsort(lane.rpcs.client, kind="stable")
    edges = np.searchsorted(lane.rpcs.client[rows], np.arange(1, len(lane.clients)))
    return np.split(rows, edges)


def _broken(transitions: Sequence[Transition], end: float) -> list[_Broken]:
    """A client's lost connections, by when they were lost."""
    found: list[_Broken] = []
    since: dict[int, float] = {}
    state: dict[int, str] = {}
    for transition in transitions:
        subchannel, now = transition.subchannel, transition.state
        if now in {"ready", "removed"}:
            lost = since.pop(subchannel, None)
            if lost is not None and not (now == "removed" and transition.at - lost < _DROPPED):
                found.append(_Broken(lost, transition.at))
        elif now == "transient_failure" or state.get(subchannel) == "ready":
            since.setdefault(subchannel, transition.at)
        state[subchannel] = now
    found.extend(_Broken(lost, max(end, lost)) for lost in since.values())
    return sorted(found, key=lambda broken: broken.since)


def _ready_counts(transitions: Sequence[Transition]) -> list[tuple[float, int]]:
    """How many connections of a client are READY, from each instant at which that changes."""
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
    """Waits between the edges; what would last no time is left out."""
    for (start, end), one in zip(pairwise(edges), what, strict=True):
        if end > start:
            yield Wait(what=one, start=start, end=end)


def _joined(waits: Sequence[Wait]) -> list[Wait]:
    """Neighbours that wait for the same thing, as one."""
    found: list[Wait] = []
    for wait in waits:
        if found and found[-1].what is wait.what:
            found[-1] = found[-1].model_copy(update={"end": wait.end})
        else:
            found.append(wait)
    return found
