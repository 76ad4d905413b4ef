"""The platform of one machine: pods are processes, and so are the node and the DNS server."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from lbstudy.platform.changes import ChangeStream
from lbstudy.platform.interface import (
    Change,
    ClientSpec,
    Fault,
    Manner,
    PlatformError,
    RolloutLimits,
    ServerSpec,
)
from lbstudy.platform.local.capacity import most_pods
from lbstudy.platform.local.connections import ConnectionWatch
from lbstudy.platform.local.controller import Controller, DeploymentWithService
from lbstudy.platform.local.environment import base_environment
from lbstudy.platform.local.naming import Naming

NAMESPACE: Final = "lbstudy"
"""The namespace of a run's pods on this machine."""
CLOSE_TIMEOUT = 10.0
"""Seconds for all pods to end in order, before SIGKILL."""
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,44}[a-z0-9])?")


class LocalPlatform:
    """``lbstudy.platform.interface.Platform`` with processes of this machine (Linux).

    Args:
        run_dir: the folder for logs/<pod>.out, logs/<pod>.err, dns.jsonl and connections.jsonl; made if it
            does not exist.
        seed: decides the pods' names.
        propagation: seconds from a pod's readiness, or its end, to the DNS zone.
        ttl: seconds, in the DNS answers.
        namespace: the pods' namespace.
        preload: Python modules of servers that run as forks (``ServerProgram.preload``).
        naming: what DNS has of a server, and the clients' search list.
    """

    def __init__(
        self,
        run_dir: Path,
        seed: int,
        propagation: float = 0.5,
        ttl: int = 5,
        namespace: str = NAMESPACE,
        preload: Sequence[str] = (),
        naming: Naming = Naming(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self._run_dir = run_dir.absolute()
        self._seed = seed
        self._changes = ChangeStream()
        self._controller = Controller(
            self._run_dir,
            namespace,
            base_environment(os.environ),
            propagation,
            ttl,
            self._changes,
            seed,
            preload,
            naming,
        )
        self._connections = ConnectionWatch(
            self._run_dir / "connections.jsonl",
            self._controller.client_pids,
            self._controller.server_addresses,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: PlatformError | None = None
        self._running = False
        self._closed: asyncio.Task[None] | None = None

    # --- the interface ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the node and the DNS server; raises PlatformError, and then leaves nothing running."""
        if not sys.platform.startswith("linux"):
            raise PlatformError(f"the local platform needs Linux, and this is {sys.platform}")
        try:
            (self._run_dir / "logs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlatformError(f"cannot write {self._run_dir}: {(error.strerror or '').lower()}") from error
        try:
            await self._controller.start()
        except BaseException:
            await self.aclose()
            raise
        self._running = True
        self._tasks = [
            asyncio.create_task(self._watch(self._controller.processes.listen())),
            asyncio.create_task(self._watch(self._controller.publication.run())),
            asyncio.create_task(self._connections.run()),
            asyncio.create_task(self._watch(self._controller.failing())),
            asyncio.create_task(self._watch(self._controller.keep_logs_small())),
        ]

    async def create_servers(self, spec: ServerSpec) -> None:
        """Create a Deployment and its Service; raises PlatformError."""
        self._check_new(spec.name)
        if spec.replicas < 1:
            raise PlatformError(f"{spec.name}: {spec.replicas} servers asked for, but at least 1 is needed")
        self._check_replicas(spec.name, spec.replicas, 0)
        self._controller.create(spec, self._seed)

    async def scale(self, deployment: str, replicas: int) -> None:
        """Set the number of servers; raises PlatformError."""
        servers = self._check_deployment(deployment)
        self._check_replicas(deployment, replicas, sum(pod.counts for pod in servers.state.pods))
        self._controller.scale(deployment, replicas)

    async def replace(self, deployment: str, manner: Manner, limits: RolloutLimits | None = None) -> None:
        """Replace every server by a new one; raises PlatformError if they do not fit on this machine."""
        servers = self._check_deployment(deployment)
        limits = limits or RolloutLimits()
        replicas = servers.state.replicas
        beside = limits.surge(replicas) if manner is Manner.ROLLING_UPDATE else replicas
        self._check_replicas(deployment, replicas + beside, sum(pod.counts for pod in servers.state.pods))
        self._controller.replace(deployment, manner, limits)

    async def inject(self, deployment: str, fault: Fault) -> None:
        """Begin a fault; raises PlatformError if no server is Ready for it, or it is impossible."""
        self._check_deployment(deployment)
        await self._controller.inject(deployment, fault)

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault; raises PlatformError if a server does not answer."""
        self._check_deployment(deployment)
        await self._controller.lift(deployment, fault)

    @asynccontextmanager
    async def control(self, pod: str) -> AsyncIterator[str]:
        """Yield the address of a server pod's control service; raises PlatformError for an unknown pod."""
        yield self._controller.control_address(pod)

    async def start_client(self, spec: ClientSpec) -> None:
        """Start a client pod; raises PlatformError if its server Deployment does not exist."""
        self._check_new(spec.name)
        if self._controller.servers(spec.server) is None:
            raise PlatformError(f"{spec.name}: calls {spec.server}, which is not a deployment")
        await self._controller.create_client(spec, self._seed)

    async def wait_client(self, name: str) -> int:
        """Wait for the client's end; returns its exit status, negative for a signal."""
        pod = self._controller.client(name)
        if pod is None:
            raise PlatformError(f"{name}: no such client")
        status = await self._controller.processes.status(pod)
        if self._failure is not None:
            raise self._failure
        return status

    async def obstacle(self, deployment: str) -> str:
        """Return why the first server that is not Ready is not, in words; "" if all are."""
        servers = self._check_deployment(deployment)
        return await asyncio.to_thread(self._controller.obstacle, servers)

    def changes(self) -> AsyncIterator[Change]:
        """Yield every change since ``start``; raises PlatformError at its end if the node or DNS failed."""
        return self._changes.follow()

    async def logs(self, pod: str) -> Path:
        """Return the file with the pod's standard output; raises PlatformError for an unknown pod."""
        if pod not in self._controller.processes:
            raise PlatformError(f"{pod}: no such pod")
        return self._controller.starter.log(pod, "out")

    def pods(self, deployment: str) -> list[str]:
        """Return every pod that the Deployment, or client of that name, ever had, in order of creation."""
        client = self._controller.client(deployment)
        if client is not None:
            return [client]
        servers = self._controller.servers(deployment)
        return [] if servers is None else [pod.name for pod in servers.state.pods]

    async def aclose(self) -> None:
        """End clients, then drain servers, all within 10 s or by SIGKILL; then end the node and DNS."""
        if self._closed is None:
            self._closed = asyncio.create_task(self._close())
        # If this is cancelled (Ctrl-C), closing must still be completed.
        await asyncio.shield(self._closed)

    # --- beyond the interface ---------------------------------------------------------------------

    def target(self, service: str) -> str:
        """Return the gRPC target by which clients find a service."""
        return self._controller.target(service)

    def client_env(self, service: str) -> Mapping[str, str]:
        """Return the variables that a service's client needs for its target; they contain ``$(POD_NAME)``."""
        return self._controller.client_env(service)

    def pid(self, pod: str) -> int | None:
        """Return the process id of a running pod; None before and after."""
        return self._controller.processes.pid(pod)

    @property
    def dns_log(self) -> Path:
        """The DNS server's own log, one JSON object for each answer."""
        return self._run_dir / "dns.jsonl"

    @property
    def helper_pids(self) -> tuple[int, int]:
        """The process ids of the node and of the DNS server."""
        return self._controller.processes.node_pid, self._controller.publication.pid

    # --- checks -----------------------------------------------------------------------------------

    def _check_running(self) -> None:
        if self._failure is not None:
            raise self._failure
        if not self._running:
            raise PlatformError("the platform is not running")

    def _check_deployment(self, deployment: str) -> DeploymentWithService:
        self._check_running()
        servers = self._controller.servers(deployment)
        if servers is None:
            raise PlatformError(f"{deployment}: no such deployment")
        return servers

    def _check_new(self, name: str) -> None:
        self._check_running()
        if not _NAME.fullmatch(name):
            raise PlatformError(
                f"{name!r} is not a name for pods: expected lower-case letters, digits, '-', at most 46"
            )
        if self._controller.servers(name) is not None or self._controller.client(name) is not None:
            raise PlatformError(f"{name}: exists already")

    def _check_replicas(self, name: str, replicas: int, present: int) -> None:
        if replicas < 0:
            raise PlatformError(f"{name}: {replicas} servers asked for, but expected 0 or more")
        most, bound = most_pods()
        if replicas - present > most:
            fit = f"{present + most} fit on this machine ({bound})"
            raise PlatformError(f"{name}: {replicas} servers asked for, {fit}")

    # --- the end ----------------------------------------------------------------------------------

    async def _watch(self, work: Coroutine[None, None, None]) -> None:
        """Do the work; if it fails, so does the platform."""
        try:
            await work
        except PlatformError as error:
            if self._closed is None:
                self._failure = error
                self._running = False
                self._controller.freeze()
                self._controller.processes.abandon()
                self._changes.close(error)

    async def _close(self) -> None:
        was_running, self._running = self._running, False
        self._controller.freeze()
        try:
            if was_running:
                await self._controller.end_pods(CLOSE_TIMEOUT)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._controller.stop()
            self._changes.close()
