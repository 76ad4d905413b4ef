"""One thread that calls back after a while, for all RPCs of the synchronous servers of a process."""

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from time import monotonic

_logger = logging.getLogger(__name__)


class Ticket:
    """A call to be made; cancelled by forgetting what was to be called."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Let go of the call; it may be under way in this moment."""
        self.call = None


class Reminder:
    """The thread and its tickets; it starts with the first ticket."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Ticket]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def after(self, seconds: float, call: Callable[[], None]) -> Ticket:
        """Have ``call`` called in ``seconds``, in the thread; it must not block."""
        ticket = Ticket(call)
        entry = (monotonic() + seconds, next(self._order), ticket)
        with self._changed:
            heapq.heappush(self._due, entry)
            if self._thread is None or not self._thread.is_alive():  # not alive: this is a forked child
                self._thread = threading.Thread(target=self._run, name="grpc-lb-reminder", daemon=True)
                self._thread.start()
            elif self._due[0] is entry:
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
                while self._due and self._due[0][2].call is None:
                    heapq.heappop(self._due)
                wait = self._due[0][0] - monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    call = heapq.heappop(self._due)[2].call
                    if call is not None:
                        return call
                else:
                    self._changed.wait(wait)
        return None
