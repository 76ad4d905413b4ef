"""A large service over some minutes: nothing changes, then a scale-up, then a rolling update."""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lbstudy.model.cost import QUERIES
from lbstudy.model.fleet import simulate, turns
from lbstudy.model.parameters import Parameters
from lbstudy.model.part import FleetRecord
from lbstudy.model.servers import ServerLife, present
from lbstudy.result.model import Delay, Part

_SCALE_UP_AT: Final = 0.2
_ROLLING_UPDATE_AT: Final = 0.6
_SURGE: Final = 0.25
"""The share of a Deployment's pods that are replaced at a time: Kubernetes' default of maxSurge."""


@dataclass(frozen=True, slots=True)
class Size:
    """The size of the simulated service."""

    clients: int = 10_000
    servers: int = 1000
    added: int = 100  # by the scale-up
    minutes: float = 5.0
    rolling_update: bool = True
    pod_ready: float = 10.0  # s from a pod's creation to Ready, ± 50 %


class Spread(Part):
    """How long it took, for the pairs of a client and a server."""

    pairs: int
    never: int = Field(description="of these, not while it was watched")
    median: Delay
    p95: Delay
    p99: Delay
    largest: Delay


class SimulatedTraffic(Part):
    """What all clients together do in a part of the time, a second."""

    part: str
    start: float = Field(description="s")
    end: float
    queries_mean: float = Field(description="DNS queries, A and AAAA")
    queries_peak: int = Field(description="in the busiest second")
    connections_mean: float = Field(description="made anew")
    connections_peak: int
    refused_peak: int = Field(description="attempts to connect to servers that are gone")


class Simulation(Part):
    """A setting in a large service."""

    setting: str
    clients: int
    servers: int
    added: int
    detect: Spread = Field(description="servers of the scale-up, from Ready")
    discovery: Spread = Field(description="the same, to the first RPC answered")
    replaced: Spread | None = Field(description="servers of the rolling update: time to detect, from Ready")
    traffic: list[SimulatedTraffic]
    not_modelled: list[str] = Field(description="what the setting asks for and the simulation leaves out")
    events: int
    elapsed: float = Field(description="s that the simulation took")


def run(
    setting: str,
    parameters: Parameters,
    size: Size,
    *,
    seed: int = 0,
    not_modelled: Sequence[str] = (),
) -> Simulation:
    """Simulate a setting; ``not_modelled`` is passed on to the result."""
    begun = time.perf_counter()
    end = size.minutes * 60
    scaled = end * _SCALE_UP_AT
    rolled = end * _ROLLING_UPDATE_AT if size.rolling_update else end
    rng = np.random.default_rng(seed)
    servers = _servers(parameters, size, scaled, rolled if size.rolling_update else math.inf, rng)
    threads = len(os.sched_getaffinity(0))
    record = simulate(parameters, servers, size.clients, end, seed=seed, threads=threads)
    first, last = size.servers, size.servers + size.added
    ready = servers[first].ready
    detect = (record.listed[:, first:last] - ready).ravel()
    detect[detect > rolled - ready] = np.nan  # by then the rolling update had begun
    if record.answered is None:
        discovery = detect + _first_rpc(parameters, last, len(detect), rng)
    else:
        discovery = (record.answered[:, first:last] - ready).ravel()
    return Simulation(
        setting=setting,
        clients=size.clients,
        servers=size.servers,
        added=size.added,
        detect=_spread(detect, rolled - ready),
        discovery=_spread(discovery, rolled - ready),
        replaced=_replaced(record, servers, last, end) if size.rolling_update else None,
        traffic=[
            _traffic(record, name, since, until)
            for name, since, until in (
                ("nothing changes", 0.0, scaled),
                ("scale-up", scaled, rolled),
                ("rolling update", rolled, end),
            )
            if until > since
        ],
        not_modelled=list(not_modelled),
        events=record.events,
        elapsed=time.perf_counter() - begun,
    )


def _servers(
    p: Parameters, size: Size, scaled: float, rolled: float, rng: np.random.Generator
) -> list[ServerLife]:
    """Return the initial servers, the added ones, and those that replace all of them."""
    ready = scaled + size.pod_ready
    servers = present(size.servers)
    servers += [ServerLife(ready=ready, published=ready + p.propagation) for _ in range(size.added)]
    if not math.isfinite(rolled):
        return servers
    batch = max(1, math.ceil(len(servers) * _SURGE))
    free = np.full(batch, rolled)  # when each surge slot can take the next pod
    new = []
    for i, old in enumerate(servers):
        place = i % batch
        at = free[place] + size.pod_ready * rng.uniform(0.5, 1.5)
        free[place] = at
        servers[i] = ServerLife(
            ready=old.ready,
            published=old.published,
            terminating=at,
            unpublished=at + p.propagation,
            goaway=at + p.drain_wait,
        )
        new.append(ServerLife(ready=at, published=at + p.propagation))
    return servers + new


def _first_rpc(p: Parameters, servers: int, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the time from a new list to the end of the first RPC on a new server."""
    # A connection's end and its successor's READY each make a new picker.
    renewals = 2 * servers / p.max_age if p.ages else 0.0
    return p.connect + turns(servers, p.rate, renewals, size, rng) + p.work


def _replaced(record: FleetRecord, servers: list[ServerLife], first: int, end: float) -> Spread:
    ready = np.array([server.ready for server in servers[first:]])
    seen = ready < end
    delays = (record.listed[:, first:] - ready)[:, seen]
    return _spread(delays.ravel(), float(end - ready[seen].max(initial=0)))


def _spread(delays: NDArray[np.float64], watched: float) -> Spread:
    never = np.isnan(delays) | (delays > watched)
    values = np.where(never, np.inf, delays)

    def quantile(share: float) -> Delay:
        value = float(np.quantile(values, share, method="inverted_cdf")) if len(values) else math.inf
        return Delay(seconds=value) if math.isfinite(value) else Delay(censored_after=max(watched, 0.0))

    return Spread(
        pairs=len(values),
        never=int(never.sum()),
        median=quantile(0.5),
        p95=quantile(0.95),
        p99=quantile(0.99),
        largest=quantile(1.0),
    )


def _traffic(record: FleetRecord, name: str, since: float, until: float) -> SimulatedTraffic:
    part = slice(math.ceil(since), max(math.ceil(since) + 1, math.floor(until)))
    lookups, connections, refused = (
        counts[part] for counts in (record.lookups, record.connections, record.refused)
    )
    return SimulatedTraffic(
        part=name,
        start=since,
        end=until,
        queries_mean=float(lookups.mean()) * QUERIES,
        queries_peak=int(lookups.max()) * QUERIES,
        connections_mean=float(connections.mean()),
        connections_peak=int(connections.max()),
        refused_peak=int(refused.max()),
    )
