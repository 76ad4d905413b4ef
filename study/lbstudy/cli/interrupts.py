"""Signals that end the command: they raise while there is work, and are ignored during the last output."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def treat_as_interrupt() -> None:
    """Make SIGTERM and SIGHUP do what Ctrl-C does, even if SIGINT is ignored now.

    A background job of a script starts with SIGINT ignored. SIGTERM would then be ignored as well, so SIGINT
    gets the handler that it has on a terminal.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) == signal.SIG_DFL:  # nohup ignores SIGHUP: keep it ignored
            signal.signal(ending, _interrupt)


def _interrupt(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
    signal.raise_signal(signal.SIGINT)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C within the block: for the short output after a first Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
