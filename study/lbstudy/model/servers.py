"""The servers as the model is given them: when each is Ready, in DNS, and gone."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from lbstudy.config.scenario import Step
from lbstudy.model.parameters import Parameters


@dataclass(frozen=True, slots=True)
class ServerLife:
    """One server; instants in seconds on any common clock, ``inf``: not within the time modelled."""

    ready: float  # accepts connections from then on
    published: float  # in DNS
    terminating: float = math.inf  # SIGTERM
    unpublished: float = math.inf  # out of DNS
    goaway: float = math.inf  # stop(grace): open connections get GOAWAY, new ones are refused


class Zone:
    """What DNS says at any instant: indices into the servers."""

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
        """The servers in DNS at an instant."""
        found = bisect_right(self._instants, instant)
        return self._lists[found - 1] if found else frozenset()


def added(at: float, parameters: Parameters) -> ServerLife:
    """A server that a command brings."""
    ready = at + parameters.ready
    return ServerLife(ready=ready, published=ready + parameters.propagation)


def removed(server: ServerLife, at: float, parameters: Parameters) -> ServerLife:
    """The same server with a command that takes it away."""
    return ServerLife(
        ready=server.ready,
        published=server.published,
        terminating=at,
        unpublished=at + parameters.propagation,
        goaway=at + parameters.drain_wait,
    )


def present(count: int) -> list[ServerLife]:
    """Servers that have always been there."""
    return [ServerLife(ready=-math.inf, published=-math.inf) for _ in range(count)]


def lives(steps: Sequence[Step], parameters: Parameters) -> list[ServerLife]:
    """The servers of a timeline of scale steps: those of the first step are there, the youngest go first."""
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
