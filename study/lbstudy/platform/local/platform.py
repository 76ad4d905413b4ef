"""The platform of one machine: pods are processes; the node and the DNS server are processes too."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from pathlib import Path

from lbstudy.platform.changes import ChangeLog
from lbstudy.platform.interface import Change, ClientSpec, Fault, Manner, PlatformError, ServerSpec
from lbstudy.platform.local.capacity import most_pods
from lbstudy.platform.local.controller import Controller, Servers
from lbstudy.platform.local.environment import base_environment

CLOSE_TIMEOUT = 10.0
"""Seconds that all pods have to end in order, before SIGKILL."""
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,40}[a-z0-9])?")


class LocalPlatform:
    """``lbstudy.platform.interface.Platform`` with processes of this machine (Linux).

    Args:
        run_dir: where logs/<pod>.out, logs/<pod>.err and dns.jsonl are written; made when it is not there.
        seed: decides the pods' names.
        propagation: seconds from a pod's readiness, or its end, to the DNS zone.
        ttl: seconds, of the DNS answers.
        namespace: the pods' namespace.
    """

    def __init__(
        self,
        run_dir: Path,
        seed: int,
        propagation: float = 0.5,
        ttl: int = 5,
        namespace: str = "lbstudy",
    ) -> None:
        self._run_dir = run_dir.absolute()
        self._seed = seed
        self._changes = ChangeLog()
        self._controller = Controller(
            self._run_dir, namespace, base_environment(os.environ), propagation, ttl, self._changes, seed
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: PlatformError | None = None
        self._running = False
        self._closed: asyncio.Task[None] | None = None

    # --- the interface ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the node and the DNS server; raises PlatformError, with nothing left running."""
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
        ]

    async def create_servers(self, spec: ServerSpec) -> None:
        """Create a Deployment and its Service; raises PlatformError when it can't be."""
        self._check_new(spec.name)
        if spec.replicas < 1:
            raise PlatformError(f"{spec.name}: {spec.replicas} servers asked for, at least 1 is needed")
        self._check_replicas(spec.name, spec.replicas, 0)
        self._controller.create(spec, self._seed)

    async def scale(self, deployment: str, replicas: int) -> None:
        """Have so many servers; raises PlatformError when that can't be."""
        servers = self._check_deployment(deployment)
        self._check_replicas(deployment, replicas, sum(pod.counts for pod in servers.state.pods))
        self._controller.scale(deployment, replicas)

    async def replace(self, deployment: str, manner: Manner) -> None:
        """Not here: raises PlatformError."""
        raise PlatformError(
            f"{deployment}: the local platform replaces no servers ({manner}); Kubernetes does"
        )

    async def inject(self, deployment: str, fault: Fault) -> None:
        """Begin a fault; raises PlatformError when no server is Ready for it, or it can't be done."""
        self._check_deployment(deployment)
        await self._controller.inject(deployment, fault)

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault; raises PlatformError when a server can't be told."""
        self._check_deployment(deployment)
        await self._controller.lift(deployment, fault)

    async def start_client(self, spec: ClientSpec) -> None:
        """Start a client pod; raises PlatformError when its server Deployment does not exist."""
        self._check_new(spec.name)
        if self._controller.servers(spec.server) is None:
            raise PlatformError(f"{spec.name}: calls {spec.server}, which is no deployment")
        self._controller.create_client(spec, self._seed)

    async def wait_client(self, name: str) -> int:
        """Wait for the client's end; returns its exit status, negative for a signal."""
        pod = self._controller.client(name)
        if pod is None:
            raise PlatformError(f"{name}: no such client")
        status = await self._controller.processes.status(pod)
        if self._failure is not None:
            raise self._failure
        return status

    def changes(self) -> AsyncIterator[Change]:
        """Every change since ``start``; raises PlatformError at its end when the node or DNS has failed."""
        return self._changes.follow()

    async def logs(self, pod: str) -> Path:
        """The file with the pod's standard output; raises PlatformError for an unknown pod."""
        if pod not in self._controller.processes:
            raise PlatformError(f"{pod}: no such pod")
        return self._controller.log(pod, "out")

    def pods(self, deployment: str) -> list[str]:
        """Every pod that the Deployment, or the client of that name, ever had, in order of creation."""
        client = self._controller.client(deployment)
        if client is not None:
            return [client]
        servers = self._controller.servers(deployment)
        return [] if servers is None else [pod.name for pod in servers.state.pods]

    async def aclose(self) -> None:
        """Clients end, then servers drain, all within 10 s or by SIGKILL; then the node and DNS end."""
        if self._closed is None:
            self._closed = asyncio.create_task(self._close())
        # Being cancelled (Ctrl-C) while closing must not leave the closing half done.
        await asyncio.shield(self._closed)

    # --- beyond the interface ---------------------------------------------------------------------

    def target(self, service: str) -> str:
        """The gRPC target under which clients find a service."""
        return self._controller.target(service)

    def client_env(self, service: str) -> Mapping[str, str]:
        """The variables that a client of a service needs for its target; ``$(POD_NAME)`` stands in them."""
        return self._controller.client_env(service)

    def pid(self, pod: str) -> int | None:
        """The process id of a pod that runs; None before and after."""
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

    def _check_deployment(self, deployment: str) -> Servers:
        self._check_running()
        servers = self._controller.servers(deployment)
        if servers is None:
            raise PlatformError(f"{deployment}: no such deployment")
        return servers

    def _check_new(self, name: str) -> None:
        self._check_running()
        if not _NAME.fullmatch(name):
            raise PlatformError(f"{name!r} is no name for pods: lower-case letters, digits, '-', at most 42")
        if self._controller.servers(name) is not None or self._controller.client(name) is not None:
            raise PlatformError(f"{name}: exists already")

    def _check_replicas(self, name: str, replicas: int, present: int) -> None:
        if replicas < 0:
            raise PlatformError(f"{name}: {replicas} servers asked for, which is less than none")
        most, bound = most_pods()
        if replicas - present > most:
            fit = f"{present + most} fit on this machine ({bound})"
            raise PlatformError(f"{name}: {replicas} servers asked for, {fit}")

    # --- the end ----------------------------------------------------------------------------------

    async def _watch(self, work: Coroutine[None, None, None]) -> None:
        """Do the work; when it fails, so does the platform."""
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
