"""A cluster on loopback that runs pods in no time: what a platform asks for is there, and told by watches."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lbstudy.platform.kubernetes import names

Object = dict[str, Any]
_PLURALS = {
    "Deployment": "deployments",
    "Service": "services",
    "Job": "jobs",
    "Pod": "pods",
    "Lease": "leases",
}


def template(name: str, container: str) -> Object:
    """An applied Deployment."""
    pod = {"metadata": {"labels": {}}, "spec": {"containers": [{"name": container, "image": "lbstudy:dev"}]}}
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {}}, "template": pod}}


@dataclass
class FakeCluster:
    """What is in it, and how it behaves.

    Attributes:
        tells_of_clients: the watch of pods tells of clients' ends.
        client_ends: a client's pod ends as soon as it runs.
    """

    tells_of_clients: bool = True
    client_ends: bool = True
    objects: dict[str, dict[str, Object]] = field(default_factory=lambda: defaultdict(dict))
    open: int = 0  # connections
    most: int = 0  # connections at the same time
    logs_read: int = 0
    url: str = ""
    _version: int = 0
    _watches: dict[str, list[asyncio.StreamWriter]] = field(default_factory=lambda: defaultdict(list))
    _observer: list[asyncio.StreamWriter] = field(default_factory=list)
    _said: list[bytes] = field(default_factory=list)  # by the observer
    _serving: set[asyncio.Task[None]] = field(default_factory=set)
    _addresses: dict[str, str] = field(default_factory=dict)  # pod → IP

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["FakeCluster"]:
        self.objects["deployments"] = {
            "greeter": template("greeter", "server"),
            "client": template("client", "client"),
        }
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    # --- what happens in it -------------------------------------------------------------------------

    def _put(self, plural: str, made: Object, kind: str = "MODIFIED", *, told: bool = True) -> None:
        self._version += 1
        made["metadata"] |= {"resourceVersion": str(self._version)}
        made["metadata"].setdefault("uid", f"uid-{made['metadata']['name']}-{self._version}")
        if kind == "DELETED":
            self.objects[plural].pop(made["metadata"]["name"], None)
        else:
            self.objects[plural][made["metadata"]["name"]] = made
        line = json.dumps({"type": kind, "object": made}).encode() + b"\n"
        for writer in self._watches[plural] if told else ():
            _chunk(writer, line)

    def _created(self, plural: str, made: Object) -> None:
        self._put(plural, made, "ADDED")
        name, labels = made["metadata"]["name"], made["metadata"]["labels"]
        if plural == "deployments":
            self._scale(name, made["spec"]["replicas"], labels)
        elif plural == "jobs":
            self._run(f"{name}-x", labels)
            if self.client_ends:
                told = self.tells_of_clients
                self._end(self.objects["pods"][f"{name}-x"], "Succeeded", told=told)
                made["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
                self._put("jobs", made)
        elif plural == "pods":
            self._run(name, labels, made)

    def _run(self, name: str, labels: Object, made: Object | None = None) -> None:
        pod = made or {"metadata": {"name": name, "labels": labels}}
        self._put("pods", pod, "ADDED")
        number = self._version
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        self._addresses[name] = address
        pod["spec"] = {"nodeName": "node-1"}
        pod["status"] = {
            "phase": "Running",
            "podIP": address,
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "server", "state": {"running": {}}}],
        }
        self._put("pods", pod)

    def _end(self, pod: Object, phase: str, *, told: bool = True) -> None:
        words = json.dumps({"event": "stopped", "answered": {"OK": 7}})
        ended = {"exitCode": 0, "message": words}
        status = {"phase": phase, "containerStatuses": [{"name": "server", "state": {"terminated": ended}}]}
        self._put("pods", pod | {"status": pod["status"] | status}, told=told)

    def _scale(self, name: str, replicas: int, labels: Object) -> None:
        pods = [pod for pod in list(self.objects["pods"].values()) if pod["metadata"]["labels"] == labels]
        for number in range(len(pods), replicas):
            self._run(f"{name}-{number}", labels)
        for pod in pods[replicas:]:
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            self._put("pods", pod)
            self._end(pod, "Succeeded")
            self._put("pods", pod, "DELETED")
        left = [
            pod["metadata"]["name"]
            for pod in self.objects["pods"].values()
            if name in pod["metadata"]["name"]
        ]
        endpoints = [
            {"conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": pod}} for pod in left
        ]
        of_service = {"kubernetes.io/service-name": name}
        self._put(
            "endpointslices", {"metadata": {"name": name, "labels": of_service}, "endpoints": endpoints}
        )
        answer = {
            "name": name,
            "rcode": "NOERROR",
            "addresses": [self._addresses[pod] for pod in left],
            "before": 1,
            "after": 2,
        }
        self._said.append(json.dumps(answer).encode() + b"\n")
        for writer in self._observer:
            _chunk(writer, self._said[-1])

    # --- its API ------------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target = head.split(" ", 2)[:2]
                lengths = [
                    line.split(":")[1]
                    for line in head.lower().splitlines()
                    if line.startswith("content-length")
                ]
                body = (
                    json.loads(await reader.readexactly(int(lengths[0])))
                    if lengths and int(lengths[0])
                    else {}
                )
                url = urlsplit(target)
                query = {key: values[-1] for key, values in parse_qs(url.query).items()}
                self._handle(writer, method, url.path.strip("/").split("/"), query, body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()

    def _handle(
        self, writer: asyncio.StreamWriter, method: str, path: list[str], query: dict[str, str], body: Object
    ) -> None:
        rest = path[path.index("namespaces") + 2 :]
        plural, name = rest[0], rest[1] if len(rest) > 1 else ""
        found = self.objects[plural]
        if rest[2:] == ["log"]:
            self._log(writer, name, query)
        elif query.get("watch") == "true":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            self._watches[plural].append(writer)
        elif method == "GET" and not name:
            version = {"resourceVersion": str(self._version)}
            items = [one for one in found.values() if names.RUN in one["metadata"].get("labels", {})]
            _answer(writer, 200, {"metadata": version, "items": items})
        elif method == "POST":
            _answer(
                writer, 201, body | {"metadata": body["metadata"] | {"uid": "made", "resourceVersion": "0"}}
            )
            self._created(plural, body)
        elif name not in found:
            _answer(
                writer, 404, {"kind": "Status", "code": 404, "message": "not found", "reason": "NotFound"}
            )
        elif method == "DELETE":
            _answer(writer, 200, {"kind": "Status", "code": 200})
            self._deleted(plural, name)
        elif method == "PATCH":
            found[name]["spec"] |= body["spec"]
            self._put(plural, found[name])
            _answer(writer, 200, found[name])
            if "replicas" in body["spec"]:
                self._scale(name, body["spec"]["replicas"], found[name]["metadata"]["labels"])
        else:
            _answer(writer, 200, found[name])

    def _deleted(self, plural: str, name: str) -> None:
        self._put(plural, self.objects[plural][name], "DELETED")
        if plural == "leases":  # with all that it owns
            for kind in ("deployments", "jobs", "pods", "services"):
                for one in list(self.objects[kind].values()):
                    if names.RUN in one["metadata"].get("labels", {}):
                        self._put(kind, one, "DELETED")

    def _log(self, writer: asyncio.StreamWriter, pod: str, query: dict[str, str]) -> None:
        if query.get("follow") == "true":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            self._observer.append(writer)
            for line in self._said:
                _chunk(writer, line)
            return
        self.logs_read += 1
        gone = pod not in self.objects["pods"]
        text = b"" if gone else b'{"event": "serving"}\n'
        writer.write(
            f"HTTP/1.1 {404 if gone else 200} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text
        )


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def _answer(writer: asyncio.StreamWriter, status: int, body: Object) -> None:
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    writer.write(head.encode() + text)
