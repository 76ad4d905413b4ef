"""When each client has called each new server: of clients that have run for long, and of a run's own.

A gate's runs begin with their clients: when the scale-up comes, these have been there for as long as the
scenario says, for a part of ``PHASES`` that is drawn for each run, and for one of ``LEADS``. A client whose
connections are all younger than that waits longer for the first to end than one that has run for long.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.config.phases import PHASES
from lbstudy.config.requirement import HOLDS_IN
from lbstudy.config.scenario import Step
from lbstudy.model.client import Client, SeenByClient
from lbstudy.model.parameters import Parameters, warm_up
from lbstudy.model.servers import ServerLife, lives

RUNS: Final = 200
"""Simulated, of each kind of clients: the standard error of a share of 95 % is then 1.5 %."""
LEADS: Final = (1.0, 7.0)
"""s before the load at which a run's clients begin, on this machine, at most and at least: the more settings
side by side, and the busier the machine, the sooner."""
_ALLOWED: Final = round(RUNS * (1 - HOLDS_IN))

Floats = NDArray[np.float64]


@lru_cache(maxsize=4096)
def by_settled(p: Parameters, before: int, after: int, clients: int, within: float, seed: int) -> Floats:
    """Of each run the slowest client's time, in s from Ready on: of clients that have run for long.

    Infinite: more than ``within``, or not simulated, since too many runs were slower already.
    """
    servers = lives([Step(at=0, servers=before), Step(at=1e-9, servers=after)], p)
    rng = np.random.default_rng(seed)
    long, phase = warm_up(p, before)
    end = servers[-1].ready + within

    def one_client(client: Client, _: float) -> SeenByClient:
        return client.run_settled(-long - phase * rng.random(), end)

    return _slowest(p, servers, list(range(before, after)), clients, within, rng, one_client)


@lru_cache(maxsize=4096)
def by_its_own(
    p: Parameters, steps: tuple[Step, ...], clients: int, lead: float, within: float, seed: int
) -> Floats:
    """The same of the clients of the scenario's own runs, which begin so long before the load."""
    servers = lives(steps, p)
    new = [i for i, server in enumerate(servers) if math.isfinite(server.ready)]
    end = max(servers[i].ready for i in new) + within
    rng = np.random.default_rng(seed)

    def one_client(client: Client, phase: float) -> SeenByClient:
        return client.run(-lead - PHASES * phase, end)

    return _slowest(p, servers, new, clients, within, rng, one_client)


def until_the_last_scale_up(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The timeline without what comes after the last new server: nothing is asked of that."""
    last = max(i for i, (a, b) in enumerate(pairwise(steps), start=1) if b.servers > a.servers)
    return tuple(steps[: last + 1])


def removes(steps: Sequence[Step]) -> bool:
    """Whether any step takes servers away."""
    return any(b.servers < a.servers for a, b in pairwise(steps))


def scale_ups(steps: Sequence[Step]) -> list[tuple[int, int]]:
    """From how many servers to how many, of each step that adds some."""
    return [(a.servers, b.servers) for a, b in pairwise(steps) if b.servers > a.servers]


def _slowest(
    p: Parameters,
    servers: Sequence[ServerLife],
    new: Sequence[int],
    clients: int,
    within: float,
    rng: np.random.Generator,
    one_client: Callable[[Client, float], SeenByClient],
) -> Floats:
    latest = np.full(RUNS, math.inf)
    slow = 0
    for run in range(RUNS):
        if slow > _ALLOWED:  # the rest changes nothing
            break
        phase = rng.random()
        latest[run] = max(
            seen.answered.get(server, math.inf) - servers[server].ready
            for seen in (one_client(Client(p, servers, rng), phase) for _ in range(clients))
            for server in new
        )
        slow += latest[run] > within
    return latest
