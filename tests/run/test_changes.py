"""Waiting for what a platform sees."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from lbstudy.platform.interface import Change, ChangeKind, PlatformError
from lbstudy.run.changes import ChangeLog


def change(kind: ChangeKind, pod: str, deployment: str = "greeter") -> Change:
    return Change(at=1, error=0.0, kind=kind, deployment=deployment, pod=pod)


async def stream(*changes: Change | PlatformError) -> AsyncIterator[Change]:
    for item in changes:
        if isinstance(item, PlatformError):
            raise item
        yield item
        await asyncio.sleep(0)


async def test_pods_count_while_they_are_published_and_of_their_own_deployment() -> None:
    seen: list[Change] = []
    log = ChangeLog(seen.append)
    waiting = asyncio.create_task(log.published("greeter", 2))
    await log.follow(
        stream(
            change(ChangeKind.READY, "a"),
            change(ChangeKind.PUBLISHED, "a"),
            change(ChangeKind.PUBLISHED, "x", "other"),
            change(ChangeKind.UNPUBLISHED, "a"),
            change(ChangeKind.PUBLISHED, "b"),
        )
    )
    await asyncio.sleep(0)
    assert not waiting.done()
    await log.follow(stream(change(ChangeKind.PUBLISHED, "c")))
    await waiting
    assert log.seen == seen
    assert len(seen) == 6


async def test_a_platform_that_fails_ends_the_waiting() -> None:
    log = ChangeLog(lambda _: None)
    waiting = asyncio.create_task(log.published("greeter", 1))
    await asyncio.sleep(0)
    await log.follow(stream(PlatformError("the node has died")))
    with pytest.raises(PlatformError, match="the node has died"):
        await waiting
    with pytest.raises(PlatformError, match="the node has died"):
        log.check()
