"""Waiting for an instant of the wall clock."""

import asyncio
import time


async def until(instant: float) -> None:
    """Return at ``instant`` (seconds since the Unix epoch), or at once when it has passed.

    Sleeps in short steps: the event loop's clock is monotonic, and the wall clock may be set meanwhile.
    """
    while (left := instant - time.time()) > 0:
        await asyncio.sleep(min(left, 1.0))
