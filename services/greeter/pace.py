"""When the messages of a stream are due: at a fixed rate, whatever the other side does."""

import asyncio
import math
from collections.abc import AsyncIterator


def messages(rate: float, life: float) -> int:
    """Return how many messages a stream has: one at once, then one each 1 ÷ ``rate`` seconds of its life."""
    # Rounded, so that 0.3 s at 10 messages/s are three messages and not four because of floating point.
    return max(1, math.ceil(round(rate * life, 9)))


async def beats(rate: float, life: float) -> AsyncIterator[int]:
    """Yield the number of each message when it is due, then wait until the stream's life is over.

    Message k is due k ÷ rate seconds after the beginning. A message that is late is sent at once: the pace
    follows the schedule, not the answers.
    """
    loop = asyncio.get_running_loop()
    zero = loop.time()
    for number in range(messages(rate, life)):
        await asyncio.sleep(max(0.0, zero + number / rate - loop.time()))
        yield number
    await asyncio.sleep(max(0.0, zero + life - loop.time()))
