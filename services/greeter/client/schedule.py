"""When each RPC is due: pure arithmetic, whatever the answers do."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Due(NamedTuple):
    """An RPC of the schedule."""

    at: float  # s after the load's start
    client: int
    number: int  # of the client's RPCs, from 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """RPC k of client c is due (k + phase(c)) / rate seconds after the start, while that is before the end.

    Phases lie in [0, 1), spread evenly over the clients but for a random part that the seed decides: clients
    started together do not send together.
    """

    clients: int
    rate: float  # RPC/s of each client
    duration: float  # s
    seed: int = 0

    def phases(self) -> list[float]:
        """Each client's phase, in order of the clients, ascending."""
        chance = random.Random(self.seed)
        return [(client + chance.random()) / self.clients for client in range(self.clients)]

    def __len__(self) -> int:
        return sum(self._count(phase) for phase in self.phases())

    def __iter__(self) -> Iterator[Due]:
        phases = self.phases()
        counts = [self._count(phase) for phase in phases]
        # Phases ascend and lie within one interval: round by round is in order of time.
        for number in range(max(counts)):
            for client, phase in enumerate(phases):
                if number < counts[client]:
                    yield Due((number + phase) / self.rate, client, number)

    def _count(self, phase: float) -> int:
        # Rounded, so that 0.1 s at 30 RPC/s are three RPCs and not, by a floating-point hair, four.
        return max(0, math.ceil(round(self.duration * self.rate - phase, 9)))
