"""What the platform has seen so far, and waiting for more of it."""

import asyncio
from collections.abc import AsyncIterator, Callable

from lbstudy.platform.interface import Change, ChangeKind, PlatformError


class ChangeLog:
    """Follows a platform's changes.

    Args:
        on_change: called with each change as it comes.
    """

    def __init__(self, on_change: Callable[[Change], None]) -> None:
        self.seen: list[Change] = []
        self._on_change = on_change
        self._published: dict[str, set[str]] = {}
        self._failure: PlatformError | None = None
        self._news = asyncio.Condition()

    async def follow(self, changes: AsyncIterator[Change]) -> None:
        """Take in changes until there are no more, or the platform has failed."""
        try:
            async for change in changes:
                await self._take(change)
        except PlatformError as failure:
            self._failure = failure
        async with self._news:
            self._news.notify_all()

    async def published(self, deployment: str, pods: int) -> None:
        """Wait until so many pods of a Deployment are in DNS at the same time. Raises PlatformError."""
        async with self._news:
            await self._news.wait_for(
                lambda: self._failure is not None or len(self._published.get(deployment, ())) >= pods
            )
        self.check()

    def check(self) -> None:
        """Raise the PlatformError with which the changes ended, if they did."""
        if self._failure is not None:
            raise self._failure

    async def _take(self, change: Change) -> None:
        self.seen.append(change)
        if change.pod is not None and change.kind is ChangeKind.PUBLISHED:
            self._published.setdefault(change.deployment, set()).add(change.pod)
        elif change.pod is not None and change.kind is ChangeKind.UNPUBLISHED:
            self._published.get(change.deployment, set()).discard(change.pod)
        self._on_change(change)
        async with self._news:
            self._news.notify_all()
