"""The pods' clock, as far as this machine knows it.

All instants of a run are given by one clock, that of the client pods, which also stamps their spans. Instants
that are observed here are read from the monotonic clock and converted. For that, a small program in a pod
answers each line with its time.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx2
from httpx2.websockets import AsyncWebSocketSession, HTTPXWSException

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import Cluster, reason
from lbstudy.platform.kubernetes.stream import STDIN, STDOUT, execute

_NANO: Final = 1_000_000_000
_PROGRAM: Final = "import sys, time\nfor line in sys.stdin: print(time.time_ns(), flush=True)"
_ROUNDS: Final = 20
_PATIENCE: Final = 20.0  # s to wait for an answer: Python has to start first


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer: when both were here, and what the pod's clock said in between."""

    sent: int  # ns, monotonic
    answered: int  # ns since the Unix epoch, by the pod's clock
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
    """Return the offset by the exchange with the shortest round trip (Cristian's algorithm).

    The pod answered at some instant between question and receipt. The middle is wrong by at most half the
    round trip.
    """
    best = min(exchanges, key=lambda exchange: exchange.received - exchange.sent)
    middle = (best.sent + best.received) // 2
    return Offset(best.answered - middle, (best.received - best.sent) / 2 / _NANO, middle)


def local_offset() -> Offset:
    """Return the offset of this machine's own wall clock."""
    before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
    return offset([Exchange(before, wall, after)])


def bound(before: Offset, after: Offset) -> float:
    """Return the largest error, in seconds, of instants converted by ``before``; includes the drift."""
    return before.bound + after.bound + abs(after.ns - before.ns) / _NANO


def spread(offsets: Mapping[str, Offset], reference: str) -> float:
    """Return how far other nodes' clocks may be from the reference's, in seconds; 0 if there is no other."""
    base = offsets[reference]
    return max(
        (
            abs(node_offset.ns - base.ns) / _NANO + node_offset.bound + base.bound
            for node, node_offset in offsets.items()
            if node != reference
        ),
        default=0.0,
    )


async def measure(cluster: Cluster, pod: str, container: str) -> Offset:
    """Measure the offset of a pod's clock, which is that of its node. Raises PlatformError."""
    try:
        async with execute(cluster, pod, container, ["python", "-c", _PROGRAM]) as session:
            exchanges = [await _exchange(session) for _ in range(_ROUNDS)]
    except (HTTPXWSException, httpx2.HTTPError, TimeoutError, ValueError, BaseExceptionGroup) as error:
        raise PlatformError(f"the clock of {pod} cannot be read: {reason(error)}") from error
    return offset(exchanges)


async def _exchange(session: AsyncWebSocketSession) -> Exchange:
    sent = time.monotonic_ns()
    await session.send_bytes(bytes((STDIN,)) + b"\n")
    answer, received = b"", 0
    while not answer.endswith(b"\n"):
        frame = await session.receive_bytes(timeout=_PATIENCE)
        if frame[0] != STDOUT:
            raise ValueError(frame[1:].decode("utf-8", "replace"))
        received = received or (time.monotonic_ns() if len(frame) > 1 else 0)
        answer += frame[1:]
    return Exchange(sent, int(answer), received)
