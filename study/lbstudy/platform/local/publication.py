"""From pods that are Ready to the zone in which clients find them, with the delay of a cluster's DNS."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lbstudy.platform.interface import ChangeKind
from lbstudy.platform.local.deployment import Pod
from lbstudy.platform.local.dns.trouble import DnsTrouble
from lbstudy.platform.local.helper import Helper
from lbstudy.platform.local.push import EndpointReports

ORIGIN = "cluster.local"


@dataclass(frozen=True, slots=True)
class Published:
    """A pod came into the zone, or left it."""

    kind: ChangeKind  # PUBLISHED or UNPUBLISHED
    deployment: str
    pod: Pod
    at: int  # ns since the Unix epoch: the DNS server's own stamp, or the control plane's
    error: float  # s


class Publication:
    """A delay line: the zone is, at any time, what the endpoints were ``propagation`` seconds before."""

    def __init__(
        self,
        log_dir: Path,
        namespace: str,
        propagation: float,
        ttl: int,
        on_published: Callable[[Published], None],
    ) -> None:
        self._server = Helper("DNS server", log_dir / "logs" / "dns.err")
        self._query_log = log_dir / "dns.jsonl"
        self._namespace = namespace
        self._propagation = propagation
        self._ttl = ttl
        self._on_published = on_published
        self._zone: dict[str, dict[Pod, str]] = {}  # service → its pods
        self._pending: list[tuple[ChangeKind, str, Pod]] = []
        self._troubles: dict[tuple[str, str], DnsTrouble] = {}  # (service, label) → what goes wrong
        self._awaiting: list[asyncio.Future[int]] = []  # the next answer of the server
        self._due = asyncio.Event()
        self._timers: set[asyncio.TimerHandle] = set()
        self._authority = ""
        self._pushed: dict[str, EndpointReports] = {}

    def push(self, service: str, reports: EndpointReports) -> None:
        """A service whose pods a control plane is told, at once, and not the DNS server."""
        self._pushed[service] = reports

    async def start(self, address: str, env: Mapping[str, str]) -> None:
        """Start the DNS server on an address; raises PlatformError."""
        await self._server.start(
            "lbstudy.platform.local.dns",
            *("--address", address, "--origin", ORIGIN, "--ttl", str(self._ttl)),
            *("--log", str(self._query_log), "--control", "{control}", "--parent", "{parent}"),
            env=env,
        )
        ready = json.loads(await self._server.receive())
        self._authority = f"{address}:{ready['port']}"

    @property
    def authority(self) -> str:
        """Where the DNS server answers, ``127.0.1.1:40000``."""
        return self._authority

    @property
    def pid(self) -> int:
        """The DNS server's process id."""
        return self._server.pid

    def name(self, service: str) -> str:
        """The name under which a service's pods are published."""
        return f"{service}.{self._namespace}.svc.{ORIGIN}"

    def enter(self, service: str, pod: Pod, elapsed: float) -> None:
        """A pod became Ready ``elapsed`` seconds ago."""
        if service in self._pushed:
            self._pushed[service].enter(pod.address, self._reported(ChangeKind.PUBLISHED, service, pod))
        else:
            self._later(ChangeKind.PUBLISHED, service, pod, elapsed)

    def leave(self, service: str, pod: Pod, elapsed: float) -> None:
        """A pod that was Ready is terminating, or gone, for ``elapsed`` seconds."""
        if service in self._pushed:
            self._pushed[service].leave(pod.address, self._reported(ChangeKind.UNPUBLISHED, service, pod))
        else:
            self._later(ChangeKind.UNPUBLISHED, service, pod, elapsed)

    async def trouble(self, service: str, label: str, trouble: DnsTrouble | None) -> int:
        """Let something go wrong with a service's name; None: not any more.

        Returns:
            The instant from which answers follow it, ns since the Unix epoch: the DNS server's own stamp.
        """
        self._troubles.pop((service, label), None)
        if trouble is not None:
            self._troubles[service, label] = trouble
        applied = asyncio.get_running_loop().create_future()
        self._awaiting.append(applied)
        self._due.set()
        at: int = await applied
        return at

    async def run(self) -> None:
        """Bring the zone up to date at each change; raises PlatformError when the server is gone."""
        serial = 0
        while True:
            await self._due.wait()
            self._due.clear()
            changes, self._pending = self._pending, []
            awaiting, self._awaiting = self._awaiting, []
            for kind, service, pod in changes:
                pods = self._zone.setdefault(service, {})
                if kind == ChangeKind.PUBLISHED:
                    pods[pod] = pod.address
                else:
                    pods.pop(pod, None)
            serial += 1
            addresses = {self.name(service): list(pods.values()) for service, pods in self._zone.items()}
            message = {"serial": serial, "addresses": addresses, "troubles": self._by_name()}
            self._server.send(json.dumps(message).encode() + b"\n")
            reply = json.loads(await self._server.receive())
            assert reply["serial"] == serial
            for applied in awaiting:
                if not applied.done():
                    applied.set_result(reply["time_unix_nano"])
            for kind, service, pod in changes:
                # The server stamps right after the exchange of the zone, in one step of its loop.
                self._on_published(Published(kind, service, pod, reply["time_unix_nano"], 0.001))

    async def stop(self) -> None:
        """End the DNS server."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        await self._server.stop(grace=1.0)

    def _by_name(self) -> dict[str, list[tuple[str, float]]]:
        found: dict[str, list[tuple[str, float]]] = {}
        for (service, _), trouble in self._troubles.items():
            found.setdefault(self.name(service), []).append((trouble.kind, trouble.seconds))
        return found

    def _reported(self, kind: ChangeKind, service: str, pod: Pod) -> Callable[[int], None]:
        return lambda at: self._on_published(Published(kind, service, pod, at, 0.001))

    def _later(self, kind: ChangeKind, service: str, pod: Pod, elapsed: float) -> None:
        def due() -> None:
            self._timers.discard(timer)
            self._pending.append((kind, service, pod))
            self._due.set()

        timer = asyncio.get_running_loop().call_later(max(0.0, self._propagation - elapsed), due)
        self._timers.add(timer)
