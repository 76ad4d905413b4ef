"""Logs of many pods: how many of them hold a connection, and that the others are read all the same."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
from lbstudy.platform.kubernetes.api import Cluster
from lbstudy.platform.kubernetes.pod_logs import KEPT_AT_MOST, PodLogs, Reader, keep
from lbstudy.platform.kubernetes.pods import KnownPod

from tests.kubernetes.fake_api import FakeApi, cluster_of

MANY = 3 * KEPT_AT_MOST


class Endless(httpx2.AsyncBaseTransport):
    """A log that is followed does not end; one that is read has a line."""

    def __init__(self) -> None:
        self.following: set[str] = set()
        self.changed = asyncio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        pod = request.url.path.split("/")[-2]
        if request.url.params["container"] != "server" or request.url.params.get("follow") != "true":
            return httpx2.Response(200, content=b'{"event": "serving"}\n', request=request)
        self.following.add(pod)
        self.changed.set()

        class Stream(httpx2.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                yield b"line\n"
                await asyncio.Event().wait()

        return httpx2.Response(200, stream=Stream(), request=request)

    async def until(self, count: int) -> None:
        """Wait until so many are followed."""
        while len(self.following) < count:
            self.changed.clear()
            await self.changed.wait()


def pod(number: int, workload: str = "orders-stock") -> KnownPod:
    return KnownPod(f"{workload}-{number}", f"uid-{workload}-{number}", workload)


async def test_logs_that_are_only_kept_hold_no_connection_each(tmp_path: Path) -> None:
    """Of servers that leave no last words only the first are followed; a client's log, whenever it comes."""
    read: list[str] = []
    readers: dict[str, Reader] = {"orders-stock": keep, "client-stock": read.append}
    endless = Endless()
    async with asyncio.timeout(60), FakeApi().serve() as api, cluster_of(api) as known:
        http = httpx2.AsyncClient(transport=endless, base_url="http://api")
        cluster = Cluster(known.server, known.context, known.namespace, known.objects, http)
        logs = PodLogs(cluster, tmp_path, lambda _: "server", readers.get)
        for number in range(MANY):
            logs.started(pod(number))
        logs.started(pod(0, "client-stock"))
        await endless.until(KEPT_AT_MOST + 1)
        assert endless.following == {
            *(f"orders-stock-{number}" for number in range(KEPT_AT_MOST)),
            "client-stock-0",
        }
        await logs.read_those_present([pod(number) for number in range(MANY)], within=30)
        await logs.stop()
    assert len(endless.following) == KEPT_AT_MOST + 1
    assert read == ["line"]
    for number in (KEPT_AT_MOST, MANY - 1):
        assert logs.file(f"orders-stock-{number}").read_text() == '{"event": "serving"}\n'
