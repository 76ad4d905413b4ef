"""The watch of EndpointSlices against an API that behaves, ends watches, and loses them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from endpoint_push.catalog import Catalog
from endpoint_push.control_plane import ControlPlane
from endpoint_push.policy import Policy
from endpoint_push.records import EndpointsChanged, EndpointsWithheld, Record, SourceLost, SourceSynced
from endpoint_push.sources.kubernetes import EndpointSliceWatch
from lightkube import AsyncClient
from lightkube.config.kubeconfig import KubeConfig

GUARD = 120.0  # s
CONFIG = {
    "current-context": "test",
    "clusters": [{"name": "test", "cluster": {"server": "http://127.0.0.1:9"}}],
    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    "users": [{"name": "test", "user": {}}],
}


def piece(name: str, version: int, *hosts: str, terminating: tuple[str, ...] = ()) -> dict[str, Any]:
    endpoints = [{"addresses": [host], "conditions": {"ready": True}} for host in hosts]
    endpoints += [
        {"addresses": [host], "conditions": {"ready": False, "serving": True, "terminating": True}}
        for host in terminating
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "addressType": "IPv4",
        "metadata": {
            "name": name,
            "resourceVersion": str(version),
            "labels": {"kubernetes.io/service-name": "greeter"},
        },
        "endpoints": endpoints,
        "ports": [{"name": "grpc", "port": 50051, "protocol": "TCP"}],
    }


class Api(httpx2.AsyncBaseTransport):
    """Lists what ``slices`` has, and tells watches what is put into ``events``; None loses the connection."""

    def __init__(self) -> None:
        self.slices: list[dict[str, Any]] = []
        self.events: asyncio.Queue[tuple[str, dict[str, Any]] | None] = asyncio.Queue()
        self.watches: asyncio.Queue[str] = asyncio.Queue()  # the resourceVersion of each
        self.is_up = True

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not self.is_up:
            raise httpx2.ConnectError("refused")
        if "watch" in request.url.params:
            self.watches.put_nowait(request.url.params["resourceVersion"])
            return httpx2.Response(200, content=self._told(), request=request)
        body = {"metadata": {"resourceVersion": "100"}, "items": self.slices}
        return httpx2.Response(200, json=body, request=request)

    async def _told(self) -> AsyncIterator[bytes]:
        while (event := await self.events.get()) is not None:
            kind, item = event
            yield json.dumps({"type": kind, "object": item}).encode() + b"\n"
        raise httpx2.ReadError("reset")


class Watched:
    """A watch of such an API, and what it tells."""

    def __init__(self) -> None:
        self.api = Api()
        self._records: asyncio.Queue[Record] = asyncio.Queue()
        control_plane = ControlPlane(Catalog(Policy()), self._records.put_nowait)
        config = KubeConfig.from_dict(CONFIG)
        client = AsyncClient(config=config, namespace="x", transport=self.api)
        self.watch = EndpointSliceWatch(control_plane, "x", "grpc", client)

    async def next(self) -> Record:
        async with asyncio.timeout(GUARD):
            return await self._records.get()

    async def hosts(self) -> tuple[str, ...]:
        """The endpoints after the next change of them."""
        while not isinstance(record := await self.next(), EndpointsChanged):
            pass
        return tuple(address.partition(":")[0] for address in record.addresses)


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    made.api.slices = [piece("a", 1, "10.0.0.1")]
    running = asyncio.create_task(made.watch.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await made.watch.close()


async def test_all_is_listed_first_and_watched_from_there(watched: Watched) -> None:
    assert await watched.hosts() == ("10.0.0.1",)
    assert isinstance(await watched.next(), SourceSynced)
    assert await watched.api.watches.get() == "100"
    watched.api.events.put_nowait(("ADDED", piece("b", 101, "10.0.0.2")))
    assert await watched.hosts() == ("10.0.0.1", "10.0.0.2")
    watched.api.events.put_nowait(("MODIFIED", piece("a", 102, terminating=("10.0.0.1",))))
    assert await watched.hosts() == ("10.0.0.2",)
    watched.api.events.put_nowait(("DELETED", piece("b", 103)))
    while not isinstance(record := await watched.next(), EndpointsWithheld):
        pass
    assert record.kept == ("10.0.0.2:50051",)


async def test_what_happened_while_the_watch_was_lost_is_told_when_all_is_listed_again(
    watched: Watched,
) -> None:
    assert await watched.hosts() == ("10.0.0.1",)
    await watched.api.watches.get()
    watched.api.slices = [piece("a", 5, "10.0.0.3")]  # 10.0.0.1 went, and no event tells
    watched.api.is_up = False
    watched.api.events.put_nowait(None)
    while not isinstance(lost := await watched.next(), SourceLost):
        pass
    assert lost.reason == "reset"
    watched.api.is_up = True

    assert await watched.hosts() == ("10.0.0.3",)
    assert isinstance(await watched.next(), SourceSynced)
    assert await watched.api.watches.get() == "100"
    watched.api.events.put_nowait(("ADDED", piece("b", 101, "10.0.0.4")))
    assert await watched.hosts() == ("10.0.0.3", "10.0.0.4")


async def test_a_version_that_is_too_old_has_all_listed_again(watched: Watched) -> None:
    assert await watched.hosts() == ("10.0.0.1",)
    await watched.api.watches.get()
    watched.api.slices = [piece("a", 5, "10.0.0.3")]
    gone = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": 410, "message": "too old"}
    watched.api.events.put_nowait(("ERROR", gone))

    assert await watched.hosts() == ("10.0.0.3",)
