"""An API server on loopback for `lbstudy watch` to look at, and spans for it."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.watch.otlp import request

LBSTUDY = str(Path(sys.executable).with_name("lbstudy"))
SELECTOR = {"app": "orders"}


@dataclass
class Api:
    """An API server that holds a Service with its pods and an EndpointSlice; Prometheus; and Jaeger."""

    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    forbidden: frozenset[str] = frozenset()
    counts: dict[str, list[tuple[float, int]]] = field(default_factory=dict)  # pod → samples
    is_prometheus_there: bool = True
    is_jaeger_there: bool = True  # at /jaeger, and it never has a trace
    methods: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    has_dns: bool = False
    """Whether there is a CoreDNS, with a log."""
    url: str = ""
    _version: int = 1
    _watches: dict[str, list[asyncio.StreamWriter]] = field(default_factory=dict)
    _opened: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["Api"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def pod(self, name: str, ip: str, ready: float | None, created: float = 1_767_225_600.0) -> None:
        """A pod is there, or is other than before."""
        self._version += 1
        stamp = None if ready is None else _stamp(ready)
        made = {
            "metadata": {
                "name": name,
                "uid": f"uid-{name}",
                "resourceVersion": str(self._version),
                "creationTimestamp": _stamp(created),
                "labels": SELECTOR,
            },
            "status": {
                "phase": "Running",
                "podIP": ip,
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "False" if ready is None else "True",
                        "lastTransitionTime": stamp,
                    }
                ],
            },
        }
        self.pods[name] = made
        self._tell("pods", made)
        self._tell("endpointslices", self._slice())

    def gone(self, name: str) -> None:
        """A pod is deleted."""
        self._version += 1
        made = self.pods.pop(name)
        made["metadata"]["resourceVersion"] = str(self._version)
        self._tell("pods", made, "DELETED")
        self._tell("endpointslices", self._slice())

    def cut(self) -> None:
        """As a network does."""
        for writers in self._watches.values():
            for writer in writers:
                writer.transport.abort()
        self._watches.clear()
        self._opened.clear()

    async def watched(self) -> None:
        """Wait until both kinds are watched."""
        async with asyncio.timeout(60):
            while not set(self._watches) >= {"pods", "endpointslices"}:
                self._opened.clear()
                await self._opened.wait()

    async def wrote(self, line: str) -> None:
        """CoreDNS has written a line; waits until its log is followed."""
        async with asyncio.timeout(60):
            while "log" not in self._watches:
                self._opened.clear()
                await self._opened.wait()
        for writer in self._watches["log"]:
            writer.write(f"{len(line) + 1:x}\r\n{line}\n\r\n".encode())

    async def polled(self, path: str = "/prometheus/api/v1/query", times: int = 4) -> None:
        """Wait until something has been asked for so often: Prometheus, for everything once."""
        async with asyncio.timeout(60):
            while self.asked.count(path) < times:
                self._opened.clear()
                await self._opened.wait()

    def _slice(self) -> dict[str, Any]:
        return {
            "metadata": {
                "name": "orders-1",
                "uid": "slice",
                "resourceVersion": str(self._version),
                "labels": {"kubernetes.io/service-name": "orders"},
            },
            "endpoints": [
                {
                    "addresses": [pod["status"]["podIP"]],
                    "conditions": {"ready": pod["status"]["conditions"][0]["status"] == "True"},
                    "targetRef": {"kind": "Pod", "name": name},
                }
                for name, pod in self.pods.items()
            ],
        }

    def _tell(self, kind: str, made: dict[str, Any], change: str = "MODIFIED") -> None:
        line = json.dumps({"type": change, "object": made}).encode() + b"\n"
        for writer in self._watches.get(kind, ()):
            writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                method, target = head.split(" ", 2)[:2]
                self.methods.add(method)
                url = urlsplit(target)
                query = {key: values[-1] for key, values in parse_qs(url.query).items()}
                self.asked.append(url.path)
                self._opened.set()
                kind = url.path.rpartition("/")[2]
                if kind in self.forbidden:
                    status = {
                        "kind": "Status",
                        "code": 403,
                        "message": f"{kind} is forbidden",
                        "reason": "Forbidden",
                    }
                    _answer(writer, 403, status)
                elif kind == "log" and self.has_dns:
                    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    self._watches.setdefault("log", []).append(writer)
                    self._opened.set()
                elif query.get("watch") == "true":
                    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    self._watches.setdefault(kind, []).append(writer)
                    self._opened.set()
                else:
                    _answer(writer, *self._get(url.path, kind, query))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _get(self, path: str, kind: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        listed = {"metadata": {"resourceVersion": str(self._version)}}
        if path.startswith("/prometheus/"):
            return (200, self._prometheus(query["query"])) if self.is_prometheus_there else (503, {})
        if path.startswith("/jaeger/"):
            return (404 if self.is_jaeger_there else 503), {}
        if kind == "orders":
            return 200, {"metadata": {"name": "orders"}, "spec": {"selector": SELECTOR}}
        if "/namespaces/kube-system/" in path:
            return self._dns(kind, listed)
        lists = {"pods": list(self.pods.values()), "endpointslices": [self._slice()], "services": []}
        if kind in lists:
            return 200, listed | {"items": lists[kind]}
        return 404, {
            "kind": "Status",
            "code": 404,
            "message": f'services "{kind}" not found',
            "reason": "NotFound",
        }

    def _dns(self, kind: str, listed: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """CoreDNS is there where it has a log."""
        made = {"metadata": {"name": "coredns-1", "resourceVersion": "1"}, "status": {}}
        return 200, listed | {"items": [made] if self.has_dns and kind == "pods" else []}

    def _prometheus(self, query: str) -> dict[str, Any]:
        result = [
            {
                "metric": {
                    "__name__": "rpc_server_duration_milliseconds_count",
                    "pod": pod,
                    "rpc_service": "shop.Orders",
                },
                "values": [[at, str(count)] for at, count in samples],
            }
            for pod, samples in (self.counts.items() if "rpc_server" in query else ())
        ]
        return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def _stamp(at: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at))}Z"


def _answer(writer: asyncio.StreamWriter, status: int, body: dict[str, Any]) -> None:
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    writer.write(head.encode() + text)


def kubeconfig_of(api: Api, folder: Path) -> Path:
    """A kubeconfig that names it, in a folder."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "clusters": [{"name": "fake", "cluster": {"server": api.url}}],
                "users": [{"name": "me", "user": {"token": "x"}}],
                "contexts": [
                    {"name": "fake", "context": {"cluster": "fake", "user": "me", "namespace": "shop"}}
                ],
                "current-context": "fake",
            }
        )
    )
    return kubeconfig


async def send(address: str, *groups: Any) -> None:  # noqa: ANN401 - as request takes them
    async with grpc.aio.insecure_channel(address) as channel:
        export = TraceServiceStub(channel).Export  # type: ignore[no-untyped-call]
        sent: ExportTraceServiceRequest = request(*groups)
        await export(sent, timeout=20)
