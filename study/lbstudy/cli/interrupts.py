"""Signals that end the command: as exceptions while there is work, held off while it takes leave."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def treat_as_interrupt() -> None:
    """Have SIGTERM and SIGHUP do what Ctrl-C does, in whatever way SIGINT is handled at that moment."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) == signal.SIG_DFL:  # nohup ignores SIGHUP: leave it so
            signal.signal(ending, _interrupt)


def _interrupt(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
    signal.raise_signal(signal.SIGINT)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C within the block: for the last words after the first one, which are quickly said."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
