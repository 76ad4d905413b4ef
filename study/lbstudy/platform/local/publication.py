"""Publishes Ready pods in the zone, with the delay of a cluster's DNS."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lbstudy.platform.interface import ChangeKind, PlatformError
from lbstudy.platform.local.deployment import Pod
from lbstudy.platform.local.dns.trouble import DnsTrouble
from lbstudy.platform.local.helper import Helper
from lbstudy.platform.local.push import EndpointReports

ORIGIN = "cluster.local"


@dataclass(frozen=True, slots=True)
class Published:
    """A pod entered or left the zone."""

    kind: ChangeKind  # PUBLISHED or UNPUBLISHED
    deployment: str
    pod: Pod
    at: int  # ns since the Unix epoch, by the DNS server or the control plane
    error: float  # s


class Publication:
    """A delay: the zone is always what the endpoints were ``propagation`` seconds before."""

    def __init__(
        self,
        log_dir: Path,
        namespace: str,
        propagation: float,
        ttl: int,
        on_published: Callable[[Published], None],
        families: str = "ipv4",
    ) -> None:
        self._server = Helper("DNS server", log_dir / "logs" / "dns.err")
        self._query_log = log_dir / "dns.jsonl"
        self._namespace = namespace
        self._propagation = propagation
        self._ttl = ttl
        self._families = families
        self._on_published = on_published
        self._zone: dict[str, dict[Pod, str]] = {}  # service → its pods
        self._pending: list[tuple[ChangeKind, str, Pod]] = []
        self._troubles: dict[tuple[str, str], DnsTrouble] = {}  # (service, label) → what is wrong
        self._awaiting: list[asyncio.Future[int]] = []  # the server's next answers
        # addresses to listen on
        self._listening: list[tuple[tuple[str, int], asyncio.Future[int | str]]] = []
        self._due = asyncio.Event()
        self._timers: set[asyncio.TimerHandle] = set()
        self._authority = ""
        self._pushed: dict[str, EndpointReports] = {}

    def push(self, service: str, reports: EndpointReports) -> None:
        """Publish a service's pods to a control plane, at once, instead of the DNS server."""
        self._pushed[service] = reports

    async def start(self, address: str, env: Mapping[str, str]) -> None:
        """Start the DNS server on an address; raises PlatformError."""
        await self._server.start(
            "lbstudy.platform.local.dns",
            *("--address", address, "--origin", ORIGIN, "--ttl", str(self._ttl)),
            *("--families", self._families),
            *("--log", str(self._query_log), "--control", "{control}", "--parent", "{parent}"),
            env=env,
        )
        ready = json.loads(await self._server.receive())
        self._authority = f"{address}:{ready['port']}"

    @property
    def authority(self) -> str:
        """The address of the DNS server, ``127.0.1.1:40000``."""
        return self._authority

    @property
    def pid(self) -> int:
        """The DNS server's process id."""
        return self._server.pid

    def name(self, service: str) -> str:
        """Return the name under which a service's pods are published."""
        return f"{service}.{self._namespace}.svc.{ORIGIN}"

    def enter(self, service: str, pod: Pod, elapsed: float) -> None:
        """Note that a pod became Ready ``elapsed`` seconds ago."""
        if service in self._pushed:
            self._pushed[service].enter(pod.address, self._reported(ChangeKind.PUBLISHED, service, pod))
        else:
            self._later(ChangeKind.PUBLISHED, service, pod, elapsed)

    def leave(self, service: str, pod: Pod, elapsed: float) -> None:
        """Note that a Ready pod has been terminating, or gone, for ``elapsed`` seconds."""
        if service in self._pushed:
            self._pushed[service].leave(pod.address, self._reported(ChangeKind.UNPUBLISHED, service, pod))
        else:
            self._later(ChangeKind.UNPUBLISHED, service, pod, elapsed)

    async def trouble(self, service: str, label: str, trouble: DnsTrouble | None) -> int:
        """Begin a trouble with a service's name, or end it (None).

        Returns:
            The instant from which answers follow it, ns since the Unix epoch, by the DNS server's clock.
        """
        self._troubles.pop((service, label), None)
        if trouble is not None:
            self._troubles[service, label] = trouble
        applied = asyncio.get_running_loop().create_future()
        self._awaiting.append(applied)
        self._due.set()
        at: int = await applied
        return at

    async def listen(self, address: str, port: int = 0) -> str:
        """Have the DNS server answer on another address; returns it with its port. Raises PlatformError.

        Each client that has its own address can be identified in the server's log.
        """
        listening: asyncio.Future[int | str] = asyncio.get_running_loop().create_future()
        self._listening.append(((address, port), listening))
        self._due.set()
        result = await listening
        if isinstance(result, str):
            raise PlatformError(f"the DNS server cannot listen on {address}:{port}: {result}")
        return f"{address}:{result}"

    async def run(self) -> None:
        """Update the zone at each change; raises PlatformError if the server is gone."""
        try:
            await self._follow()
        except PlatformError as error:
            for applied in self._awaiting:
                if not applied.done():
                    applied.set_exception(error)
            for _, listens in self._listening:
                if not listens.done():
                    listens.set_exception(error)
            raise

    async def _follow(self) -> None:
        serial = 0
        while True:
            await self._due.wait()
            self._due.clear()
            changes, self._pending = self._pending, []
            awaiting, listening = list(self._awaiting), list(self._listening)
            for kind, service, pod in changes:
                pods = self._zone.setdefault(service, {})
                if kind == ChangeKind.PUBLISHED:
                    pods[pod] = pod.address
                else:
                    pods.pop(pod, None)
            serial += 1
            addresses = {self.name(service): list(pods.values()) for service, pods in self._zone.items()}
            message: dict[str, object] = {
                "serial": serial,
                "addresses": addresses,
                "troubles": self._by_name(),
            }
            message["listen"] = [where for where, _ in listening]
            self._server.send(json.dumps(message).encode() + b"\n")
            reply = json.loads(await self._server.receive())
            assert reply["serial"] == serial
            del self._awaiting[: len(awaiting)], self._listening[: len(listening)]
            for (_, listens), result in zip(listening, reply["listening"], strict=True):
                if not listens.done():
                    listens.set_result(result)
            for applied in awaiting:
                if not applied.done():
                    applied.set_result(reply["time_unix_nano"])
            for kind, service, pod in changes:
                # The server takes the time right after it replaces the zone, in one step of its loop.
                self._on_published(Published(kind, service, pod, reply["time_unix_nano"], 0.001))

    async def stop(self) -> None:
        """End the DNS server."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        await self._server.stop(grace=1.0)

    def _by_name(self) -> dict[str, list[tuple[str, float, str]]]:
        by_name: dict[str, list[tuple[str, float, str]]] = {}
        for (service, _), trouble in self._troubles.items():
            by_name.setdefault(self.name(service), []).append((trouble.kind, trouble.seconds, trouble.family))
        return by_name

    def _reported(self, kind: ChangeKind, service: str, pod: Pod) -> Callable[[int], None]:
        return lambda at: self._on_published(Published(kind, service, pod, at, 0.001))

    def _later(self, kind: ChangeKind, service: str, pod: Pod, elapsed: float) -> None:
        def due() -> None:
            self._timers.discard(timer)
            self._pending.append((kind, service, pod))
            self._due.set()

        timer = asyncio.get_running_loop().call_later(max(0.0, self._propagation - elapsed), due)
        self._timers.add(timer)
