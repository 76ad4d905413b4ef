"""The stream of changes: written once, read by any number of followers from its beginning."""

import asyncio
from collections.abc import AsyncIterator

from lbstudy.platform.interface import Change, PlatformError


class ChangeLog:
    """Every change so far, and a way to await the next."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._more = asyncio.Event()
        self._closed = False
        self._error: PlatformError | None = None

    def add(self, change: Change) -> None:
        """Append a change; after the end, nothing happens any more."""
        if not self._closed:
            self._changes.append(change)
            self._wake()

    def close(self, error: PlatformError | None = None) -> None:
        """End the stream: followers come to its end, or get the error there. The first call counts."""
        if not self._closed:
            self._closed = True
            self._error = error
            self._wake()

    async def follow(self) -> AsyncIterator[Change]:
        """Every change from the first on, as it happens, until the stream is closed."""
        position = 0
        while True:
            more = self._more  # taken before looking, so that nothing falls between look and wait
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
