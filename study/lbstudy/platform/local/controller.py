"""What a cluster's controllers do for this platform: keep Deployments at their size, tell what happens."""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lbstudy.platform.changes import ChangeLog
from lbstudy.platform.interface import Change, ChangeKind, ClientSpec, Fault, ServerSpec
from lbstudy.platform.local.addresses import AddressPool
from lbstudy.platform.local.commands import server_start
from lbstudy.platform.local.deployment import Deployment, Pod, PodNames
from lbstudy.platform.local.environment import pod_environment
from lbstudy.platform.local.faults import Injector
from lbstudy.platform.local.node.messages import PodSignalled, PodStarted, Start, StartPod
from lbstudy.platform.local.probe import watch
from lbstudy.platform.local.processes import Processes
from lbstudy.platform.local.publication import Publication, Published
from lbstudy.platform.local.push import ControlPlane
from lbstudy.platform.programs import (
    CLIENT_MODULE,
    CONTROL_PORT,
    PORT,
    SERVER_MODULE,
    client_args,
    server_args,
)
from lbstudy.platform.push import MODULE as PUSH_MODULE

KILL_MARGIN = 5.0
"""Seconds beyond its drain that a pod has from SIGTERM to SIGKILL."""
RESTART_DELAY = 0.5
"""Seconds after which a control plane that ended is started again."""
EXIT_SEEN = 0.01
"""Seconds within which the node sees a pod's exit, unless the machine is overloaded."""


@dataclass(slots=True, eq=False)
class Servers:
    """A Deployment of servers and its Service."""

    spec: ServerSpec
    names: PodNames
    state: Deployment


class Controller:
    """Decides by the Deployments' state, acts through node and DNS, and writes the changes down."""

    def __init__(
        self,
        run_dir: Path,
        namespace: str,
        base_env: Mapping[str, str],
        propagation: float,
        ttl: int,
        changes: ChangeLog,
        seed: int,
    ) -> None:
        self._run_dir = run_dir
        self._namespace = namespace
        self._base_env = base_env
        self._changes = changes
        self._addresses = AddressPool()
        self._servers: dict[str, Servers] = {}
        self._clients: dict[str, str] = {}  # name → pod
        self._control_planes: dict[str, ControlPlane] = {}  # by the Deployment of servers
        self._server_of: dict[str, tuple[Servers, Pod]] = {}  # by the pod's name
        self._deployment_of: dict[str, str] = {}  # by the pod's name, clients too
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._active = False
        self.processes = Processes(run_dir / "logs", self)
        self.publication = Publication(run_dir, namespace, propagation, ttl, self._on_published)
        self._faults = Injector(self.processes, self.publication, self._add, seed)

    async def start(self) -> None:
        """Start the DNS server and the node; raises PlatformError."""
        await self.publication.start(self._addresses.take(), self._base_env)
        await self.processes.start(self._base_env)
        self._active = True

    # --- what is asked of it ----------------------------------------------------------------------

    def create(self, spec: ServerSpec, seed: int) -> None:
        """A new Deployment of servers."""
        servers = Servers(spec, PodNames(spec.name, seed), Deployment(spec.replicas))
        self._servers[spec.name] = servers
        self._add(ChangeKind.SCALE, spec.name, detail=str(spec.replicas))
        if spec.push is not None:
            control_plane = ControlPlane(spec.name, spec.push, self._addresses.take(), seed)
            self._control_planes[spec.name] = control_plane
            self.publication.push(spec.name, control_plane.reports)
            self._run_control_plane(control_plane)
        self._reconcile(servers)

    def scale(self, deployment: str, replicas: int) -> None:
        """Another number of servers."""
        self._add(ChangeKind.SCALE, deployment, detail=str(replicas))
        self._servers[deployment].state.replicas = replicas
        self._reconcile(self._servers[deployment])

    def create_client(self, spec: ClientSpec, seed: int) -> None:
        """A client pod."""
        pod = PodNames(spec.name, seed).next()
        self._clients[spec.name] = pod
        self._deployment_of[pod] = spec.name
        self._add(ChangeKind.CREATED, spec.name, pod)
        args = client_args(spec, self.target(spec.server))
        env = {**spec.env, **self.client_env(spec.server)}
        self._run_pod(pod, Start.EXEC, CLIENT_MODULE, args, env, "127.0.0.1")

    async def inject(self, deployment: str, fault: Fault) -> None:
        """Begin a fault. Raises PlatformError."""
        await self._faults.inject(deployment, self._servers[deployment].state.pods, fault)

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End it. Raises PlatformError."""
        await self._faults.lift(deployment, fault)

    def servers(self, name: str) -> Servers | None:
        """The Deployment of servers of that name."""
        return self._servers.get(name)

    def client(self, name: str) -> str | None:
        """The pod of the client of that name."""
        return self._clients.get(name)

    def target(self, service: str) -> str:
        """The gRPC target under which clients find a service."""
        if service in self._control_planes:
            return self._control_planes[service].target
        return f"dns://{self.publication.authority}/{self.publication.name(service)}:{PORT}"

    def client_env(self, service: str) -> Mapping[str, str]:
        """The variables that clients of a service need for its target."""
        return self._control_planes[service].client_env if service in self._control_planes else {}

    def log(self, pod: str, stream: str) -> Path:
        """The file of a pod's ``out`` or ``err``."""
        return self._run_dir / "logs" / f"{pod}.{stream}"

    # --- pods -------------------------------------------------------------------------------------

    def _reconcile(self, servers: Servers) -> None:
        """Remove what is too much, create what is missing."""
        if not self._active:
            return
        for pod in servers.state.surplus():
            self._remove(servers, pod)
        if servers.state.not_before > time.monotonic():
            return  # a timer is set for that instant
        for _ in range(servers.state.missing()):
            pod = Pod(servers.names.next(), self._addresses.take(PORT, CONTROL_PORT), time.monotonic())
            servers.state.pods.append(pod)
            self._server_of[pod.name] = (servers, pod)
            self._deployment_of[pod.name] = servers.spec.name
            self._add(ChangeKind.CREATED, servers.spec.name, pod.name)
            trouble = self._faults.start(servers.spec.name, pod)
            args = server_args(servers.spec, pod.address, pod.address, trouble)
            self._run_pod(
                pod.name, server_start(servers.spec), SERVER_MODULE, args, servers.spec.env, pod.address
            )

    def _remove(self, servers: Servers, pod: Pod) -> None:
        pod.removed = True
        self.processes.send(pod.name, signal.SIGTERM)
        patience = servers.spec.drain_wait + servers.spec.drain_grace + KILL_MARGIN
        self._later(patience, lambda: self.processes.send(pod.name, signal.SIGKILL))

    def _run_control_plane(self, control_plane: ControlPlane) -> None:
        pod = control_plane.next_pod()
        self._deployment_of[pod] = control_plane.deployment
        self._add(ChangeKind.CREATED, control_plane.deployment, pod)
        env, address = control_plane.spec.env, control_plane.address
        self._run_pod(pod, Start.EXEC, PUSH_MODULE, control_plane.args, env, address)

    def _run_pod(
        self, pod: str, start: Start, module: str, args: list[str], env: Mapping[str, str], ip: str
    ) -> None:
        downward = {"POD_NAME": pod, "POD_NAMESPACE": self._namespace, "POD_IP": ip}
        everything = pod_environment(self._base_env, downward, env)
        out, err = str(self.log(pod, "out")), str(self.log(pod, "err"))
        self.processes.run(StartPod(pod, start, module, args, everything, out, err, str(self._run_dir)))

    # --- what happens to them ---------------------------------------------------------------------

    def on_started(self, event: PodStarted) -> None:
        """A process runs: look for a server's readiness."""
        error = (event.after - event.before) / 1e9
        self._add(ChangeKind.STARTED, self._deployment_of[event.pod], event.pod, event.after, error)
        if event.pod in self._server_of:
            self._probes[event.pod] = asyncio.create_task(self._probe(*self._server_of[event.pod]))

    def on_signalled(self, event: PodSignalled) -> None:
        """A signal was sent: a pod that was told to end loses its endpoint; others are part of a fault."""
        self._faults.on_signalled(event)
        if event.signal != signal.SIGTERM:
            return
        error = (event.after - event.before) / 1e9
        self._add(ChangeKind.TERMINATING, self._deployment_of[event.pod], event.pod, event.after, error)
        self._unready(event.pod, event.after)

    def on_exited(self, pod: str, at: int, status: int, reason: str) -> None:  # noqa: ARG002  # the hook's
        """A process ended: its endpoint goes, and a server that was to stay is replaced."""
        self._add(ChangeKind.EXITED, self._deployment_of[pod], pod, at, EXIT_SEEN, reason)
        self._unready(pod, at)
        if pod in self._server_of:
            servers, server = self._server_of[pod]
            server.exited = True
            self._faults.on_exited(server, at)
            if not server.removed:
                delay = servers.state.died(server, time.monotonic())
                self._later(delay, lambda: self._reconcile(servers))
        for control_plane in self._control_planes.values():
            if control_plane.pod == pod and self._active:
                self._later(RESTART_DELAY, lambda: self._run_control_plane(control_plane))  # noqa: B023 - one

    async def _probe(self, servers: Servers, pod: Pod) -> None:
        async for seen in watch(pod.address, PORT, servers.spec.probe):
            # In one step with the wait's end: a pod that was told to end is never Ready.
            if pod.removed or pod.exited:
                return
            if seen.serves:
                pod.ready = True
                self._add(ChangeKind.READY, servers.spec.name, pod.name, seen.at, seen.error)
                self._faults.on_ready(pod)
                self.publication.enter(servers.spec.name, pod, _since(seen.at))
            else:
                self._add(ChangeKind.UNREADY, servers.spec.name, pod.name, seen.at, seen.error)
                self._leave(servers, pod, seen.at)

    def _unready(self, pod: str, at: int) -> None:
        """A pod ends: it is not looked at any more."""
        if probe := self._probes.pop(pod, None):
            probe.cancel()
        if pod in self._server_of:
            self._leave(*self._server_of[pod], at)

    def _leave(self, servers: Servers, pod: Pod, at: int) -> None:
        if pod.ready:
            pod.ready = False
            self.publication.leave(servers.spec.name, pod, _since(at))

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

    def _later(self, delay: float, act: Callable[[], None]) -> None:
        def due() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(delay, due)
        self._timers.add(timer)

    # --- the end ----------------------------------------------------------------------------------

    def freeze(self) -> None:
        """Create, replace and remove nothing any more."""
        self._active = False
        for timer in self._timers:
            timer.cancel()

    async def end_pods(self, within: float) -> None:
        """Have clients end and then servers drain, all within so many seconds; then SIGKILL."""
        self._faults.resume()
        deadline = time.monotonic() + within
        clients, servers = list(self._clients.values()), list(self._server_of)
        for _, pod in self._server_of.values():
            pod.removed = True
        control_planes = [one.pod for one in self._control_planes.values()]
        for pods, share in ((clients, 0.6), (servers, 0.9), (control_planes, 1.0)):
            if pods is control_planes:
                await self._end_reports()
            left = deadline - time.monotonic()
            await self.processes.end(pods, signal.SIGTERM, left * share)
        await self.processes.end([*clients, *servers, *control_planes], signal.SIGKILL, 2.0)

    async def _end_reports(self) -> None:
        await asyncio.gather(*(one.reports.close() for one in self._control_planes.values()))

    async def stop(self) -> None:
        """End the node, with whatever still runs there, and the DNS server."""
        await self._faults.stop()
        for probe in self._probes.values():
            probe.cancel()
        await asyncio.gather(*self._probes.values(), return_exceptions=True)
        await asyncio.gather(
            self.publication.stop(),
            self.processes.stop(),
            self._end_reports(),
        )
        self.processes.abandon()
        self._addresses.release()


def _since(at: int) -> float:
    """Seconds since an instant of the wall clock."""
    return (time.time_ns() - at) / 1e9
