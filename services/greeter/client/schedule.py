"""When each RPC is due, independent of the answers. No I/O."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from greeter.client.course import Course


class Due(NamedTuple):
    """An RPC of the schedule."""

    at: float  # s after the load's start
    client: int
    number: int  # of this client's RPCs, from 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """RPC k of client c is due (k + phase(c)) / rate seconds after the start, if that is before the end.

    If the rate changes, the RPC is due when the integral of the rate reaches k + phase(c).

    Phases lie in [0, 1). They are evenly spaced over the clients, apart from a random part that depends on
    the seed, so that clients which start together do not send together.
    """

    clients: int
    rate: float  # RPC/s of each client
    duration: float  # s
    seed: int = 0
    course: Course | None = None  # each client's rate over time, instead of ``rate``

    def phases(self) -> list[float]:
        """Return each client's phase, in order of the clients, ascending."""
        chance = random.Random(self.seed)
        return [(client + chance.random()) / self.clients for client in range(self.clients)]

    def __len__(self) -> int:
        return sum(self._count(phase) for phase in self.phases())

    def __iter__(self) -> Iterator[Due]:
        phases = self.phases()
        counts = [self._count(phase) for phase in phases]
        # Phases ascend and lie within one interval, so going round the clients is in order of time.
        for number in range(max(counts)):
            for client, phase in enumerate(phases):
                if number < counts[client]:
                    yield Due(self._at(number + phase), client, number)

    def _count(self, phase: float) -> int:
        # Rounded, so that 0.1 s at 30 RPC/s are three RPCs and not four because of floating point.
        due = self.duration * self.rate if self.course is None else self.course.rpcs(self.duration)
        return max(0, math.ceil(round(due - phase, 9)))

    def _at(self, rpcs: float) -> float:
        return rpcs / self.rate if self.course is None else self.course.instant(rpcs)
