"""The platform of a cluster: Deployments, Jobs and Services of the run, and what becomes of them."""

import asyncio
import getpass
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import httpx2
from lightkube import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod, Service
from lightkube.types import CascadeType, PatchType

from lbstudy.platform.interface import (
    Change,
    ChangeKind,
    ClientSpec,
    Fault,
    Manner,
    PlatformError,
    ServerSpec,
)
from lbstudy.platform.kubernetes import lease, names, objects
from lbstudy.platform.kubernetes.api import Cluster, api_errors, create, persistently, status_of, typed
from lbstudy.platform.kubernetes.control_planes import ControlPlanes
from lbstudy.platform.kubernetes.faults import Injector
from lbstudy.platform.kubernetes.observer import program
from lbstudy.platform.kubernetes.owner import Object, Owner
from lbstudy.platform.kubernetes.pods import KnownPod
from lbstudy.platform.kubernetes.replacement import evict, recreate, restart
from lbstudy.platform.kubernetes.starts import Starts
from lbstudy.platform.kubernetes.templates import container_name
from lbstudy.platform.kubernetes.watching import Watching

_OBSERVED_WITHIN: Final = 180.0  # s, for the observer to run
_ENDED_WITHIN: Final = 120.0  # s, for the servers to drain at the end
_LEAVING: Final = frozenset({ChangeKind.TERMINATING, ChangeKind.EXITED})


class KubernetesPlatform:
    """``lbstudy.platform.interface.Platform`` in a namespace of a cluster.

    Args:
        cluster: where; whoever made it closes it, after this.
        run_dir: where logs/<pod>.out are written; made when it is not there.
        run_id: the run, the label of all its objects.
        services: the names of the Deployments of servers that there will be.
        tell: is told in a line what was found and done besides.
        seed: of the run: what is random in a fault is drawn from it.
        pushed: those of the services that are to have a control plane.
    """

    def __init__(
        self,
        cluster: Cluster,
        run_dir: Path,
        run_id: str,
        services: Sequence[str],
        tell: Callable[[str], None] = lambda _: None,
        seed: int = 0,
        pushed: Collection[str] = (),
    ) -> None:
        self._cluster = cluster
        self._logs_dir = run_dir.absolute() / "logs"
        self._run_id = run_id
        self._services = tuple(services)
        self._tell = tell
        self._seed = seed
        self._server_template: Object = {}
        self._client_template: Object = {}
        self._owner: Owner | None = None
        self._made: dict[str, Object] = {}  # Deployments, as they were created
        self._injector: Injector | None = None
        self._closed: asyncio.Task[None] | None = None
        self.seen = Watching(
            cluster, run_id, self._services, self._logs_dir, self._container, self._on_change
        )
        self._control_planes = ControlPlanes(cluster, pushed, self.seen)
        self._starts = Starts(cluster, self.seen.fault, self.seen.work)
        self._held: set[str] = set()  # Deployments whose pods wait to be told how to start

    # --- the interface ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Take the namespace for this run, watch it, and start the observer; raises PlatformError."""
        try:
            self._logs_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlatformError(f"cannot write {self._logs_dir}: {(error.strerror or '').lower()}") from error
        try:
            await self._start()
        except BaseException:
            await self.aclose()
            raise

    async def create_servers(self, spec: ServerSpec) -> None:
        """Create a Deployment and its Service; raises PlatformError when it can't be."""
        owner = self._check_running()
        made = objects.deployment(self._server_template, spec, owner)
        if spec.held:
            self._held.add(spec.name)
        if spec.push is not None:
            await self._control_planes.create(spec, owner)
        with api_errors(f"creating {spec.name}"):
            await create(self._cluster, typed(Service, objects.service(spec, owner)))
            work = create(self._cluster, typed(Deployment, made))
            await self._command(spec.name, work, ChangeKind.SCALE, str(spec.replicas))
        self._made[spec.name] = made

    async def scale(self, deployment: str, replicas: int) -> None:
        """Have so many servers; raises PlatformError when that can't be."""
        self._check_made(deployment)
        with api_errors(f"scaling {deployment}"):
            await self._command(
                deployment, self._scale(deployment, replicas), ChangeKind.SCALE, str(replicas)
            )
        self._made[deployment]["spec"]["replicas"] = replicas

    async def replace(self, deployment: str, manner: Manner) -> None:
        """Replace every pod of a Deployment by a new one; raises PlatformError."""
        self._check_made(deployment)
        match manner:
            case Manner.ROLLING_UPDATE:
                work = restart(self._cluster, deployment, self._run_id)
            case Manner.RECREATE:
                work = recreate(self._cluster, self._made[deployment])
            case Manner.EVICT:
                # Those that go already are not evicted once more.
                present = [pod for pod in self.seen.pods.of(deployment) if not pod.told & _LEAVING]
                work = evict(self._cluster, [pod.name for pod in present])
        with api_errors(f"{deployment}: {manner}"):
            await self._command(deployment, work, ChangeKind.REPLACE, str(manner))

    async def inject(self, deployment: str, fault: Fault) -> None:
        """Begin a fault; raises PlatformError when it cannot be."""
        self._check_made(deployment)
        assert self._injector is not None
        await self._injector.inject(deployment, self.seen.pods.of(deployment), fault)

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault; one that cannot be ended (a crash) is over by itself. Raises PlatformError."""
        self._check_made(deployment)
        assert self._injector is not None
        await self._injector.lift(deployment, fault)

    async def start_client(self, spec: ClientSpec) -> None:
        """Start a client pod; raises PlatformError."""
        self._check_made(spec.server)
        is_pushed = self._control_planes.push(spec.server)
        if is_pushed:
            await self._control_planes.ready(spec.server)
        made = objects.job(self._client_template, spec, self._check_running(), is_pushed=is_pushed)
        with api_errors(f"creating {spec.name}"):
            await create(self._cluster, typed(Job, made))

    async def wait_client(self, name: str) -> int:
        """Wait for the client's end, and for all of its log; returns its exit status."""
        await self.seen.until(lambda: any(pod.ended for pod in self.seen.pods.of(name)))
        pod = next(pod for pod in self.seen.pods.of(name) if pod.ended)
        await self.seen.logged(pod)
        if not pod.exit_status:
            raise PlatformError(f"the client {name} was deleted before it had ended")
        return int(pod.exit_status)

    def changes(self) -> AsyncIterator[Change]:
        """Every change since ``start``; raises PlatformError at its end when the watching has failed."""
        return self.seen.changes.follow()

    async def logs(self, pod: str) -> Path:
        """The file with what the pod has written; raises PlatformError for an unknown pod."""
        if self.seen.pods.named(pod) is None:
            raise PlatformError(f"{pod}: no such pod")
        return self.seen.log_file(pod)

    def pods(self, deployment: str) -> list[str]:
        """Every pod that the Deployment, or the client of that name, ever had, in order of creation."""
        return [pod.name for pod in self.seen.pods.of(deployment)]

    async def aclose(self) -> None:
        """Servers drain, then everything that the run made is deleted."""
        if self._closed is None:
            self._closed = asyncio.create_task(self._close())
        # Being cancelled (Ctrl-C) while closing must not leave the closing half done.
        await asyncio.shield(self._closed)

    # --- the beginning ----------------------------------------------------------------------------

    async def _start(self) -> None:
        self._server_template = await self._template(names.SERVER_TEMPLATE)
        self._client_template = await self._template(names.CLIENT_TEMPLATE)
        if any(map(self._control_planes.push, self._services)):
            self._control_planes.template = await self._template(
                names.PUSH_TEMPLATE, "kubectl apply -k k8s/overlays/push"
            )
        container = container_name(self._server_template, "server")
        self._injector = Injector(self._cluster, container, self._seed, self.seen.fault, self._starts)
        self._owner = await lease.acquire(self._cluster, self._run_id, _holder(), self._tell)
        self.seen.start()
        asked = [name for name in self._services if not self._control_planes.push(name)]
        observer = objects.observer(self._client_template, program(), asked, self._owner)
        with api_errors("creating the observer"):
            await create(self._cluster, typed(Pod, observer))
        try:
            async with asyncio.timeout(_OBSERVED_WITHIN):
                await self.seen.until(lambda: self._observer() is not None)
        except TimeoutError:
            raise PlatformError(
                f"the pod {names.OBSERVER} did not start within {_OBSERVED_WITHIN:.0f} s;"
                f" look at kubectl -n {self._cluster.namespace} describe pod {names.OBSERVER}"
            ) from None
        running = self._observer()
        assert running is not None
        await self.seen.take_clock(running)

    async def _template(self, name: str, apply: str = "kubectl apply -k k8s") -> Object:
        try:
            with api_errors(f"reading Deployment {name}"):
                found = await persistently(lambda: self._cluster.objects.get(Deployment, name))
        except PlatformError as error:
            if isinstance(error.__cause__, ApiError) and status_of(error.__cause__) == httpx2.codes.NOT_FOUND:
                where = f"namespace {self._cluster.namespace}"
                raise PlatformError(f"there is no Deployment {name} in {where}: {apply}") from error
            raise
        template: Object = found.to_dict()
        return template

    def _observer(self) -> KnownPod | None:
        """The observer pod, while it runs."""
        pods = self.seen.pods.of(names.OBSERVER)
        return next((pod for pod in pods if ChangeKind.STARTED in pod.told and not pod.ended), None)

    # --- in between -------------------------------------------------------------------------------

    async def _command(self, deployment: str, work: Awaitable[object], kind: ChangeKind, detail: str) -> None:
        """Do what was commanded, and write it down when it was accepted."""
        begun = time.monotonic_ns()
        await work
        self.seen.command(deployment, kind, begun, detail)

    async def _scale(self, deployment: str, replicas: int) -> None:
        patch = {"spec": {"replicas": replicas}}
        await persistently(
            lambda: self._cluster.objects.patch(Deployment, deployment, patch, patch_type=PatchType.MERGE)
        )

    def _on_change(self, pod: KnownPod, kind: ChangeKind) -> None:
        if kind is ChangeKind.EXITED and self._injector is not None:
            self._injector.on_exited(pod)
        if kind is not ChangeKind.CREATED:
            self._starts.on_started(pod)
        elif pod.deployment in self._held:
            self._starts.on_created(pod)

    def _container(self, workload: str) -> str:
        if workload in self._services:
            return container_name(self._server_template, "server")
        if workload in self._control_planes:
            return self._control_planes.container
        return container_name(self._client_template, "client")

    def _check_running(self) -> Owner:
        if self.seen.failure is not None:
            raise self.seen.failure
        if self._owner is None or self._closed is not None:
            raise PlatformError("the platform is not running")
        return self._owner

    def _check_made(self, deployment: str) -> None:
        self._check_running()
        if deployment not in self._made:
            raise PlatformError(f"{deployment}: no such deployment")

    # --- the end ----------------------------------------------------------------------------------

    async def _close(self) -> None:
        try:
            if self._owner is not None and self.seen.failure is None:
                await self._end_pods()
        finally:
            try:
                if self._owner is not None:
                    await lease.release(self._cluster)
            finally:
                await self.seen.stop()

    async def _end_pods(self) -> None:
        """Clients end, then servers, then control planes; what does not in time is deleted with the Lease."""
        try:
            async with asyncio.timeout(_ENDED_WITHIN):
                if (observer := self._observer()) is not None:
                    await self.seen.take_drift(observer)
                for name in self._running(self._is_client):
                    await self._cluster.objects.delete(Job, name, cascade=CascadeType.FOREGROUND)
                await self.seen.until(lambda: not self._running(self._is_client))
                if self._injector is not None:
                    await self._injector.resume()
                await asyncio.gather(*(self._scale(name, 0) for name in self._made))
                await self.seen.until(lambda: not self._running(lambda one: one in self._made))
                await self._control_planes.end()
        except (TimeoutError, PlatformError, httpx2.HTTPError):
            return

    def _is_client(self, workload: str) -> bool:
        others = (names.OBSERVER, *self._made)
        return workload not in others and workload not in self._control_planes

    def _running(self, concerns: Callable[[str], bool]) -> set[str]:
        """The workloads that have a pod which has not ended."""
        return {pod.deployment for pod in self.seen.pods.present() if concerns(pod.deployment)}


def _holder() -> str:
    """Who runs this, for people: a user in a container may have no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
