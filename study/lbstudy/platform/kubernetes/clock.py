"""The pods' clock as this machine knows it.

Every instant of a run is told by one clock, that of the client pods, whose spans come with it. Instants that
are observed here are read from the monotonic clock and translated.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_NANO: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer: the instants of both here, and what the pod's clock said in between."""

    sent: int  # ns, monotonic
    answered: int  # ns since the Unix epoch, the pod's
    received: int  # ns, monotonic


@dataclass(frozen=True, slots=True)
class Offset:
    """What to add to the monotonic clock here to have the pod's clock."""

    ns: int
    bound: float  # s: it is off by no more
    at: int  # ns, monotonic: when it was measured

    def wall(self, monotonic: int) -> int:
        """The pod's clock, ns since the Unix epoch, at an instant of the monotonic clock here."""
        return monotonic + self.ns


def offset(exchanges: Iterable[Exchange]) -> Offset:
    """The offset by the exchange with the shortest round trip (Cristian's algorithm).

    The answer was given at some instant between question and receipt: taking the middle is off by half the
    round trip at most.
    """
    best = min(exchanges, key=lambda one: one.received - one.sent)
    middle = (best.sent + best.received) // 2
    return Offset(best.answered - middle, (best.received - best.sent) / 2 / _NANO, middle)


def local_offset() -> Offset:
    """That of this machine's own wall clock."""
    before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
    return offset([Exchange(before, wall, after)])


def bound(before: Offset, after: Offset) -> float:
    """The largest error of instants translated by ``before``, in seconds, with the drift until ``after``."""
    return before.bound + after.bound + abs(after.ns - before.ns) / _NANO


def spread(offsets: Mapping[str, Offset], reference: str) -> float:
    """How far other nodes' clocks may be from the reference's, in seconds; 0 when there is no other."""
    base = offsets[reference]
    return max(
        (
            abs(one.ns - base.ns) / _NANO + one.bound + base.bound
            for node, one in offsets.items()
            if node != reference
        ),
        default=0.0,
    )
