"""An API server on loopback, as far as lists and watches go, which does what a test tells it to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from lbstudy.platform.kubernetes.api import Cluster
from lightkube import AsyncClient, KubeConfig
from lightkube.config.models import Cluster as Server
from lightkube.config.models import User


@dataclass
class Asked:
    """A request that was answered, or is being answered."""

    path: str
    query: dict[str, str]
    writer: asyncio.StreamWriter

    @property
    def is_watch(self) -> bool:
        return self.query.get("watch") == "true"

    async def event(self, kind: str, made: dict[str, Any]) -> None:
        """Tell a watch of an object."""
        await self.raw(json.dumps({"type": kind, "object": made}).encode() + b"\n")

    async def raw(self, data: bytes) -> None:
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self.writer.drain()

    async def end(self) -> None:
        """As the API ends a watch after a while."""
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()
        self.writer.close()

    def cut(self) -> None:
        """As a network does."""
        self.writer.transport.abort()


@dataclass
class FakeApi:
    """What it holds, and what it was asked."""

    pages: list[list[dict[str, Any]]] = field(default_factory=lambda: [[]])
    version: int = 1
    status: int = 200  # of lists
    watch_status: list[int] = field(default_factory=list)  # of the next watches
    asked: asyncio.Queue[Asked] = field(default_factory=asyncio.Queue)
    lists: int = 0
    address: str = ""

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["FakeApi"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.address = f"http://{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            while not self.asked.empty():
                self.asked.get_nowait().cut()

    async def watch(self) -> Asked:
        """The next watch that is opened."""
        while True:
            asked = await asyncio.wait_for(self.asked.get(), 120)
            if asked.is_watch:
                return asked

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                target = urlsplit(head.split(b" ", 2)[1].decode())
                query = {key: values[-1] for key, values in parse_qs(target.query).items()}
                asked = Asked(target.path, query, writer)
                if asked.is_watch:
                    status = self.watch_status.pop(0) if self.watch_status else 200
                    if status == 200:
                        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    else:
                        self._answer(writer, status, _status(status))
                        continue
                else:
                    self.lists += 1
                    self._answer(writer, self.status, self._list(query))
                await writer.drain()
                self.asked.put_nowait(asked)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        if self.status != 200:
            return _status(self.status)
        page = int(query.get("continue", "0"))
        more = str(page + 1) if page + 1 < len(self.pages) else ""
        return {
            "metadata": {"resourceVersion": str(self.version), "continue": more},
            "items": self.pages[page],
        }

    def _answer(self, writer: asyncio.StreamWriter, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        writer.write(head.encode() + text)


@asynccontextmanager
async def cluster_of(api: FakeApi) -> AsyncIterator[Cluster]:
    """The two clients of a namespace there."""
    config = KubeConfig.from_one(cluster=Server(server=api.address), user=User(token="x")).get()
    assert config is not None
    made = Cluster(
        api.address,
        "fake",
        "lab",
        AsyncClient(config, namespace="lab"),
        httpx2.AsyncClient(base_url=api.address),
    )
    try:
        yield made
    finally:
        await made.aclose()


def an_object(name: str, version: int, **more: object) -> dict[str, Any]:
    """A pod as JSON."""
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}} | more


def _status(code: int) -> dict[str, Any]:
    return {"kind": "Status", "code": code, "message": f"refused with {code}", "reason": "Refused"}
