"""Measure 4, adaptability: how soon the clients noticed that servers had come and gone.

For a server that was *added* (commanded after the initial command), and for each client:

- *time to detect*: from Ready to the end of the client's first resolver update whose addresses contain it.
- *connected*: when a subchannel of the client to its address first became READY.
- *time to discovery*: from Ready to the end of the first RPC that it answered with OK for the client.

Where the time from the command to the first RPC went is told by ``attribution``.

Per server: the *fair share* (see ``fair_share``). It is watched until the load ends, its removal is
commanded, or it ends by itself; what had not happened by then is censored, and enters medians as such (see
``delays``). A server that was not Ready while it was watched had nothing to be discovered: it is listed
without clients.

For a server that was *removed*, watched until the load's end, and for each client that had it in its list
when the removal was commanded: *time to detect*, from the command to the end of the first good resolver
update without it; *last RPC*, the end of the last RPC that it answered for the client. *Failed* are the RPCs
that ended with an error from the command on, and name this server or none.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np

from lbstudy.measures import attribution
from lbstudy.measures.codes import OK
from lbstudy.measures.delays import delay, summary
from lbstudy.measures.fair_share import FairShare
from lbstudy.measures.timeline import GOOD_OUTCOMES
from lbstudy.observation.addresses import is_listed
from lbstudy.observation.records import NO_SERVER, Lane, PodLife, SpanRef
from lbstudy.observation.rpcs import first_answers
from lbstudy.result.model import (
    Adaptability,
    Added,
    Change,
    ClientView,
    Link,
    Removed,
    Stage,
    StageName,
)

_ADDED: Final = {
    "created": StageName.CREATED,
    "scheduled": StageName.SCHEDULED,
    "started": StageName.STARTED,
    "ready": StageName.READY,
    "listed": StageName.ENDPOINT,
    "published": StageName.PUBLISHED,
}
"""PodLife's instants of an added server, in the order in which they come."""
_REMOVED: Final = {
    "terminating": StageName.TERMINATING,
    "withdrawn": StageName.WITHDRAWN,
    "unpublished": StageName.UNPUBLISHED,
    "exited": StageName.EXITED,
}
_OPTIONAL: Final = frozenset({StageName.SCHEDULED, StageName.ENDPOINT, StageName.WITHDRAWN})


def adaptability(lane: Lane) -> Adaptability:
    """What became of every server that was added or removed under load."""
    added = _Additions(lane).all()
    removed = [_removed(lane, index, pod) for index, pod in enumerate(lane.pods) if _is_removed(lane, pod)]
    answered = set(np.unique(lane.rpcs.server).tolist())
    return Adaptability(
        changes=_changes(lane),
        added=added,
        removed=removed,
        detect=summary([view.detect for server in added for view in server.clients]),
        discovery=summary([view.discovery for server in added for view in server.clients if view.discovery]),
        undiscovered=[
            pod.name
            for index, pod in enumerate(lane.pods)
            if pod.ready is not None and pod.ready < lane.end and index not in answered
        ],
        waits=attribution.summary(
            [(server.ready, view) for server in added if server.ready is not None for view in server.clients]
        ),
        updates_by_outcome=dict(sorted(Counter(update.outcome for update in lane.updates).items())),
        updates_by_cause=dict(sorted(Counter(update.cause for update in lane.updates).items())),
    )


def is_added(lane: Lane, pod: PodLife) -> bool:
    """Whether the pod came under load, and not with the initial command."""
    return bool(lane.commands) and lane.commands[0].at < pod.commanded < lane.end


def _is_removed(lane: Lane, pod: PodLife) -> bool:
    return pod.removal_commanded is not None and pod.removal_commanded < lane.end


class _Additions:
    """The servers that were added, each as every client saw it."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._fair_share = FairShare(lane)
        self._answers = first_answers(lane.rpcs)
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
            views = [self._view(index, pod, ready, until, c) for c in range(len(self._lane.clients))]
            fair_share = delay(ready, self._fair_share.reached(index, ready, until), until)
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

    def _view(self, index: int, pod: PodLife, ready: float, until: float, client: int) -> ClientView:
        lane = self._lane
        update = next(
            (
                update
                for update in lane.updates
                if update.client == client
                and pod.commanded <= update.ended <= until
                and is_listed(pod.address, update.addresses)
            ),
            None,
        )
        connected = next(
            (
                transition
                for transition in lane.transitions
                if transition.client == client
                and transition.state == "ready"
                and pod.commanded <= transition.at <= until
                and transition.address == pod.address
            ),
            None,
        )
        row = self._answers.get((index, client))
        answered = None if row is None else _within(float(lane.rpcs.ended[row]), until)
        ref = None if answered is None or row is None else lane.span_refs.get(int(lane.rpcs.ref[row]))
        return ClientView(
            client=lane.clients[client],
            stages=[
                Stage(
                    name=StageName.UPDATE,
                    at=update.ended if update else None,
                    link=link(update.ref) if update else None,
                ),
                Stage(
                    name=StageName.CONNECTED,
                    at=connected.at if connected else None,
                    link=link(connected.ref) if connected else None,
                ),
                Stage(name=StageName.FIRST_RPC, at=answered, link=link(ref) if ref else None),
            ],
            detect=delay(ready, update.ended if update else None, until),
            discovery=delay(ready, answered, until),
            waits=self._attribution.waits(index, pod, client, until, None if answered is None else row),
        )


def _removed(lane: Lane, index: int, pod: PodLife) -> Removed:
    command = pod.removal_commanded
    assert command is not None
    until = lane.end
    views = [
        _removal_view(lane, index, pod, command, client)
        for client in range(len(lane.clients))
        if is_listed(pod.address, _list_at(lane, client, command))
    ]
    rpcs = lane.rpcs
    own = rpcs.ended[(rpcs.server == index) & (rpcs.ended <= until)]
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
        failed=int(is_failed.sum()),
    )


def _stages(
    lane: Lane, pod: PodLife, command: float, order: Mapping[str, StageName], until: float
) -> list[Stage]:
    """The platform's stages, but for those that it has told of no pod: it does not know them."""
    stages = [Stage(name=StageName.COMMAND, at=command)]
    latest = command
    for attribute, name in order.items():
        if name in _OPTIONAL and all(getattr(other, attribute) is None for other in lane.pods):
            continue
        at = _within(getattr(pod, attribute), until)
        error = None if at is None else pod.errors.get(attribute)
        stages.append(Stage(name=name, at=at, error=error, early=at is not None and at < latest))
        latest = latest if at is None else max(latest, at)
    return stages


def _removal_view(lane: Lane, index: int, pod: PodLife, command: float, client: int) -> ClientView:
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
    rpcs = lane.rpcs
    own = rpcs.ended[(rpcs.server == index) & (rpcs.client == client) & (rpcs.ended <= lane.end)]
    return ClientView(
        client=lane.clients[client],
        stages=[
            Stage(
                name=StageName.UPDATE,
                at=update.ended if update else None,
                link=link(update.ref) if update else None,
            ),
            Stage(name=StageName.LAST_RPC, at=float(own.max()) if len(own) else None),
        ],
        detect=delay(command, update.ended if update else None, lane.end),
        discovery=None,
    )


def _list_at(lane: Lane, client: int, at: float) -> frozenset[str]:
    """The client's address list at an instant."""
    addresses: frozenset[str] = frozenset()
    for update in lane.updates:
        if update.ended > at:
            break
        if update.client == client and update.outcome in GOOD_OUTCOMES:
            addresses = update.addresses
    return addresses


def _changes(lane: Lane) -> list[Change]:
    rpcs = lane.rpcs
    failed = np.sort(rpcs.ended[rpcs.code != OK])
    under_load = [pair for pair in pairwise(lane.commands) if pair[1].at < lane.end]
    found = []
    for i, (before, command) in enumerate(under_load):
        until = under_load[i + 1][1].at if i + 1 < len(under_load) else np.inf
        found.append(
            Change(
                at=command.at,
                before=before.servers,
                after=command.servers,
                added=[pod.name for pod in lane.pods if pod.commanded == command.at and is_added(lane, pod)],
                removed=[pod.name for pod in lane.pods if pod.removal_commanded == command.at],
                failed=int(np.diff(np.searchsorted(failed, [command.at, until]))[0]),
            )
        )
    return found


def _within(at: float | None, until: float) -> float | None:
    return at if at is not None and at <= until else None


def link(ref: SpanRef) -> Link:
    """The reference as the result gives it."""
    return Link(trace_id=ref.trace_id, span_id=ref.span_id)
