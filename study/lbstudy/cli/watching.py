"""Runs a watch of live Services until its time is over or Ctrl-C is pressed."""

import asyncio
import signal
from typing import TextIO

from rich.console import Console

from lbstudy.watch.program import Finished, WatchPlan, watch
from lbstudy.watch.view import Lines, WatchScreen, WatchView


async def watch_until_stopped(plan: WatchPlan, view: WatchView) -> Finished:
    """Watch until the time is over or the first Ctrl-C, which ends a watch in order."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    try:
        return await watch(plan, view, stop)
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def view(out: TextIO, *, plain: bool) -> WatchView:
    """Return what shows the watch: a table on a terminal, else lines."""
    return Lines(out) if plain or not out.isatty() else WatchScreen(Console(file=out))
