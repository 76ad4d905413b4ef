"""The delays of each change of a sweep, for each client: measured and by the model."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lbstudy.measures.adaptability import adaptability, is_added
from lbstudy.measures.delays import delay
from lbstudy.model.client import Client, SeenByClient
from lbstudy.model.parameters import Parameters
from lbstudy.model.servers import ServerLife
from lbstudy.observation.records import Lane, PodLife
from lbstudy.result.model import Delay


@dataclass(frozen=True, slots=True)
class Draws:
    """One delay for each change, server and client: a list for each change.

    Delays of the same change are not independent: they share the servers and DNS.
    """

    detect: tuple[tuple[Delay, ...], ...]
    discovery: tuple[tuple[Delay, ...], ...]
    dropped: tuple[tuple[Delay, ...], ...]  # from a removal's command to the update without the server


@dataclass(frozen=True, slots=True)
class Counts:
    """What a client did in the whole sweep, on average."""

    lookups: float
    connections: float


def measured(lane: Lane) -> tuple[Draws, Counts]:
    """Return what the sweep measured."""
    changes = adaptability(lane)
    added = [server for server in changes.added if server.clients]
    clients = max(len(lane.clients), 1)
    made = sum(transition.state == "ready" for transition in lane.transitions)
    return (
        Draws(
            detect=_by_change([(s.command, view.detect) for s in added for view in s.clients]),
            discovery=_by_change(
                [(s.command, view.discovery) for s in added for view in s.clients if view.discovery]
            ),
            dropped=_by_change([(s.command, view.detect) for s in changes.removed for view in s.clients]),
        ),
        Counts(len(lane.updates) / clients, made / clients),
    )


def predicted(lane: Lane, parameters: Parameters, clients: int, seed: int) -> tuple[Draws, Counts]:
    """Return the model's delays for the same changes, for so many clients that begin with the sweep's.

    The model gets what the platform and the servers did (when each server was Ready, in DNS, told to end,
    gone) and when the clients made their first resolution. How the clients react is the model's.
    """
    rng = np.random.default_rng(seed)
    servers = [_life(lane, pod, parameters) for pod in lane.pods]
    start = min((update.started for update in lane.updates), default=0.0)
    seen = [Client(parameters, servers, rng).run(start, lane.end) for _ in range(clients)]
    added, removed = [], []
    for index, pod in enumerate(lane.pods):
        until = min(end for end in (lane.end, pod.removal_commanded, pod.exited) if end is not None)
        if is_added(lane, pod) and pod.ready is not None and pod.ready <= until:
            added.append((index, pod, pod.ready, until))
        if pod.removal_commanded is not None and pod.removal_commanded < lane.end:
            removed.append((index, pod, pod.removal_commanded))

    def of_added(at: Callable[[SeenByClient], dict[int, float]]) -> tuple[tuple[Delay, ...], ...]:
        return _by_change(
            [
                (pod.commanded, delay(ready, at(client).get(index), until))
                for index, pod, ready, until in added
                for client in seen
            ]
        )

    return (
        Draws(
            detect=of_added(lambda client: client.listed),
            discovery=of_added(lambda client: client.answered),
            dropped=_by_change(
                [
                    (command, delay(command, client.unlisted.get(index), lane.end))
                    for index, _, command in removed
                    for client in seen
                    if client.listed.get(index, math.inf) <= command
                ]
            ),
        ),
        Counts(
            sum(len(client.lookups) for client in seen) / clients,
            sum(len(client.connected) for client in seen) / clients,
        ),
    )


def _life(lane: Lane, pod: PodLife, parameters: Parameters) -> ServerLife:
    """Return a pod's life for the model; a pod that was killed refuses connections after its exit."""
    from_the_start = not is_added(lane, pod)
    stops = math.inf if pod.terminating is None else pod.terminating + parameters.drain_wait
    exited = math.inf if pod.exited is None else pod.exited
    return ServerLife(
        ready=-math.inf if from_the_start else _or_never(pod.ready),
        published=-math.inf if from_the_start else _or_never(pod.published),
        terminating=_or_never(pod.terminating),
        unpublished=_or_never(pod.unpublished),
        goaway=min(stops, exited),
    )


def _or_never(at: float | None) -> float:
    return math.inf if at is None else at


def _by_change(delays: Sequence[tuple[float, Delay]]) -> tuple[tuple[Delay, ...], ...]:
    changes: dict[float, list[Delay]] = {}
    for at, value in delays:
        changes.setdefault(at, []).append(value)
    return tuple(tuple(delays) for _, delays in sorted(changes.items()))
