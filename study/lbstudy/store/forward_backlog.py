"""The queue of what waits to be sent on, and counts of what became of it. No I/O; thread-safe."""

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

QUEUE_FULL: Final = "queue full"
"""Cause of a loss: there was no room in the queue."""
UNAVAILABLE: Final = "unavailable at the end"
"""Cause of a loss: not sent when the run ended."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests that are sent as one.

    An OTLP request is one repeated field, so the concatenated bytes of several requests are a request with
    all of their parts.
    """

    payload: bytes
    items: int


@dataclass(frozen=True, slots=True)
class SentCount:
    """What became of the items that were offered."""

    sent: int
    lost: Mapping[str, int]  # cause → items


class Backlog:
    """A bounded queue, first in, first out.

    Args:
        limit: bytes that may wait; an offer beyond it is refused, and counted as lost.
        batch: bytes that ``take`` combines, unless a single request has more.
    """

    def __init__(self, limit: int, batch: int) -> None:
        self._limit = limit
        self._batch = batch
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._bytes = 0
        self._sent = 0
        self._lost: Counter[str] = Counter()
        self._ends_at: float | None = None  # on the monotonic clock, once closed
        self._changed = threading.Condition()

    def offer(self, payload: bytes, items: int) -> None:
        """Queue a request of so many items, or count it as lost. Never waits for room."""
        with self._changed:
            if self._ends_at is not None:
                self._lost[UNAVAILABLE] += items
            elif self._bytes + len(payload) > self._limit:
                self._lost[QUEUE_FULL] += items
            else:
                self._waiting.append((payload, items))
                self._bytes += len(payload)
                self._changed.notify_all()

    def take(self) -> Batch | None:
        """Wait for requests, and take as many as make a batch; None if it is closed and nothing is left.

        Call ``done`` when the batch has been sent.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ends_at is not None)
            parts: list[bytes] = []
            items = size = 0
            while self._waiting and (not parts or size + len(self._waiting[0][0]) <= self._batch):
                payload, count = self._waiting.popleft()
                parts.append(payload)
                size += len(payload)
                items += count
            return Batch(b"".join(parts), items) if parts else None

    def done(self, batch: Batch, lost: Mapping[str, int] | None = None) -> None:
        """Note that a batch has been sent, except for what was ``lost``: cause → items."""
        with self._changed:
            self._bytes -= len(batch.payload)
            self._lost.update(lost or {})
            self._sent += batch.items - sum((lost or {}).values())

    def pause(self, seconds: float) -> bool:
        """Wait so long, or until time is up; returns whether there is time left."""
        with self._changed:
            closed_before = self._ends_at is not None
            # Closing ends a pause, as there is little time left to try again.
            self._changed.wait_for(
                lambda: not closed_before and self._ends_at is not None, timeout=min(seconds, self._left())
            )
            return self._left() > 0

    def close(self, within: float) -> None:
        """Accept no more, and end within so many seconds."""
        with self._changed:
            if self._ends_at is None:
                self._ends_at = time.monotonic() + within
            self._changed.notify_all()

    def left(self) -> float:
        """Return the seconds until the end; infinite before ``close``, and never negative."""
        with self._changed:
            return self._left()

    def abandon(self) -> None:
        """Count what still waits as lost."""
        with self._changed:
            for payload, items in self._waiting:
                self._bytes -= len(payload)
                self._lost[UNAVAILABLE] += items
            self._waiting.clear()

    def counts(self) -> SentCount:
        """Return what became of it so far."""
        with self._changed:
            return SentCount(self._sent, dict(self._lost))

    def _left(self) -> float:
        return float("inf") if self._ends_at is None else max(0.0, self._ends_at - time.monotonic())
