"""The work of a cluster's controllers on this platform: keeps Deployments at their size, reports changes."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lbstudy.platform.changes import ChangeStream
from lbstudy.platform.interface import (
    Change,
    ChangeKind,
    ClientSpec,
    Fault,
    Manner,
    PlatformError,
    RolloutLimits,
    ServerSpec,
)
from lbstudy.platform.last_words import last_words
from lbstudy.platform.local.addresses import AddressPool, is_free
from lbstudy.platform.local.deployment import Deployment, Pod, PodNames
from lbstudy.platform.local.environment import proxy_environment
from lbstudy.platform.local.faults import LocalInjector
from lbstudy.platform.local.log_limit import keep_small
from lbstudy.platform.local.naming import Naming
from lbstudy.platform.local.node.messages import PodSignalled, PodStarted
from lbstudy.platform.local.probe import watch
from lbstudy.platform.local.processes import Processes
from lbstudy.platform.local.publication import Publication, Published
from lbstudy.platform.local.push import ControlPlanePod
from lbstudy.platform.local.starter import ServersFound, Starter
from lbstudy.platform.local.why import elsewhere, listening
from lbstudy.platform.program import Look, Readiness
from lbstudy.platform.programs import CONTROL_PORT

KILL_MARGIN = 5.0
"""Seconds beyond its drain that a pod has from SIGTERM to SIGKILL."""
RESTART_DELAY = 0.5
"""Seconds after which a control plane that ended is restarted."""
DNS_PORT = 53
"""The port that the system's resolver uses."""
EXIT_SEEN = 0.01
"""Seconds within which the node sees a pod's exit, unless the machine is overloaded."""


@dataclass(slots=True, eq=False)
class DeploymentWithService:
    """A Deployment of servers and its Service."""

    spec: ServerSpec
    names: PodNames
    state: Deployment


class Controller:
    """Decides from the Deployments' state, acts through the node and DNS, and notes the changes."""

    def __init__(  # noqa: PLR0917 - it is called in one place
        self,
        run_dir: Path,
        namespace: str,
        base_env: Mapping[str, str],
        propagation: float,
        ttl: int,
        changes: ChangeStream,
        seed: int,
        preload: Sequence[str],
        naming: Naming,
    ) -> None:
        self._run_dir = run_dir
        self._naming = naming
        self._base_env = base_env
        self._changes = changes
        self._seed = seed
        self._addresses = AddressPool()
        self._servers: dict[str, DeploymentWithService] = {}
        self._clients: dict[str, str] = {}  # name → pod
        self._control_planes: dict[str, ControlPlanePod] = {}  # by the Deployment of servers
        self._server_of: dict[str, tuple[DeploymentWithService, Pod]] = {}  # by the pod's name
        self._deployment_of: dict[str, str] = {}  # by the pod's name, clients too
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._active = False
        self._unused = ""  # an address of ours that no pod has
        self._failure: asyncio.Future[None] | None = None  # of the pods, if it must end the run
        self.processes = Processes(run_dir / "logs", self, preload)
        self.starter = Starter(run_dir, namespace, base_env, proxy_environment(os.environ), self.processes)
        self.publication = Publication(
            run_dir, namespace, propagation, ttl, self._on_published, naming.families
        )
        self._faults = LocalInjector(self.processes, self.publication, self._add, seed)

    async def start(self) -> None:
        """Start the DNS server and the node; raises PlatformError."""
        await self.publication.start(self._addresses.take(), self._base_env)
        await self.processes.start(self._base_env)
        self._failure = asyncio.get_running_loop().create_future()
        self._unused = self._addresses.take()
        self._active = True

    # --- what is asked of it ----------------------------------------------------------------------

    def create(self, spec: ServerSpec, seed: int) -> None:
        """Create a Deployment of servers."""
        servers = DeploymentWithService(spec, PodNames(spec.name, seed), Deployment(spec.replicas))
        self._servers[spec.name] = servers
        self.starter.certify(spec, self.publication.name(spec.name))
        self._add(ChangeKind.SCALE, spec.name, detail=str(spec.replicas))
        if spec.push is not None:
            control_plane = ControlPlanePod(
                spec.name, spec.push, self._addresses.take(), spec.program.port, seed
            )
            self._control_planes[spec.name] = control_plane
            self.publication.push(spec.name, control_plane.reports)
            self._run_control_plane(control_plane)
        self._reconcile(servers)

    def scale(self, deployment: str, replicas: int) -> None:
        """Set the number of servers."""
        self._add(ChangeKind.SCALE, deployment, detail=str(replicas))
        self._servers[deployment].state.replicas = replicas
        self._reconcile(self._servers[deployment])

    def replace(self, deployment: str, manner: Manner, limits: RolloutLimits) -> None:
        """Replace all pods by new ones.

        A rolling update continues with each pod that becomes Ready or ends. If the Deployment is recreated,
        or its pods are evicted, all of them are told to end at once, and as many new ones are created.
        """
        servers = self._servers[deployment]
        self._add(ChangeKind.REPLACE, deployment, detail=str(manner))
        servers.state.limits = limits
        servers.state.revision += 1
        servers.names = PodNames(deployment, self._seed, servers.state.revision)
        if manner is not Manner.ROLLING_UPDATE:
            for pod in servers.state.pods:
                if pod.counts:
                    self._remove(servers, pod)
        self._reconcile(servers)

    async def create_client(self, spec: ClientSpec, seed: int) -> None:
        """Create a client pod, which queries its own DNS address. Raises PlatformError."""
        pod = PodNames(spec.name, seed).next()
        self._clients[spec.name] = pod
        self._deployment_of[pod] = spec.name
        is_system = spec.program.system_resolver
        authority = await self.publication.listen(self._addresses.take(), DNS_PORT if is_system else 0)
        self._add(ChangeKind.CREATED, spec.name, pod, detail=authority)
        self.starter.client(spec, pod, self._found(spec, pod, authority))

    def _found(self, spec: ClientSpec, pod: str, authority: str) -> ServersFound:
        port = self._servers[spec.server].spec.program.port
        name = self.publication.name(spec.server)
        is_system = spec.program.system_resolver
        target = self.target(spec.server, "" if is_system else authority)
        env = self.client_env(spec.server)
        if not is_system and not self._naming.needs_file:
            return ServersFound(target, name, port, authority, {**self._naming.environment, **env})
        path = self._run_dir / "logs" / f"{pod}.resolv.conf"
        path.with_suffix(".nsswitch").write_text("hosts: files dns\n", encoding="ascii")
        path.write_text(self._naming.resolv_conf(authority.rpartition(":")[0]), encoding="ascii")
        return ServersFound(target, name, port, authority, env, str(path))

    async def inject(self, deployment: str, fault: Fault) -> None:
        """Begin a fault. Raises PlatformError."""
        await self._faults.inject(deployment, self._servers[deployment].state.pods, fault)

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault. Raises PlatformError."""
        await self._faults.lift(deployment, fault)

    def obstacle(self, servers: DeploymentWithService) -> str:
        """Return why the first of the servers that is not Ready is not, in words."""
        for pod in servers.state.pods:
            if pod.ready or pod.removed:
                continue
            said = last_words(self.starter.log(pod.name, "err"), self.starter.log(pod.name, "out"))
            words = f"; it said: {said}" if said else ""
            if "address already in use" in said.lower():
                words += " (a server has to listen on {address} alone, not on every address)"
            pid = self.processes.pid(pod.name)
            if pid is None:
                return f"{pod.name} ended {_ended(self.processes.exit_status(pod.name))}{words}"
            program = servers.spec.program
            addresses = listening(pid)
            where = elsewhere(addresses, pod.address, program.port) if addresses is not None else ""
            return f"{pod.name}: {where or _not_yet(program.readiness)}{words}"
        return ""

    def servers(self, name: str) -> DeploymentWithService | None:
        """Return the Deployment of servers of that name."""
        return self._servers.get(name)

    def client(self, name: str) -> str | None:
        """Return the pod of the client of that name."""
        return self._clients.get(name)

    def target(self, service: str, authority: str | None = None) -> str:
        """Return the gRPC target by which clients find a service.

        Args:
            service: the Deployment of its servers.
            authority: the DNS server that they query; "": the system's; None: the shared one.
        """
        if service in self._control_planes:
            return self._control_planes[service].target
        asked = self.publication.authority if authority is None else authority
        return f"dns://{asked}/{self.publication.name(service)}:{self._port(service)}"

    def client_env(self, service: str) -> Mapping[str, str]:
        """Return the variables that clients of a service need for its target."""
        return self._control_planes[service].client_env if service in self._control_planes else {}

    def client_pids(self) -> dict[str, int]:
        """Return the running client pods, with their processes' ids."""
        pids = {pod: self.processes.pid(pod) for pod in self._clients.values()}
        return {pod: pid for pod, pid in pids.items() if pid is not None}

    def control_address(self, pod: str) -> str:
        """Return the address of a server pod's control service. Raises PlatformError for another pod."""
        if pod not in self._server_of:
            raise PlatformError(f"{pod}: no such server")
        return f"{self._server_of[pod][1].address}:{CONTROL_PORT}"

    def server_addresses(self) -> set[str]:
        """Return the addresses of all server pods there ever were, with their port."""
        return {f"{pod.address}:{servers.spec.program.port}" for servers, pod in self._server_of.values()}

    # --- pods -------------------------------------------------------------------------------------

    def _reconcile(self, servers: DeploymentWithService) -> None:
        """Remove surplus pods, and create missing ones."""
        if not self._active:
            return
        for pod in servers.state.surplus():
            self._remove(servers, pod)
        if servers.state.not_before > time.monotonic():
            return  # a timer is set for that instant
        for _ in range(servers.state.missing()):
            address = self._addresses.take(servers.spec.program.port, CONTROL_PORT)
            pod = Pod(servers.names.next(), address, time.monotonic(), servers.state.revision)
            servers.state.pods.append(pod)
            self._server_of[pod.name] = (servers, pod)
            self._deployment_of[pod.name] = servers.spec.name
            self._add(ChangeKind.CREATED, servers.spec.name, pod.name)
            trouble = self._faults.start(servers.spec.name, pod)
            self.starter.server(servers.spec, pod.name, pod.address, trouble)

    def _remove(self, servers: DeploymentWithService, pod: Pod) -> None:
        pod.removed = True
        spec = servers.spec
        self.processes.send(pod.name, signal.Signals[spec.program.signal])
        patience = spec.program.patience
        if patience is None:
            patience = spec.drain_wait + spec.drain_grace + KILL_MARGIN
        self._later(patience, lambda: self.processes.send(pod.name, signal.SIGKILL))

    def _run_control_plane(self, control_plane: ControlPlanePod) -> None:
        pod = control_plane.next_pod()
        self._deployment_of[pod] = control_plane.deployment
        self._add(ChangeKind.CREATED, control_plane.deployment, pod)
        self.starter.control_plane(control_plane, pod)

    # --- what happens to them ---------------------------------------------------------------------

    def on_started(self, event: PodStarted) -> None:
        """Note that a process runs: watch a server's readiness."""
        error = (event.after - event.before) / 1e9
        self._add(ChangeKind.STARTED, self._deployment_of[event.pod], event.pod, event.after, error)
        if event.pod in self._server_of:
            probing = self._probe(*self._server_of[event.pod], event.before)
            self._probes[event.pod] = asyncio.create_task(probing)

    def on_signalled(self, event: PodSignalled) -> None:
        """Note a signal: a pod that was told to end loses its endpoint; other signals are part of a fault."""
        self._faults.on_signalled(event)
        if event.signal != self._ending(event.pod):
            return
        error = (event.after - event.before) / 1e9
        self._add(ChangeKind.TERMINATING, self._deployment_of[event.pod], event.pod, event.after, error)
        self._unready(event.pod, event.after)

    def on_exited(self, pod: str, at: int, status: int, reason: str) -> None:  # noqa: ARG002  # the hook's
        """Note that a process ended: its endpoint is removed, and a server that was to stay is replaced."""
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

    async def _probe(self, servers: DeploymentWithService, pod: Pod, since: int) -> None:
        program = servers.spec.program
        secure = self.starter.secure(servers.spec.name)
        looks = watch(pod.address, program.port, servers.spec.probe, program.readiness, since, secure)
        async for seen in looks:
            # In one step with the end of the wait: a pod that was told to end never becomes Ready.
            if pod.removed or pod.exited:
                return
            if not pod.ready and not is_free(self._unused, program.port):
                self._fail(servers, pod)
                return
            if seen.serves:
                pod.ready = True
                self._add(ChangeKind.READY, servers.spec.name, pod.name, seen.at, seen.error)
                self._faults.on_ready(pod)
                self.publication.enter(servers.spec.name, pod, _since(seen.at))
                self._reconcile(servers)
            else:
                self._add(ChangeKind.UNREADY, servers.spec.name, pod.name, seen.at, seen.error)
                self._leave(servers, pod, seen.at)

    def _fail(self, servers: DeploymentWithService, pod: Pod) -> None:
        """Fail: a server prevents the others from using their addresses."""
        port = servers.spec.program.port
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(
                PlatformError(
                    f"a server of {servers.spec.name} listens on port {port} of every address, and not on"
                    f" {pod.address}:{port} alone: no other server can start; give its command {{address}} or"
                    " {host}"
                )
            )

    async def failing(self) -> None:
        """Wait for a failure of the pods that must end the run; raises PlatformError."""
        assert self._failure is not None
        await self._failure

    async def keep_logs_small(self) -> None:
        """Cut pods' logs that become too large, until cancelled."""
        await keep_small(self._logs)

    def _logs(self) -> list[Path]:
        return [self.starter.log(pod, stream) for pod in self._deployment_of for stream in ("out", "err")]

    def _unready(self, pod: str, at: int) -> None:
        """Note that a pod ends: it is not probed any more."""
        if probe := self._probes.pop(pod, None):
            probe.cancel()
        if pod in self._server_of:
            self._leave(*self._server_of[pod], at)

    def _leave(self, servers: DeploymentWithService, pod: Pod, at: int) -> None:
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
        address = None
        if pod in self._server_of:
            servers, server = self._server_of[pod]
            address = f"{server.address}:{servers.spec.program.port}"
        instant = time.time_ns() if at is None else at
        self._changes.add(Change(instant, error, kind, deployment, pod, address, detail))

    def _port(self, service: str) -> int:
        return self._servers[service].spec.program.port

    def _ending(self, pod: str) -> signal.Signals:
        """Return the signal that tells a pod to end."""
        if pod not in self._server_of:
            return signal.SIGTERM
        return signal.Signals[self._server_of[pod][0].spec.program.signal]

    def _later(self, delay: float, act: Callable[[], None]) -> None:
        def due() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(delay, due)
        self._timers.add(timer)

    # --- the end ----------------------------------------------------------------------------------

    def freeze(self) -> None:
        """Create, replace and remove no more pods."""
        self._active = False
        for timer in self._timers:
            timer.cancel()

    async def end_pods(self, within: float) -> None:
        """End clients and then drain servers, all within so many seconds; then SIGKILL."""
        self._faults.resume()
        deadline = time.monotonic() + within
        clients, servers = list(self._clients.values()), list(self._server_of)
        for _, pod in self._server_of.values():
            pod.removed = True
        control_planes = [control_plane.pod for control_plane in self._control_planes.values()]
        for pods, share in ((clients, 0.6), (servers, 0.9), (control_planes, 1.0)):
            if pods is control_planes:
                await self._end_reports()
            left = deadline - time.monotonic()
            await self.processes.end({pod: self._ending(pod) for pod in pods}, left * share)
        left_over = [*clients, *servers, *control_planes]
        await self.processes.end(dict.fromkeys(left_over, signal.SIGKILL), 2.0)

    async def _end_reports(self) -> None:
        await asyncio.gather(
            *(control_plane.reports.close() for control_plane in self._control_planes.values())
        )

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
        self.starter.close()
        self._addresses.release()


def _ended(status: int | None) -> str:
    """Describe how a server ended before it was Ready."""
    if status == 0:
        return "with status 0 (it has to stay in the foreground)"
    if status is not None and status < -1:
        return f"by signal {-status}"
    return f"with status {status}"


def _not_yet(readiness: Readiness) -> str:
    match readiness.look:
        case Look.GRPC:
            return f'it listens, and its health service does not say SERVING of "{readiness.service}"'
        case Look.HTTP:
            return f"it listens, and {readiness.path} does not answer with a status from 200 to 399"
        case _:
            return "it listens, and does not accept a connection in time"


def _since(at: int) -> float:
    """Return the seconds since an instant of the wall clock."""
    return (time.time_ns() - at) / 1e9
