"""The model's servers: when each is Ready, in DNS, and gone."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from lbstudy.config.scenario import Step
from lbstudy.model.parameters import Parameters


@dataclass(frozen=True, slots=True)
class ServerLife:
    """One server; instants in seconds by any common clock, ``inf``: not within the simulated time."""

    ready: float  # accepts connections from then on
    published: float  # in DNS
    terminating: float = math.inf  # SIGTERM
    unpublished: float = math.inf  # out of DNS
    goaway: float = math.inf  # stop(grace): open connections get GOAWAY, new ones are refused


class ZoneHistory:
    """What DNS answers at any instant: indices of the servers."""

    def __init__(self, servers: Sequence[ServerLife]) -> None:
        changes = sorted(
            [(server.published, True, i) for i, server in enumerate(servers)]
            + [(server.unpublished, False, i) for i, server in enumerate(servers)]
        )
        self._instants: list[float] = []
        self._lists: list[frozenset[int]] = []
        listed: frozenset[int] = frozenset()
        for at, added, server in changes:
            if math.isfinite(at) or at < 0:
                listed = listed | {server} if added else listed - {server}
                self._instants.append(at)
                self._lists.append(listed)

    def at(self, instant: float) -> frozenset[int]:
        """Return the servers in DNS at an instant."""
        position = bisect_right(self._instants, instant)
        return self._lists[position - 1] if position else frozenset()


def added(at: float, parameters: Parameters) -> ServerLife:
    """Return a server that a command adds."""
    ready = at + parameters.ready
    return ServerLife(ready=ready, published=ready + parameters.propagation)


def removed(server: ServerLife, at: float, parameters: Parameters) -> ServerLife:
    """Return the same server, removed by a command."""
    return ServerLife(
        ready=server.ready,
        published=server.published,
        terminating=at,
        unpublished=at + parameters.propagation,
        goaway=at + parameters.drain_wait,
    )


def present(count: int) -> list[ServerLife]:
    """Return servers that have always existed."""
    return [ServerLife(ready=-math.inf, published=-math.inf) for _ in range(count)]


def lives(steps: Sequence[Step], parameters: Parameters) -> list[ServerLife]:
    """Return the servers of a timeline of scale steps; the youngest are removed first."""
    servers = present(steps[0].servers)
    here = list(range(len(servers)))
    for step in steps[1:]:
        while len(here) > step.servers:
            gone = here.pop()
            servers[gone] = removed(servers[gone], step.at, parameters)
        while len(here) < step.servers:
            here.append(len(servers))
            servers.append(added(step.at, parameters))
    return servers
