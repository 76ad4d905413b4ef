"""The platform of one machine: pods are processes; the node and the DNS server are processes too."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path

from lbstudy.platform.interface import Change, ChangeKind, ClientSpec, PlatformError, ServerSpec
from lbstudy.platform.local.addresses import PORT, AddressPool
from lbstudy.platform.local.capacity import most_pods
from lbstudy.platform.local.changes import ChangeLog
from lbstudy.platform.local.commands import (
    CLIENT_MODULE,
    SERVER_MODULE,
    client_args,
    server_args,
    server_start,
)
from lbstudy.platform.local.deployment import Deployment, Pod, PodNames
from lbstudy.platform.local.environment import base_environment, pod_environment
from lbstudy.platform.local.node.messages import PodSignalled, PodStarted, Start, StartPod
from lbstudy.platform.local.probe import wait_serving
from lbstudy.platform.local.processes import Processes
from lbstudy.platform.local.publication import Publication, Published

CLOSE_TIMEOUT = 10.0
"""Seconds that all pods have to end in order, before SIGKILL."""
KILL_MARGIN = 5.0
"""Seconds beyond its drain that a pod has from SIGTERM to SIGKILL."""
EXIT_SEEN = 0.01
"""Seconds within which the node sees a pod's exit, unless the machine is overloaded."""
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,40}[a-z0-9])?")


@dataclass(slots=True, eq=False)
class _Servers:
    """A Deployment of servers and its Service."""

    spec: ServerSpec
    names: PodNames
    state: Deployment


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
        self._namespace = namespace
        self._changes = ChangeLog()
        self._addresses = AddressPool()
        self._processes = Processes(self._run_dir / "logs", self)
        self._publication = Publication(self._run_dir, namespace, propagation, ttl, self._on_published)
        self._base_env = base_environment(os.environ)
        self._servers: dict[str, _Servers] = {}
        self._clients: dict[str, str] = {}  # name → pod
        self._server_of: dict[str, tuple[_Servers, Pod]] = {}  # by the pod's name
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._timers: set[asyncio.TimerHandle] = set()
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
            await self._publication.start(self._addresses.take(port=None), self._base_env)
            await self._processes.start(self._base_env)
        except BaseException:
            await self.aclose()
            raise
        self._running = True
        self._tasks = [
            asyncio.create_task(self._watch(self._processes.listen())),
            asyncio.create_task(self._watch(self._publication.run())),
        ]

    async def create_servers(self, spec: ServerSpec) -> None:
        """Create a Deployment and its Service; raises PlatformError when it can't be."""
        self._check_new(spec.name)
        self._check_replicas(spec.name, spec.replicas, 0)
        self._servers[spec.name] = _Servers(spec, PodNames(spec.name, self._seed), Deployment(spec.replicas))
        self._add(ChangeKind.SCALE, spec.name, detail=str(spec.replicas))
        self._reconcile(self._servers[spec.name])

    async def scale(self, deployment: str, replicas: int) -> None:
        """Have so many servers; raises PlatformError when that can't be."""
        self._check_running()
        servers = self._servers.get(deployment)
        if servers is None:
            raise PlatformError(f"{deployment}: no such deployment")
        self._check_replicas(deployment, replicas, sum(pod.counts for pod in servers.state.pods))
        self._add(ChangeKind.SCALE, deployment, detail=str(replicas))
        servers.state.replicas = replicas
        self._reconcile(servers)

    async def start_client(self, spec: ClientSpec) -> None:
        """Start a client pod; raises PlatformError when its server Deployment does not exist."""
        self._check_new(spec.name)
        if spec.server not in self._servers:
            raise PlatformError(f"{spec.name}: calls {spec.server}, which is no deployment")
        pod = PodNames(spec.name, self._seed).next()
        self._clients[spec.name] = pod
        self._add(ChangeKind.CREATED, spec.name, pod)
        args = client_args(spec, self.target(spec.server))
        self._run_pod(pod, Start.EXEC, CLIENT_MODULE, args, spec.env, "127.0.0.1")

    async def wait_client(self, name: str) -> int:
        """Wait for the client's end; returns its exit status, negative for a signal."""
        if name not in self._clients:
            raise PlatformError(f"{name}: no such client")
        status = await self._processes.status(self._clients[name])
        if self._failure is not None:
            raise self._failure
        return status

    def changes(self) -> AsyncIterator[Change]:
        """Every change since ``start``; raises PlatformError at its end when the node or DNS has failed."""
        return self._changes.follow()

    async def logs(self, pod: str) -> Path:
        """The file with the pod's standard output; raises PlatformError for an unknown pod."""
        if pod not in self._processes:
            raise PlatformError(f"{pod}: no such pod")
        return self._log(pod, "out")

    def pods(self, deployment: str) -> list[str]:
        """Every pod that the Deployment, or the client of that name, ever had, in order of creation."""
        if deployment in self._clients:
            return [self._clients[deployment]]
        servers = self._servers.get(deployment)
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
        return f"dns://{self._publication.authority}/{self._publication.name(service)}:{PORT}"

    def pid(self, pod: str) -> int | None:
        """The process id of a pod that runs; None before and after."""
        return self._processes.pid(pod)

    @property
    def dns_log(self) -> Path:
        """The DNS server's own log, one JSON object for each answer."""
        return self._run_dir / "dns.jsonl"

    @property
    def helper_pids(self) -> tuple[int, int]:
        """The process ids of the node and of the DNS server."""
        return self._processes.node_pid, self._publication.pid

    # --- checks -----------------------------------------------------------------------------------

    def _check_running(self) -> None:
        if self._failure is not None:
            raise self._failure
        if not self._running:
            raise PlatformError("the platform is not running")

    def _check_new(self, name: str) -> None:
        self._check_running()
        if not _NAME.fullmatch(name):
            raise PlatformError(f"{name!r} is no name for pods: lower-case letters, digits, '-', at most 42")
        if name in self._servers or name in self._clients:
            raise PlatformError(f"{name}: exists already")

    def _check_replicas(self, name: str, replicas: int, present: int) -> None:
        if replicas < 1:
            raise PlatformError(f"{name}: {replicas} servers asked for, at least 1 is needed")
        most, bound = most_pods()
        if replicas - present > most:
            fit = f"{present + most} fit on this machine ({bound})"
            raise PlatformError(f"{name}: {replicas} servers asked for, {fit}")

    # --- pods -------------------------------------------------------------------------------------

    def _reconcile(self, servers: _Servers) -> None:
        """Remove what is too much, create what is missing."""
        if not self._running:
            return
        for pod in servers.state.surplus():
            self._remove(servers, pod)
        if servers.state.not_before > time.monotonic():
            return  # a timer is set for that instant
        for _ in range(servers.state.missing()):
            pod = Pod(servers.names.next(), self._addresses.take(), time.monotonic())
            servers.state.pods.append(pod)
            self._server_of[pod.name] = (servers, pod)
            self._add(ChangeKind.CREATED, servers.spec.name, pod.name)
            args = server_args(servers.spec, pod.address)
            self._run_pod(
                pod.name, server_start(servers.spec), SERVER_MODULE, args, servers.spec.env, pod.address
            )

    def _remove(self, servers: _Servers, pod: Pod) -> None:
        pod.removed = True
        self._processes.send(pod.name, signal.SIGTERM)
        patience = servers.spec.drain_wait + servers.spec.drain_grace + KILL_MARGIN
        self._later(patience, lambda: self._processes.send(pod.name, signal.SIGKILL))

    def _run_pod(
        self, pod: str, start: Start, module: str, args: list[str], env: Mapping[str, str], ip: str
    ) -> None:
        downward = {"POD_NAME": pod, "POD_NAMESPACE": self._namespace, "POD_IP": ip}
        everything = pod_environment(self._base_env, downward, env)
        out, err = str(self._log(pod, "out")), str(self._log(pod, "err"))
        self._processes.run(StartPod(pod, start, module, args, everything, out, err, str(self._run_dir)))

    def _log(self, pod: str, stream: str) -> Path:
        return self._run_dir / "logs" / f"{pod}.{stream}"

    # --- what happens to them ---------------------------------------------------------------------

    def on_started(self, event: PodStarted) -> None:
        """A process runs: look for a server's readiness."""
        error = (event.after - event.before) / 1e9
        self._add(ChangeKind.STARTED, self._deployment(event.pod), event.pod, event.after, error)
        if event.pod in self._server_of:
            self._probes[event.pod] = asyncio.create_task(self._probe(*self._server_of[event.pod]))

    def on_signalled(self, event: PodSignalled) -> None:
        """A pod was told to end: its endpoint goes."""
        if event.signal != signal.SIGTERM:
            return
        error = (event.after - event.before) / 1e9
        self._add(ChangeKind.TERMINATING, self._deployment(event.pod), event.pod, event.after, error)
        self._unready(event.pod, event.after)

    def on_exited(self, pod: str, at: int, status: int, reason: str) -> None:  # noqa: ARG002  # the hook's
        """A process ended: its endpoint goes, and a server that was to stay is replaced."""
        self._add(ChangeKind.EXITED, self._deployment(pod), pod, at, EXIT_SEEN, reason)
        self._unready(pod, at)
        if pod in self._server_of:
            servers, server = self._server_of[pod]
            server.exited = True
            if not server.removed:
                delay = servers.state.died(server, time.monotonic())
                self._later(delay, lambda: self._reconcile(servers))

    async def _probe(self, servers: _Servers, pod: Pod) -> None:
        serving = await wait_serving(pod.address, PORT)
        # In one step with the wait's end: a pod that was told to end is never Ready.
        if not (pod.removed or pod.exited):
            pod.ready = True
            self._add(ChangeKind.READY, servers.spec.name, pod.name, serving.at, serving.error)
            self._publication.enter(servers.spec.name, pod, _since(serving.at))

    def _unready(self, pod: str, at: int) -> None:
        if probe := self._probes.pop(pod, None):
            probe.cancel()
        if pod in self._server_of:
            servers, server = self._server_of[pod]
            if server.ready:
                server.ready = False
                self._publication.leave(servers.spec.name, server, _since(at))

    def _on_published(self, change: Published) -> None:
        self._add(change.kind, change.deployment, change.pod.name, change.at, change.error)

    def _add(
        self,
        kind: ChangeKind,
        deployment: str,
        pod: str | None = None,
        at: int | None = None,
        error: float = 0.0,
        detail: str = "",
    ) -> None:
        address = f"{self._server_of[pod][1].address}:{PORT}" if pod in self._server_of else None
        instant = time.time_ns() if at is None else at
        self._changes.add(Change(instant, error, kind, deployment, pod, address, detail))

    def _deployment(self, pod: str) -> str:
        if pod in self._server_of:
            return self._server_of[pod][0].spec.name
        return next(name for name, of_client in self._clients.items() if of_client == pod)

    # --- tasks, timers, the end -------------------------------------------------------------------

    async def _watch(self, work: Coroutine[None, None, None]) -> None:
        """Do the work; when it fails, so does the platform."""
        try:
            await work
        except PlatformError as error:
            if self._closed is None:
                self._failure = error
                self._running = False
                self._processes.abandon()
                self._changes.close(error)

    def _later(self, delay: float, act: Callable[[], None]) -> None:
        def due() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(delay, due)
        self._timers.add(timer)

    async def _close(self) -> None:
        was_running, self._running = self._running, False
        for timer in self._timers:
            timer.cancel()
        try:
            if was_running:
                await self._end_pods()
        finally:
            for task in (*self._tasks, *self._probes.values()):
                task.cancel()
            await asyncio.gather(*self._tasks, *self._probes.values(), return_exceptions=True)
            await asyncio.gather(self._publication.stop(), self._processes.stop())
            self._processes.abandon()
            self._addresses.release()
            self._changes.close()

    async def _end_pods(self) -> None:
        deadline = time.monotonic() + CLOSE_TIMEOUT
        servers = list(self._server_of)
        for _, pod in self._server_of.values():
            pod.removed = True
        for pods, share in ((list(self._clients.values()), 0.6), (servers, 1.0)):
            left = deadline - time.monotonic()
            await self._processes.end(pods, signal.SIGTERM, left * share)
        await self._processes.end([*self._clients.values(), *servers], signal.SIGKILL, 2.0)


def _since(at: int) -> float:
    """Seconds since an instant of the wall clock."""
    return (time.time_ns() - at) / 1e9
