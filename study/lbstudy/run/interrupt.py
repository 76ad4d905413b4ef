"""Ctrl-C during a run on a cluster: the first one ends the run, a further one makes the clean-up hurry.

The event loop needs its own handler: the one of ``asyncio.run`` raises KeyboardInterrupt at the second
signal, in the middle of the clean-up.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable


async def interruptible(work: Awaitable[None], hurry: Callable[[], None]) -> None:
    """Do the work; at Ctrl-C cancel it, and wait until it has cleaned up.

    Args:
        work: the run.
        hurry: called for each Ctrl-C after the first; makes the clean-up as short as possible.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    count = 0

    def on_signal() -> None:
        nonlocal count
        count += 1
        if count == 1:
            task.cancel()
        else:
            hurry()

    before = signal.getsignal(signal.SIGINT)
    is_handled = before not in {signal.SIG_IGN, None}
    if is_handled:
        loop.add_signal_handler(signal.SIGINT, on_signal)
    try:
        await task
    except asyncio.CancelledError:
        if count:
            raise KeyboardInterrupt from None
        raise
    finally:
        if is_handled:
            loop.remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, before)


async def finished(work: asyncio.Future[None], hurry: Callable[[], None]) -> None:
    """Wait for work that must not be cancelled. If this is cancelled, hurry the work and raise at its end."""
    interruption: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError as error:
            interruption = error
            hurry()
    if interruption is not None:
        raise interruption
    work.result()
