"""The stream of changes: it is written once, and any number of followers read it from its beginning."""

import asyncio
from collections.abc import AsyncIterator

from lbstudy.platform.interface import Change, PlatformError


class ChangeStream:
    """Every change so far; followers can await the next one."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._more = asyncio.Event()
        self._closed = False
        self._error: PlatformError | None = None

    def add(self, change: Change) -> None:
        """Append a change; does nothing after the end."""
        if not self._closed:
            self._changes.append(change)
            self._wake()

    def close(self, error: PlatformError | None = None) -> None:
        """End the stream: followers reach its end, or get the error there. Only the first call counts."""
        if not self._closed:
            self._closed = True
            self._error = error
            self._wake()

    async def follow(self) -> AsyncIterator[Change]:
        """Yield every change from the first on, as it happens, until the stream is closed."""
        position = 0
        while True:
            more = self._more  # before looking, so that no change is missed between looking and waiting
            while position < len(self._changes):
                yield self._changes[position]
                position += 1
            if self._closed:
                if self._error is not None:
                    raise self._error
                return
            if more is self._more:
                await more.wait()

    def _wake(self) -> None:
        woken, self._more = self._more, asyncio.Event()
        woken.set()
