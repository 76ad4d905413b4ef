"""How many RPCs a server handles at a time, and how busy that keeps it. Further RPCs wait in order."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Busy:
    """The server's counts of its own work, all since its start."""

    uptime: float  # s
    busy: float  # s of work, summed over RPCs that were handled at the same time
    waiting: int  # RPCs that wait now


class Capacity:
    """Lets at most so many RPCs be handled at a time, first come, first served.

    Args:
        concurrency: RPCs at a time; None: no limit, so that none waits.
        clock: monotonic, s.
    """

    def __init__(self, concurrency: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.concurrency = concurrency
        self._turns = None if concurrency is None else asyncio.Semaphore(concurrency)
        self._clock = clock
        self._started = self._since = clock()
        self._working = 0
        self._waiting = 0
        self._busy = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and keep it until the block ends; an RPC that is cancelled leaves the queue."""
        async with AsyncExitStack() as stack:
            if self._turns is not None:
                self._waiting += 1
                try:
                    await stack.enter_async_context(self._turns)
                finally:
                    self._waiting -= 1
            self._count(+1)
            try:
                yield
            finally:
                self._count(-1)

    def busy(self) -> Busy:
        """Return the counts now."""
        self._count(0)
        return Busy(self._since - self._started, self._busy, self._waiting)

    def _count(self, change: int) -> None:
        now = self._clock()
        self._busy += self._working * (now - self._since)
        self._since = now
        self._working += change
