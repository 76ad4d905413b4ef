"""Calling back after a while, for all RPCs at once: by a thread, or by one timer of an event loop.

Nearly every RPC ends before it is called back: so what counts is the cost of asking and of taking it back.
"""

import asyncio
import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

_logger = logging.getLogger(__name__)

_KEPT: Final = 1024  # tickets; of cancelled ones, no more than this or the number of the others are kept


class Ticket:
    """A call to be made; cancelled by forgetting what was to be called."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Let go of the call; it may be under way in this moment."""
        self.call = None


class _Queue:
    """Tickets by the time at which they are due."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Ticket]] = []
        self._order = itertools.count()
        self._limit = _KEPT

    def put(self, at: float, ticket: Ticket) -> bool:
        """Put a ticket in; returns whether it is the first one now."""
        if len(self._due) >= self._limit:
            self._due = [entry for entry in self._due if entry[2].call is not None]
            heapq.heapify(self._due)
            self._limit = _KEPT + 2 * len(self._due)
        entry = (at, next(self._order), ticket)
        heapq.heappush(self._due, entry)
        return self._due[0] is entry

    def next_at(self) -> float | None:
        """Return when the first call is due, None for no call at all."""
        while self._due and self._due[0][2].call is None:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def take(self) -> Callable[[], None] | None:
        """Take the first call out; None if it was cancelled in this moment."""
        return heapq.heappop(self._due)[2].call


class Reminder:
    """The thread, for the synchronous servers of a process; it starts with the first ticket."""

    def __init__(self) -> None:
        self._queue = _Queue()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def after(self, seconds: float, call: Callable[[], None]) -> Ticket:
        """Have ``call`` called in ``seconds``, in the thread; it must not block."""
        ticket = Ticket(call)
        with self._changed:
            first = self._queue.put(monotonic() + seconds, ticket)
            if self._thread is None or not self._thread.is_alive():  # not alive: this is a forked child
                self._thread = threading.Thread(target=self._run, name="grpc-lb-reminder", daemon=True)
                self._thread.start()
            elif first:
                self._changed.notify()
        return ticket

    def close(self) -> None:
        """End the thread, and wait for that; what was due is not called any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            try:
                call()
            except Exception:
                _logger.exception("a call that was due failed")

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._closed:
                at = self._queue.next_at()
                wait = None if at is None else at - monotonic()
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                elif (call := self._queue.take()) is not None:
                    return call
        return None


class LoopReminder:
    """The timer, for an aio server; all is done within its event loop."""

    def __init__(self) -> None:
        self._queue = _Queue()
        self._timer: asyncio.TimerHandle | None = None

    def after(self, seconds: float, call: Callable[[], None]) -> Ticket:
        """Have ``call`` called in ``seconds`` by the running loop; it must not raise."""
        loop = asyncio.get_running_loop()
        ticket = Ticket(call)
        if self._queue.put(loop.time() + seconds, ticket):
            self._set_timer(loop)
        return ticket

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        at = self._queue.next_at()
        self._timer = None if at is None else loop.call_at(at, self._wake, loop)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        while (at := self._queue.next_at()) is not None and at <= now:
            if (call := self._queue.take()) is not None:
                call()
        self._set_timer(loop)
