"""Group commit: writes many requests in one transaction, and reports to each how it went."""

import threading
from concurrent.futures import Future
from typing import Final

from lbstudy.store.database import RunStore
from lbstudy.store.errors import StoreError
from lbstudy.store.otlp import Decoded

_LINGER: Final = 0.5  # s for which a batch waits for more: a transaction costs 15 ms, however small
_ENOUGH: Final = 5_000  # rows after which a batch is written at once
_FULL: Final = 512
"""Spans of an exporter's full batch. An exporter with more spans sends the next batch only after this one is
answered.

If a full batch had to wait for others, a program could send only about 1,000 spans/s; a faster one would lose
the rest.
"""


class BatchWriter:
    """Writes decoded requests to a store in its own thread, until ``close``."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._waiting: list[tuple[Decoded, Future[None]]] = []
        self._rows = 0
        self._is_urgent = False
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="lbstudy-store", daemon=True)
        self._thread.start()

    def submit(self, decoded: Decoded) -> Future[None]:
        """Write it soon. The future ends when it is in the file, or with the StoreError that prevented it."""
        done: Future[None] = Future()
        with self._changed:
            if self._closed:
                done.set_exception(StoreError(f"{self._store.path}: the store's writer is closed"))
                return done
            self._waiting.append((decoded, done))
            self._rows += len(decoded.spans) + len(decoded.metrics)
            self._is_urgent |= len(decoded.spans) >= _FULL or self._rows >= _ENOUGH
            self._changed.notify_all()
        return done

    def close(self) -> None:
        """Write what is waiting, and end the thread. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            self._write(batch)

    def _next(self) -> list[tuple[Decoded, Future[None]]]:
        """Return the next batch; empty if the writer is closed and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            self._changed.wait_for(lambda: self._closed or self._is_urgent, timeout=_LINGER)
            batch, self._waiting, self._rows, self._is_urgent = self._waiting, [], 0, False
        return batch

    def _write(self, batch: list[tuple[Decoded, Future[None]]]) -> None:
        try:
            self._store.add_telemetry(
                [row for decoded, _ in batch for row in decoded.resources],
                [row for decoded, _ in batch for row in decoded.spans],
                [row for decoded, _ in batch for row in decoded.metrics],
            )
        except Exception as error:  # whatever it is, those who wait must be told
            for _, done in batch:
                done.set_exception(error)
        else:
            for _, done in batch:
                done.set_result(None)
