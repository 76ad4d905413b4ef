"""Predicts a change with a setting: the distribution over many clients, each at its own phase."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lbstudy.measures.delays import delay, summary
from lbstudy.model.client import Client, SeenByClient
from lbstudy.model.parameters import Parameters, warm_up
from lbstudy.model.servers import ServerLife, added, present, removed
from lbstudy.result.model import Delay, DelaySummary

DRAWS: Final = 1000
"""Simulated clients: a predicted quantile's standard error is then about 1.6 % of the distribution."""
_SHORTEST_WATCH: Final = 60.0
_LONGEST_WATCH: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """The predicted delays of a change, one for each server and simulated client."""

    detect: tuple[Delay, ...]  # added: from Ready to the update with it; removed: from the command
    discovery: tuple[Delay, ...]  # added: from Ready to the end of the first answered RPC; removed: none
    watched: float  # s, for each

    @property
    def detect_summary(self) -> DelaySummary:
        """Quantiles of the time to detect."""
        return summary(self.detect)

    @property
    def discovery_summary(self) -> DelaySummary:
        """Quantiles of the time to discovery."""
        return summary(self.discovery)


@dataclass(frozen=True, slots=True)
class IdlePrice:
    """What a client costs a minute while nothing changes."""

    lookups: float  # resolutions: with A and AAAA, two DNS queries each
    connections: float  # made anew


def scale_up(
    parameters: Parameters,
    before: int,
    after: int,
    *,
    watched: float | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Prediction:
    """Predict a scale-up of a service that has run for long, at a random phase of each client."""
    watched = watch_time(parameters) if watched is None else watched
    servers = [*present(before), *(added(0.0, parameters) for _ in range(after - before))]
    detect: list[Delay] = []
    discovery: list[Delay] = []
    for seen in _settled(parameters, servers, parameters.ready + watched, draws, seed):
        for server in range(before, after):
            ready = servers[server].ready
            detect.append(delay(ready, seen.listed.get(server), ready + watched))
            discovery.append(delay(ready, seen.answered.get(server), ready + watched))
    return Prediction(tuple(detect), tuple(discovery), watched)


def scale_down(
    parameters: Parameters,
    before: int,
    after: int,
    *,
    watched: float | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Prediction:
    """Predict how long clients keep removed servers in their lists, from the command."""
    watched = watch_time(parameters) if watched is None else watched
    here = present(before)
    servers = [*here[:after], *(removed(server, 0.0, parameters) for server in here[after:])]
    detect = [
        delay(0.0, seen.unlisted.get(server), watched)
        for seen in _settled(parameters, servers, watched, draws, seed)
        for server in range(after, before)
    ]
    return Prediction(tuple(detect), (), watched)


def price(parameters: Parameters, servers: int, *, draws: int = 50, seed: int = 0) -> IdlePrice:
    """Predict what a client costs a minute while nothing changes."""
    minutes = max(10.0, watch_time(parameters) / 60)
    lookups = connections = 0
    for seen in _settled(parameters, present(servers), minutes * 60, draws, seed):
        lookups += sum(at > 0 for at in seen.lookups)
        connections += sum(at > 0 for at in seen.connected)
    return IdlePrice(lookups / (draws * minutes), connections / (draws * minutes))


def watch_time(parameters: Parameters) -> float:
    """Return how long to watch for everything that can still happen."""
    slow = parameters.min_interval + (parameters.max_age if parameters.ages else 0.0)
    return min(max(4 * slow + parameters.propagation, _SHORTEST_WATCH), _LONGEST_WATCH)


def _settled(
    parameters: Parameters, servers: Sequence[ServerLife], end: float, draws: int, seed: int
) -> list[SeenByClient]:
    """Return clients that have run for long at time 0, each at its own phase."""
    rng = np.random.default_rng(seed)
    long, phase = warm_up(parameters, sum(server.published < 0 for server in servers))
    return [
        Client(parameters, servers, rng).run_settled(-long - phase * rng.random(), end) for _ in range(draws)
    ]
