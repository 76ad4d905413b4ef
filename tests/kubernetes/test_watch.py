"""A watch loses nothing and tells nothing twice, whatever becomes of its connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.watch import Watch, WatchReport

from tests.kubernetes.fake_api import FakeApi, an_object, cluster_of


class Watcher:
    """What a watch told, to await it."""

    def __init__(self) -> None:
        self.seen: list[WatchReport[wire.Pod]] = []
        self._more = asyncio.Event()

    def tell(self, seen: WatchReport[wire.Pod]) -> None:
        self.seen.append(seen)
        self._more.set()

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(120):
            while len(self.seen) < count:
                self._more.clear()
                await self._more.wait()
        return [text(seen) for seen in self.seen]


def text(seen: WatchReport[wire.Pod]) -> str:
    """ "= a b" for a list, "a" for a change, "-a" for a deletion."""
    names = [pod.metadata.name for pod in seen.changed] + [f"-{pod.metadata.name}" for pod in seen.deleted]
    return " ".join(["=", *names] if seen.complete else names)


@asynccontextmanager
async def watching(api: FakeApi) -> AsyncIterator[tuple[Watcher, asyncio.Task[None]]]:
    watcher = Watcher()
    async with api.serve(), cluster_of(api) as cluster:
        watch = Watch(cluster, ("api/v1", "pods"), wire.Pod, "app=x", watcher.tell)
        running = asyncio.create_task(watch.run())
        try:
            yield watcher, running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_list_and_then_what_changes() -> None:
    api = FakeApi(pages=[[an_object("a", 5)]], version=7)
    async with watching(api) as (watcher, _):
        watch = await api.watch()
        assert watch.path == "/api/v1/namespaces/lab/pods"
        assert (watch.query["resourceVersion"], watch.query["labelSelector"]) == ("7", "app=x")
        await watch.event("ADDED", an_object("b", 8))
        await watch.event("MODIFIED", an_object("a", 9))
        await watch.event("DELETED", an_object("b", 10))
        assert await watcher.until(4) == ["= a", "b", "a", "-b"]


async def test_a_list_of_several_pages_is_one() -> None:
    api = FakeApi(pages=[[an_object("a", 1)], [an_object("b", 2)], [an_object("c", 3)]])
    async with watching(api) as (watcher, _):
        assert await watcher.until(1) == ["= a b c"]


@pytest.mark.parametrize("how", ["ended", "cut"])
async def test_a_watch_that_ends_goes_on_where_it_was(how: str) -> None:
    api = FakeApi(version=7)
    async with watching(api) as (watcher, _):
        first = await api.watch()
        await first.event("ADDED", an_object("a", 11))
        await watcher.until(2)
        if how == "ended":
            await first.end()
        else:
            first.cut()
        second = await api.watch()
        assert second.query["resourceVersion"] == "11"
        await second.event("ADDED", an_object("b", 12))
        assert await watcher.until(3) == ["=", "a", "b"]
        assert api.lists == 1
        # It may have happened while nobody watched: since the last that was heard before.
        missed = watcher.seen[2]
        assert missed.since == watcher.seen[1].at < missed.at


async def test_a_line_that_was_cut_is_not_half_told() -> None:
    api = FakeApi(version=7)
    async with watching(api) as (watcher, _):
        first = await api.watch()
        await first.event("ADDED", an_object("a", 8))
        await watcher.until(2)
        await first.raw(b'{"type": "ADDED", "object": {"metadata": {"name": "b", "resourceVersion": "9"')
        first.cut()
        second = await api.watch()
        assert second.query["resourceVersion"] == "8"
        await second.event("ADDED", an_object("b", 9))
        assert await watcher.until(3) == ["=", "a", "b"]


async def test_a_bookmark_moves_on_and_is_not_told() -> None:
    api = FakeApi(version=7)
    async with watching(api) as (watcher, _):
        first = await api.watch()
        assert first.query["allowWatchBookmarks"] == "true"
        await first.event("BOOKMARK", {"metadata": {"resourceVersion": "900"}})
        await first.end()
        second = await api.watch()
        assert second.query["resourceVersion"] == "900"
        assert await watcher.until(1) == ["="]


async def test_what_the_api_has_forgotten_is_listed_anew() -> None:
    api = FakeApi(pages=[[an_object("a", 5), an_object("b", 6)]], version=7)
    async with watching(api) as (watcher, _):
        first = await api.watch()
        await watcher.until(1)
        api.pages, api.version = [[an_object("b", 6), an_object("c", 20)]], 30
        await first.event("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})
        second = await api.watch()
        assert second.query["resourceVersion"] == "30"
        assert await watcher.until(2) == ["= a b", "= b c"]
        assert watcher.seen[1].since == watcher.seen[0].at


async def test_a_watch_refused_as_too_old_is_listed_anew() -> None:
    api = FakeApi(version=7, watch_status=[410])
    async with watching(api) as (watcher, _):
        await api.watch()
        assert await watcher.until(2) == ["=", "="]


async def test_an_api_that_errs_is_asked_again() -> None:
    api = FakeApi(version=7, watch_status=[500, 503])
    async with watching(api) as (watcher, _):
        watch = await api.watch()
        assert watch.query["resourceVersion"] == "7"
        await watch.event("ADDED", an_object("a", 8))
        assert await watcher.until(2) == ["=", "a"]


async def test_an_error_in_the_stream_does_not_end_the_watching() -> None:
    api = FakeApi(version=7)
    async with watching(api) as (watcher, _):
        first = await api.watch()
        await first.event("ERROR", {"kind": "Status", "code": 500, "message": "etcd leader changed"})
        second = await api.watch()
        assert second.query["resourceVersion"] == "7"
        await second.event("ADDED", an_object("a", 8))
        assert await watcher.until(2) == ["=", "a"]


async def test_a_right_that_is_lacking_ends_it_with_one_line() -> None:
    api = FakeApi(status=403)
    async with watching(api) as (_, running):
        with pytest.raises(PlatformError, match=r"^watching pods: "):
            await asyncio.wait_for(running, 120)
