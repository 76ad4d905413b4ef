"""Waiting for an instant of the wall clock."""

import asyncio
import time


async def until(instant: float) -> None:
    """Return at ``instant`` (seconds since the Unix epoch), or at once when it has passed.

    Sleeps in short steps: the event loop's clock is monotonic, and the wall clock may be set meanwhile.
    """
    while (left := instant - time.time()) > 0:  # noqa: ASYNC110 - there is no event: time passes
        await asyncio.sleep(min(left, 1.0))
