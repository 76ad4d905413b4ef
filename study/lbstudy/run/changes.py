"""The platform's changes so far, and waiting for more of them."""

import asyncio
from collections.abc import AsyncIterator, Callable

from lbstudy.platform.interface import Change, ChangeKind, PlatformError

HOPELESS = 3
"""So many pods that ended before they were Ready are not a coincidence."""


class ChangeLog:
    """Follows a platform's changes.

    Args:
        on_change: called with each change.
    """

    def __init__(self, on_change: Callable[[Change], None]) -> None:
        self.seen: list[Change] = []
        self._on_change = on_change
        self._published: dict[str, set[str]] = {}
        self._ready: set[str] = set()
        self._told: set[str] = set()  # pods that were told to end
        self._stillborn: dict[str, int] = {}  # Deployment → pods that ended before they were of use
        self._failure: PlatformError | None = None
        self._news = asyncio.Condition()

    async def follow(self, changes: AsyncIterator[Change]) -> None:
        """Process changes until there are no more, or the platform has failed."""
        try:
            async for change in changes:
                await self._take(change)
        except PlatformError as failure:
            self._failure = failure
        async with self._news:
            self._news.notify_all()

    async def published(self, deployment: str, pods: int) -> bool:
        """Wait until so many pods of a Deployment are in DNS at the same time. Raises PlatformError.

        Returns:
            False if its pods end again and again before they are Ready, so that waiting longer is useless.
        """
        async with self._news:
            await self._news.wait_for(
                lambda: (
                    self._failure is not None
                    or len(self._published.get(deployment, ())) >= pods
                    or self.is_hopeless(deployment)
                )
            )
        self.check()
        return not self.is_hopeless(deployment)

    def is_hopeless(self, deployment: str) -> bool:
        """Return whether a Deployment's pods keep ending by themselves before they are of use."""
        return self._stillborn.get(deployment, 0) >= HOPELESS

    def check(self) -> None:
        """Raise the PlatformError that ended the changes, if there is one."""
        if self._failure is not None:
            raise self._failure

    async def _take(self, change: Change) -> None:
        self.seen.append(change)
        if change.pod is not None and change.kind is ChangeKind.PUBLISHED:
            self._published.setdefault(change.deployment, set()).add(change.pod)
        elif change.pod is not None and change.kind is ChangeKind.UNPUBLISHED:
            self._published.get(change.deployment, set()).discard(change.pod)
        if change.pod is not None and change.kind is ChangeKind.READY:
            self._ready.add(change.pod)
        elif change.pod is not None and change.kind is ChangeKind.TERMINATING:
            self._told.add(change.pod)
        elif change.pod is not None and change.kind is ChangeKind.EXITED and change.pod not in self._told:
            # A program that was Ready and exits with 0 has probably put itself into the background.
            useless = HOPELESS if change.detail == "0" else change.pod not in self._ready
            self._stillborn[change.deployment] = self._stillborn.get(change.deployment, 0) + useless
        self._on_change(change)
        async with self._news:
            self._news.notify_all()
