"""What replacing all servers costs: when clients find the new ones, and what is lost meanwhile.

A rolling update follows Kubernetes' Deployment: at most ``surge`` pods more than wanted, at most
``unavailable`` fewer Ready ones. A new pod is Ready after ``Parameters.ready``, and each Ready pod allows one
old pod to be removed. ``evict`` and ``recreate`` end all at once and start as many new ones.

RPCs are lost that cross a server's GOAWAY or outlast its grace (``removal.graceful``), and those that a
client sends while it has no connection at all: round_robin fails them at once.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from lbstudy.config.scenario import Replace
from lbstudy.measures.delays import delay, summary
from lbstudy.model.client import Client, SeenByClient
from lbstudy.model.parameters import AGE_JITTER, Parameters, warm_up
from lbstudy.model.removal import graceful
from lbstudy.model.servers import ServerLife, added, present
from lbstudy.result.model import DelaySummary

DRAWS = 300
"""Simulated clients: an update has more events than a scale step, so fewer draws are enough."""


@dataclass(frozen=True, slots=True)
class ModelledUpdate:
    """What replacing all servers does to a client, as the mean of many clients."""

    detect: DelaySummary  # from each new server's Ready to the update with it
    lost: float  # expected RPCs of one client, without retries
    chance_of_outage: float  # the probability that a client is without any connection for some time
    outage: float  # s without any connection, as the mean over all clients
    connections: float  # made by one client until everything is settled
    lookups: float


def replaced(count: int, replace: Replace, p: Parameters) -> list[ServerLife]:
    """Return the old servers and then the new ones, in seconds from the command."""
    if replace.how != "rolling-update":
        gone = [_ending(server, 0.0, p) for server in present(count)]
        return [*gone, *(added(0.0, p) for _ in range(count))]
    surge = _part(replace.max_surge, count, up=True)
    unavailable = _part(replace.max_unavailable, count, up=False)
    if surge + unavailable == 0:  # Kubernetes' own rule: otherwise nothing could change
        unavailable = 1
    olds = present(count)
    news: list[ServerLife] = []
    starting: list[float] = []  # when each started pod becomes Ready
    going, now = 0, 0.0
    while going < count or len(news) < count:
        ready = sum(server.ready <= now for server in news)
        while going < count and count - going + ready > count - unavailable:
            olds[going] = _ending(olds[going], now, p)
            going += 1
        while len(news) < count and count - going + len(news) < count + surge:
            news.append(added(now, p))
            heapq.heappush(starting, news[-1].ready)
        if not starting:
            break
        now = heapq.heappop(starting)
    return [*olds, *news]


def overlaps(servers: Sequence[ServerLife], count: int) -> bool:
    """Whether a new server is Ready before the last of the old ones, which come first, is told to end."""
    return min(server.ready for server in servers[count:]) <= max(
        server.terminating for server in servers[:count]
    )


def update(
    p: Parameters, count: int, how: Replace, *, together: bool = False, draws: int = DRAWS, seed: int = 0
) -> ModelledUpdate:
    """Predict the replacement of all of a service's servers.

    Args:
        p: the setting and its surroundings.
        count: servers, before and after.
        how: the way in which they are replaced.
        together: whether the clients began together a short time ago, or have run for long.
        draws: simulated clients.
        seed: for their phases.
    """
    servers = replaced(count, how, p)
    end = _end(servers, p)
    rng = np.random.default_rng(seed)
    # One at a time, so that each begins at its own instant.
    seen = [client for _ in range(draws) for client in _clients(p, servers, 1, rng, end, together=together)]
    without = [outage(client, end) for client in seen]
    return ModelledUpdate(
        detect=summary(
            [
                delay(server.ready, client.listed.get(index), end)
                for client in seen
                for index, server in enumerate(servers)
                if index >= count
            ]
        ),
        lost=graceful(p, count).failed * count + fmean(without) * p.rate,
        chance_of_outage=fmean(each > 0 for each in without),
        outage=fmean(without),
        connections=fmean(sum(at > 0 for at in client.connected) for client in seen),
        lookups=fmean(sum(at > 0 for at in client.lookups) for client in seen),
    )


def outages(
    p: Parameters, count: int, how: Replace, clients: int, rng: np.random.Generator, *, together: bool
) -> list[float]:
    """Simulate one update; returns how long each of its clients is without any connection, in s."""
    servers = replaced(count, how, p)
    end = _end(servers, p)
    seen = _clients(p, servers, clients, rng, end, together=together)
    return [outage(client, end) for client in seen]


def _clients(
    p: Parameters,
    servers: Sequence[ServerLife],
    clients: int,
    rng: np.random.Generator,
    end: float,
    *,
    together: bool,
) -> list[SeenByClient]:
    """Return clients that began together, within an interval and an age, or that have run for long."""
    count = sum(server.published < 0 for server in servers)
    long, phase = warm_up(p, count)
    begun = -rng.random() * (p.min_interval + (p.max_age * (1 + AGE_JITTER) if p.ages else 0.0))
    return [
        Client(p, servers, rng).run(begun, end)
        if together
        else Client(p, servers, rng).run_settled(-long - phase * rng.random(), end)
        for _ in range(clients)
    ]


def _end(servers: Sequence[ServerLife], p: Parameters) -> float:
    """Return until when clients are simulated: two minimum intervals after the last server was added."""
    return max(server.ready for server in servers) + 2 * p.min_interval + p.drain_wait + 1.0


def outage(seen: SeenByClient, end: float) -> float:
    """Return how long a client had no connection, from time 0 to the end, without reconnections, in s."""
    return math.fsum(
        max(min(until, end) - max(since, 0.0), 0.0)
        for since, until in seen.bare
        if until - since > RECONNECTS
    )


RECONNECTS = 0.1
"""s: RPCs wait for a connection that is being made, and do not fail."""


def _ending(server: ServerLife, at: float, p: Parameters) -> ServerLife:
    return ServerLife(
        ready=server.ready,
        published=server.published,
        terminating=at,
        unpublished=at + p.propagation,
        goaway=at + p.drain_wait,
    )


def _part(limit: int | str, count: int, *, up: bool) -> int:
    """Return a number of pods, or a share of them, rounded like in Kubernetes."""
    if isinstance(limit, int):
        return limit
    share = int(limit.removesuffix("%")) * count / 100
    return math.ceil(share) if up else math.floor(share)
