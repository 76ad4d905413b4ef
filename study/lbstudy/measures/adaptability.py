"""Measure 4, adaptability: how soon the clients noticed that servers came and went.

For a server that was *added* (commanded after the initial command), and for each client:

- *time to detect*: from Ready to the end of the client's first resolver update whose addresses contain it.
- *connected*: when a subchannel of the client to its address first became READY.
- *time to discovery*: from Ready to the end of the first RPC that it answered with OK for the client; for a
  stream, to its first message.

``attribution`` divides the time from the command to the first RPC.

For each server: the *fair share* (see ``fair_share``). A server is watched until the load ends, its removal
is commanded, or it ends by itself. What had not happened by then is censored, and counts in medians as such
(see ``delays``). A server that was not Ready while it was watched could not be discovered: it is listed
without clients.

For a server that was *removed*, watched until the load's end, and for each client that had it in its list
when the removal was commanded: *time to detect*, from the command to the end of the first good resolver
update without it; *last RPC*, the end of the last RPC that it answered for the client. *Failed* counts the
RPCs that ended with an error from the command on, and name this server or none.

What a client knew requires resolver updates, and what it received requires knowing who answered. If nobody
reported these (``Lane.known``), a delay is *not observed*, which is neither a number nor "not within the time
watched".

Of a live Service (``Lane.watched``), nobody saw a command: the stages of a pod that came begin with its
creation, those of a pod that went with the instant at which it was told to end. A client has a row if it was
there when the server was Ready, and is watched until it was last heard of.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures import attribution
from lbstudy.measures.codes import OK
from lbstudy.measures.delays import delay, summary, unseen
from lbstudy.measures.failures import are_failures_timed
from lbstudy.measures.fair_share import FairShare
from lbstudy.measures.timeline import GOOD_OUTCOMES
from lbstudy.observation.addresses import is_listed
from lbstudy.observation.known import INSTRUMENTED, Observer, Seen, Unseen
from lbstudy.observation.records import NO_SERVER, UNKNOWN_SERVER, Lane, PodLife, SpanRef, Transition, Update
from lbstudy.observation.rpcs import first_answers
from lbstudy.observation.streams import answered_at
from lbstudy.result.model import (
    Adaptability,
    Added,
    ChangeOfServers,
    ClientView,
    Delay,
    Link,
    NotObserved,
    Removed,
    Stage,
    StageName,
)

Floats = NDArray[np.float64]

_ADDED: Final = {
    "created": StageName.CREATED,
    "scheduled": StageName.SCHEDULED,
    "started": StageName.STARTED,
    "ready": StageName.READY,
    "listed": StageName.ENDPOINT,
    "published": StageName.PUBLISHED,
}
"""PodLife's instants of an added server, in order."""
_REMOVED: Final = {
    "terminating": StageName.TERMINATING,
    "withdrawn": StageName.WITHDRAWN,
    "unpublished": StageName.UNPUBLISHED,
    "exited": StageName.EXITED,
}
_FAMILIAR: Final = 30.0
"""s from a watch's begin: a client that is heard of by then is taken to have been there before."""
_SILENT: Final = NotObserved(why="this client tells nothing of its resolver", needs=INSTRUMENTED)
UNKNOWN_ANSWERS: Final = NotObserved(
    why="of some RPCs it is not known who answered them", needs="the servers’ RPC spans, all of them"
)
UNTOLD: Final = NotObserved(
    why="whether a request to it would have been told is not known",
    needs="spans of it, or of each of its clients, all of them; or its counter of requests",
)
COARSE: Final = NotObserved(
    why="counters tell how many requests there were between two samples, not in which second",
    needs="spans of the clients or the servers",
)
_OPTIONAL: Final = frozenset({StageName.SCHEDULED, StageName.ENDPOINT, StageName.WITHDRAWN})


def adaptability(lane: Lane) -> Adaptability:
    """Return what happened with every server that was added or removed under load."""
    added = _Additions(lane).all()
    removed = [_removed(lane, index, pod) for index, pod in enumerate(lane.pods) if _is_removed(lane, pod)]
    undiscovered, unknown = _undiscovered(lane)
    return Adaptability(
        changes=_changes(lane),
        added=added,
        removed=removed,
        detect=summary([view.detect for server in added for view in server.clients]),
        discovery=summary([view.discovery for server in added for view in server.clients if view.discovery]),
        undiscovered=undiscovered,
        unknown=unknown,
        waits=None
        if (reason := _no_waits(lane))
        else attribution.summary(
            [
                (server.ready, view)
                for server in added
                if server.ready is not None
                for view in server.clients
                if lane.watched is None or view.waits
            ]
        ),
        waits_not_observed=reason,
        updates_not_observed=unseen(lane.known.updates) if isinstance(lane.known.updates, Unseen) else None,
        updates_by_outcome=dict(sorted(Counter(update.outcome for update in lane.updates).items())),
        updates_by_cause=dict(sorted(Counter(update.cause for update in lane.updates).items())),
    )


def is_added(lane: Lane, pod: PodLife) -> bool:
    """Return whether the pod was added under load, not by the initial command."""
    return bool(lane.commands) and lane.commands[0].at < pod.commanded < lane.end


def _undiscovered(lane: Lane) -> tuple[list[str], list[str]]:
    """Return the servers that were Ready and never answered, and those of which that is unknown.

    If the RPCs do not show it, a server's own count decides.
    """
    answered = set(np.unique(lane.rpcs.server).tolist())
    is_told = isinstance(lane.known.answers, Seen) and UNKNOWN_SERVER not in answered
    own = {tally.server: sum(tally.by_code.values()) for tally in lane.server_tallies if tally.by_code}
    own |= {tally.server: 0 for tally in lane.server_tallies if tally.by_code == {}}
    if lane.watched is not None and lane.watched.counted is not None:
        answered |= set(np.unique(lane.watched.counted.server).tolist())
    undiscovered: list[str] = []
    unknown: list[str] = []
    for index, pod in enumerate(lane.pods):
        if pod.ready is None or pod.ready >= lane.end or index in answered:
            continue
        if lane.watched is not None:
            (undiscovered if pod.name in lane.watched.uncalled else unknown).append(pod.name)
        elif is_told or own.get(pod.name) == 0:
            undiscovered.append(pod.name)
        elif pod.name not in own:
            unknown.append(pod.name)
    return undiscovered, unknown


def _no_waits(lane: Lane) -> NotObserved | None:
    """Return why it is unknown what clients waited for: the observer is too coarse, or knows other rules."""
    telling = {Observer.INSTRUMENTOR, Observer.CONTROL_PLANE}
    parts = (lane.known.updates, lane.known.connections)
    if all(isinstance(part, Seen) and part.by in telling for part in parts):
        return None
    return NotObserved(
        why="what a client waits for shows in its resolver and in its connections’ states, from inside",
        needs="our instrumentor in the client",
    )


def _is_removed(lane: Lane, pod: PodLife) -> bool:
    return pod.removal_commanded is not None and pod.removal_commanded < lane.end


class _Additions:
    """The servers that were added, each as every client saw it."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._fair_share = FairShare(lane)
        self._updates: dict[int, list[Update]] = defaultdict(list)
        for update in lane.updates:
            self._updates[update.client].append(update)
        self._connected: dict[tuple[int, str], list[Transition]] = defaultdict(list)
        for transition in lane.transitions:
            if transition.state == "ready":
                self._connected[transition.client, transition.address].append(transition)
        self._answers = first_answers(lane.rpcs, lane.streams)
        self._answered = answered_at(lane.rpcs, lane.streams)
        self._attribution = attribution.Attribution(lane)

    def all(self) -> list[Added]:
        return [
            self._added(index, pod) for index, pod in enumerate(self._lane.pods) if is_added(self._lane, pod)
        ]

    def _added(self, index: int, pod: PodLife) -> Added:
        ends = (self._lane.end, pod.removal_commanded, pod.exited)
        until = min(end for end in ends if end is not None)
        ready = _within(pod.ready, until)
        views = []
        fair_share = None
        if ready is not None:
            views = [
                self._view(index, pod, ready, end, client)
                for client in range(len(self._lane.clients))
                if (end := _watched_until(self._lane, client, ready, until)) is not None
            ]
            fair_share = self._fair_share_of(index, ready, until)
        return Added(
            server=pod.name,
            command=pod.commanded,
            ready=ready,
            watched_until=until,
            stages=_stages(self._lane, pod, pod.commanded, _ADDED, until),
            clients=views,
            detect=summary([view.detect for view in views]),
            discovery=summary([view.discovery for view in views if view.discovery]),
            fair_share=fair_share,
        )

    def _fair_share_of(self, index: int, ready: float, until: float) -> Delay:
        if isinstance(self._lane.known.answers, Unseen):
            return Delay(not_observed=unseen(self._lane.known.answers))
        if self._lane.known.answers.by is Observer.COUNTERS:
            return Delay(not_observed=COARSE)
        return delay(ready, self._fair_share.reached(index, ready, until), until)

    def _discovery(
        self, server: int, client: int, ready: float, answered: float | None, until: float
    ) -> Delay:
        """Return the delay; censored only if each answer is known to be another server's."""
        lane = self._lane
        if isinstance(lane.known.answers, Unseen):
            return Delay(not_observed=unseen(lane.known.answers))
        if answered is None:
            rpcs = lane.rpcs
            rows = (rpcs.client == client) & (rpcs.server == UNKNOWN_SERVER)
            if (rows & (rpcs.ended >= ready) & (rpcs.ended <= until)).any():
                return Delay(not_observed=UNKNOWN_ANSWERS)
            observed = _is_watched_for(lane, server, client, until)
            if observed is None or observed < ready:
                return Delay(not_observed=UNTOLD)
            until = observed
        return delay(ready, answered, until)

    def _view(self, index: int, pod: PodLife, ready: float, until: float, client: int) -> ClientView:
        lane = self._lane
        update = next(
            (
                update
                for update in self._updates[client]
                if pod.commanded <= update.ended <= until and is_listed(pod.address, update.addresses)
            ),
            None,
        )
        connected = next(
            (
                transition
                for transition in self._connected[client, pod.address]
                if pod.commanded <= transition.at <= until
            ),
            None,
        )
        row = self._answers.get((index, client))
        answered = None if row is None else _within(float(self._answered[row]), until)
        counted = _counted_first(lane, index, client, ready)
        if counted is not None:
            answered = _within(counted[0], until)
        ref = None if answered is None or row is None else lane.span_refs.get(int(lane.rpcs.ref[row]))
        discovery = self._discovery(index, client, ready, answered, until)
        return ClientView(
            client=lane.clients[client],
            stages=[
                _update_stage(lane, update, client),
                Stage(
                    name=StageName.CONNECTED,
                    at=connected.at if connected else None,
                    link=link(connected.ref) if connected and connected.ref else None,
                    error=connected.error if connected else None,
                    not_observed=connected is None and not _tells_connections(lane, client),
                ),
                Stage(
                    name=StageName.FIRST_RPC,
                    at=answered,
                    link=link(ref) if ref else None,
                    error=None if answered is None or counted is None else counted[1],
                    not_observed=discovery.not_observed is not None,
                ),
            ],
            detect=_detect(lane, ready, update, until, client),
            discovery=discovery,
            waits=[]
            if _no_waits(lane) or not _tells_waits(lane, client)
            else self._attribution.waits(index, pod, client, until, None if answered is None else row),
        )


def _watched_until(lane: Lane, client: int, ready: float, until: float) -> float | None:
    """Until when it is known what a client made of a server; None: it was not there when that was Ready."""
    heard = lane.watched.heard.get(client) if lane.watched is not None else None
    if heard is None:
        return until
    first, last = heard
    return min(until, last) if first <= max(ready, _FAMILIAR) and last >= ready else None


def _tells_updates(lane: Lane, client: int) -> bool:
    """Whether the client's resolver updates are known."""
    if isinstance(lane.known.updates, Unseen):
        return False
    return lane.watched is None or client in lane.watched.resolvers


def _tells_connections(lane: Lane, client: int) -> bool:
    """Whether the client's connections are known."""
    if isinstance(lane.known.connections, Unseen):
        return False
    return lane.watched is None or client in lane.watched.connections


def _tells_waits(lane: Lane, client: int) -> bool:
    return _tells_updates(lane, client) and _tells_connections(lane, client)


def _counted_first(lane: Lane, server: int, client: int, ready: float) -> tuple[float, float] | None:
    """The first answer since a server was Ready, by counters: it came then, or up to so much earlier."""
    counted = None if lane.watched is None else lane.watched.counted
    if counted is None:
        return None
    rows = (
        (counted.server == server) & (counted.client == client) & (counted.count > 0) & (counted.at >= ready)
    )
    if not rows.any():
        return None
    i = int(np.argmax(rows))
    at = float(counted.at[i])
    return at, at - max(ready, float(counted.after[i]))


def _is_watched_for(lane: Lane, server: int, client: int, until: float) -> float | None:
    """Until when an answer would have been told; None: that is not known."""
    watched = lane.watched
    if watched is None:
        return until
    if watched.sampled:
        return None
    if watched.heard.get(client) is not None and watched.counted is None:
        return until  # its own spans tell
    observed = watched.observed.get(server)
    return None if observed is None else min(until, observed)


def _removed(lane: Lane, index: int, pod: PodLife) -> Removed:
    command = pod.removal_commanded
    assert command is not None
    until = lane.end
    views = [
        _removal_view(lane, index, pod, command, client)
        for client in range(len(lane.clients))
        if (_watched_until(lane, client, command, until) is not None)
        and (not _tells_updates(lane, client) or is_listed(pod.address, _list_at(lane, client, command)))
    ]
    rpcs = lane.rpcs
    own = _answered_by(lane, index)
    is_failed = (rpcs.code != OK) & (rpcs.ended >= command) & (rpcs.ended <= until)
    is_failed &= (rpcs.server == index) | (rpcs.server == NO_SERVER)
    return Removed(
        server=pod.name,
        command=command,
        watched_until=until,
        stages=_stages(lane, pod, command, _REMOVED, until),
        clients=views,
        detect=summary([view.detect for view in views]),
        last_rpc=float(own.max()) if len(own) else None,
        failed=int(is_failed.sum()) if are_failures_timed(lane) else None,
    )


def _answered_by(lane: Lane, server: int, client: int | None = None) -> Floats:
    """When a server answered, or one client, until the load's end."""
    counted = None if lane.watched is None else lane.watched.counted
    rpcs = lane.rpcs
    if counted is not None:
        is_own, of, at = (counted.server == server) & (counted.count > 0), counted.client, counted.at
    else:
        is_own, of, at = rpcs.server == server, rpcs.client, rpcs.ended
    if client is not None:
        is_own = is_own & (of == client)
    instants: Floats = at[is_own & (at <= lane.end)]
    return instants


def _stages(
    lane: Lane, pod: PodLife, command: float, order: Mapping[str, StageName], until: float
) -> list[Stage]:
    """Return the platform's stages, without those that it reported of no pod: it does not know them."""
    is_seen = "commanded" not in pod.unseen
    stages = [Stage(name=StageName.COMMAND, at=command if is_seen else None, not_observed=not is_seen)]
    latest = command
    for attribute, name in order.items():
        if name in _OPTIONAL and all(getattr(other, attribute) is None for other in lane.pods):
            continue
        at = _within(getattr(pod, attribute), until)
        error = None if at is None else pod.errors.get(attribute)
        hidden = getattr(pod, attribute) is None and attribute in pod.unseen
        stages.append(
            Stage(name=name, at=at, error=error, early=at is not None and at < latest, not_observed=hidden)
        )
        latest = latest if at is None else max(latest, at)
    return stages


def _removal_view(lane: Lane, index: int, pod: PodLife, command: float, client: int) -> ClientView:
    until = _watched_until(lane, client, command, lane.end) or lane.end
    update = next(
        (
            update
            for update in lane.updates
            if update.client == client
            and command <= update.ended <= lane.end
            and update.outcome in GOOD_OUTCOMES
            and not is_listed(pod.address, update.addresses)
        ),
        None,
    )
    own = _answered_by(lane, index, client)
    return ClientView(
        client=lane.clients[client],
        stages=[
            _update_stage(lane, update, client),
            Stage(
                name=StageName.LAST_RPC,
                at=float(own.max()) if len(own) else None,
                # That a live server never answered is not known: it may tell of nothing.
                not_observed=isinstance(lane.known.answers, Unseen)
                or (lane.watched is not None and not len(own)),
            ),
        ],
        detect=_detect(lane, command, update, until, client),
        discovery=None,
    )


def _detect(lane: Lane, since: float, update: Update | None, until: float, client: int) -> Delay:
    if isinstance(lane.known.updates, Unseen):
        return Delay(not_observed=unseen(lane.known.updates))
    if not _tells_updates(lane, client):
        return Delay(not_observed=_SILENT)
    return delay(since, update.ended if update else None, until)


def _update_stage(lane: Lane, update: Update | None, client: int) -> Stage:
    return Stage(
        name=StageName.UPDATE,
        at=update.ended if update else None,
        link=link(update.ref) if update and update.ref else None,
        error=_error(lane.known.updates) if update else None,
        not_observed=not _tells_updates(lane, client),
    )


def _error(part: Seen | Unseen) -> float | None:
    """Return by how much the instants of a part may be wrong."""
    return part.error if isinstance(part, Seen) else None


def _list_at(lane: Lane, client: int, at: float) -> frozenset[str]:
    """Return the client's address list at an instant."""
    addresses: frozenset[str] = frozenset()
    for update in lane.updates:
        if update.ended > at:
            break
        if update.client == client and update.outcome in GOOD_OUTCOMES:
            addresses = update.addresses
    return addresses


def _changes(lane: Lane) -> list[ChangeOfServers]:
    rpcs = lane.rpcs
    failed = np.sort(rpcs.ended[rpcs.code != OK])
    is_timed = are_failures_timed(lane)
    under_load = [pair for pair in pairwise(lane.commands) if pair[1].at < lane.end]
    changes = []
    for i, (before, command) in enumerate(under_load):
        until = under_load[i + 1][1].at if i + 1 < len(under_load) else np.inf
        changes.append(
            ChangeOfServers(
                at=command.at,
                before=before.servers,
                after=command.servers,
                added=[
                    pod.name
                    for pod in lane.pods
                    if command.at <= pod.commanded < until and is_added(lane, pod)
                ],
                removed=[
                    pod.name
                    for pod in lane.pods
                    if pod.removal_commanded is not None and command.at <= pod.removal_commanded < until
                ],
                failed=int(np.diff(np.searchsorted(failed, [command.at, until]))[0]) if is_timed else None,
            )
        )
    return changes


def _within(at: float | None, until: float) -> float | None:
    return at if at is not None and at <= until else None


def link(ref: SpanRef) -> Link:
    """Return the reference as the result has it."""
    return Link(trace_id=ref.trace_id, span_id=ref.span_id)
