"""Waits until an instant of a wall clock."""

import asyncio
import time
from collections.abc import Callable


async def until(instant: float, now: Callable[[], float] = time.time) -> None:
    """Return at ``instant`` (seconds since the Unix epoch), or at once if it has passed.

    Sleeps in short steps: the event loop's clock is monotonic, and the wall clock may be set meanwhile.

    Args:
        instant: by the clock that ``now`` reads.
        now: the clock; by default this machine's.
    """
    while (left := instant - now()) > 0:  # noqa: ASYNC110 - there is no event: time passes
        await asyncio.sleep(min(left, 1.0))
