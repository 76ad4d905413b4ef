"""The platform of a cluster: the Deployments, Jobs and Services of a run, and what happens to them."""

import asyncio
import getpass
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

import httpx2
from lightkube import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod, Secret, Service
from lightkube.types import CascadeType, PatchType

from lbstudy.platform.authority import RunAuthority
from lbstudy.platform.interface import (
    Change,
    ChangeKind,
    ClientSpec,
    Fault,
    Manner,
    PlatformError,
    RolloutLimits,
    ServerSpec,
    Tls,
)
from lbstudy.platform.kubernetes import encryption, lease, names, objects, outside
from lbstudy.platform.kubernetes.api import Cluster, api_errors, create, persistently, status_of, typed
from lbstudy.platform.kubernetes.checks import apply
from lbstudy.platform.kubernetes.control_planes import ControlPlanes
from lbstudy.platform.kubernetes.faults import KubernetesInjector, Means
from lbstudy.platform.kubernetes.forward import PortForward
from lbstudy.platform.kubernetes.gates import ReadyGates
from lbstudy.platform.kubernetes.names import Object, Owner
from lbstudy.platform.kubernetes.observer import program
from lbstudy.platform.kubernetes.pods import KnownPod
from lbstudy.platform.kubernetes.replacement import evict, recreate, restart
from lbstudy.platform.kubernetes.sources import Applied, Named, ObjectSource
from lbstudy.platform.kubernetes.starts import Starts
from lbstudy.platform.kubernetes.templates import container_name
from lbstudy.platform.kubernetes.watching import Watching
from lbstudy.platform.kubernetes.workloads import Workloads
from lbstudy.platform.programs import CONTROL_PORT

_OBSERVED_WITHIN: Final = 180.0  # s for the observer to start
_ENDED_WITHIN: Final = 120.0  # s for the servers to drain at the end
_ENDED_EACH: Final = 1.0  # s more for each server, because a node ends only a few at a time
_CLIENT_WITHIN: Final = 120.0  # s for a client to end after its last answer was due
_POD_WITHIN: Final = 15.0  # s from a Job's end until its pod's end is reported
_READ_WITHIN: Final = 5.0  # s for the logs of pods after a run has failed
_LEAVING: Final = frozenset({ChangeKind.TERMINATING, ChangeKind.EXITED})


class KubernetesPlatform:
    """``lbstudy.platform.interface.Platform`` in a namespace of a cluster.

    Args:
        cluster: the cluster; whoever made it closes it after this.
        run_dir: the folder for logs/<pod>.out; made if it does not exist.
        run_id: the run, the label of all its objects.
        services: the names of the Deployments of servers that will be created.
        tell: called with a line about what was found or done besides.
        seed: the run's seed, for random faults.
        pushed: the services that have a control plane.
        workloads: for services that are studied by name, what they are copied from; other services are the
            applied greeter, called by the applied client.
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
        workloads: Mapping[str, Workloads] = MappingProxyType({}),
    ) -> None:
        self._cluster = cluster
        self._logs_dir = run_dir.absolute() / "logs"
        self._run_id = run_id
        self._services = tuple(services)
        self._tell = tell
        self._seed = seed
        self._workloads = dict(workloads)
        self._sources: dict[str, ObjectSource] = {}  # by the servers' Deployment
        self._clients: dict[str, ObjectSource] = {}  # by the name of the clients' Deployment
        self._observer_template: Object = {}
        self._owner: Owner | None = None
        self._authority: RunAuthority | None = None  # of encrypted connections
        self._made: dict[str, Object] = {}  # Deployments, as they were created
        self._injector: KubernetesInjector | None = None
        self._closed: asyncio.Task[None] | None = None
        self._held: set[str] = set()  # Deployments whose pods wait for permission to start
        self._is_hurried = asyncio.Event()
        self._load_ends: dict[str, float] = {}  # client → when its load ends, s since the Unix epoch
        self._due: dict[str, float] = {}  # client → when it must have ended, s since the Unix epoch
        self.seen = Watching(
            cluster,
            run_id,
            self._services,
            self._logs_dir,
            self._container,
            self._on_change,
            tell,
            lambda name: name in self._held,
            by_name=bool(workloads),
        )
        self._control_planes = ControlPlanes(cluster, pushed, self.seen)
        self._gated: set[str] = set()  # Deployments whose pods have the run's readiness gate
        self._gates = ReadyGates(cluster, self.seen.work)
        self._starts = Starts(
            cluster, self.seen.fault, self.seen.work, self._gates, lambda name: name in self._gated
        )

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
            await self.abandon()
            raise

    async def create_servers(self, spec: ServerSpec) -> None:
        """Create a Deployment and its Service; raises PlatformError."""
        owner = self._check_running()
        source = self._sources[spec.name]
        made = source.deployment(spec, owner)
        if spec.name in self._workloads:
            if spec.faults & outside.GATED:
                self._gated.add(spec.name)
        elif spec.held:
            self._held.add(spec.name)
        if spec.push is not None:
            await self._control_planes.create(spec, owner)
        with api_errors(f"creating {spec.name}"):
            await self._certify(
                spec.name, spec.tls, encryption.server_names(spec.name, self._cluster.namespace)
            )
            await create(self._cluster, typed(Service, source.service(spec, owner)))
            work = create(self._cluster, typed(Deployment, made))
            await self._command(spec.name, work, ChangeKind.SCALE, str(spec.replicas))
        self._made[spec.name] = made

    async def scale(self, deployment: str, replicas: int) -> None:
        """Set the number of servers; raises PlatformError."""
        self._check_made(deployment)
        with api_errors(f"scaling {deployment}"):
            await self._command(
                deployment, self._scale(deployment, replicas), ChangeKind.SCALE, str(replicas)
            )
        self._made[deployment]["spec"]["replicas"] = replicas

    async def replace(self, deployment: str, manner: Manner, limits: RolloutLimits | None = None) -> None:
        """Replace every pod of a Deployment by a new one; raises PlatformError.

        The Deployment's own strategy applies: a run with other limits was refused before it began.
        """
        assert limits is None, "refused before the run"
        self._check_made(deployment)
        match manner:
            case Manner.ROLLING_UPDATE:
                work = restart(self._cluster, deployment, self._run_id)
            case Manner.RECREATE:
                work = recreate(self._cluster, self._made[deployment])
            case Manner.EVICT:
                # Pods that are terminating are not evicted again.
                present = [pod for pod in self.seen.pods.of(deployment) if not pod.told & _LEAVING]
                work = evict(self._cluster, [pod.name for pod in present])
        with api_errors(f"{deployment}: {manner}"):
            await self._command(deployment, work, ChangeKind.REPLACE, str(manner))

    async def inject(self, deployment: str, fault: Fault) -> None:
        """Begin a fault; raises PlatformError if that is impossible."""
        self._check_made(deployment)
        assert self._injector is not None
        await self._injector.inject(deployment, self.seen.pods.of(deployment), fault)

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault; one without an end (a crash) is over already. Raises PlatformError."""
        self._check_made(deployment)
        assert self._injector is not None
        await self._injector.lift(deployment, fault)

    @asynccontextmanager
    async def control(self, pod: str) -> AsyncIterator[str]:
        """Yield the address of a server pod's control service, by port-forward."""

        async def choose() -> str:
            return pod

        forward = PortForward(self._cluster, CONTROL_PORT, choose)
        try:
            yield await forward.start()
        finally:
            await forward.aclose()

    async def start_client(self, spec: ClientSpec) -> None:
        """Start a client pod; raises PlatformError."""
        self._check_made(spec.server)
        is_pushed = self._control_planes.push(spec.server)
        if is_pushed:
            await self._control_planes.ready(spec.server)
        source = self._clients[spec.name] = self._sources[spec.server]
        made = source.job(spec, self._check_running(), is_pushed=is_pushed)
        with api_errors(f"creating {spec.name}"):
            await self._certify(spec.name, spec.tls)
            await create(self._cluster, typed(Job, made))
        self._due[spec.name] = spec.start_at + spec.duration + spec.timeout + _CLIENT_WITHIN
        self._load_ends[spec.name] = spec.start_at + spec.duration

    async def _certify(self, workload: str, tls: Tls | None, dns_names: Sequence[str] = ()) -> None:
        """Create the Secret with the certificate of a workload whose connections are encrypted."""
        if tls is None:
            return
        if self._authority is None:
            self._authority = RunAuthority()
        signed = self._authority.sign(workload, tls, dns_names)
        await create(self._cluster, typed(Secret, encryption.secret(workload, signed, self._check_running())))

    async def wait_client(self, name: str) -> int:
        """Wait for the client's end, and for all of its log; returns its exit status.

        Raises PlatformError if it does not end in time, or its exit status is unknown.
        """
        await self.seen.until(
            lambda: (
                any(ChangeKind.STARTED in pod.told for pod in self.seen.pods.of(name))
                or self._job(name) is not None
            ),
            lambda: f"{name} to start",
            max(self._due[name] - self.seen.now(), 0.0),
        )
        self.seen.is_starting = False
        if (grace := self._clients[name].client_grace) is not None and await self._end_client(name, grace):
            return 0
        with suppress(TimeoutError):  # before its last answer is due there is nothing to report
            async with asyncio.timeout(max(self._due[name] - _CLIENT_WITHIN - self.seen.now(), 0.0)):
                await self.seen.until(lambda: self._has_ended(name))
        await self.seen.until(
            lambda: self._has_ended(name),
            lambda: f"{name} to end, after its last answer was due",
            max(self._due[name] - self.seen.now(), 0.0),
        )
        if self._ended(name) is None:
            # The Job has ended, and so has its pod, even if the watch of pods has not reported that.
            with suppress(PlatformError):
                await self.seen.until(
                    lambda: self._ended(name) is not None, lambda: f"the end of {name}'s pod", _POD_WITHIN
                )
        pod, job = self._ended(name), self._job(name)
        if pod is None:
            job_status = f"; its Job says: {job}" if job else ""
            raise PlatformError(f"the client {name} ended, and its exit status is unknown{job_status}")
        await self.seen.logged(pod)
        if not pod.exit_status:
            raise PlatformError(f"the client {name} was deleted before it had ended")
        return int(pod.exit_status)

    async def _end_client(self, name: str, grace: int) -> bool:
        """End a client that would run on after the load; returns False if it had ended by itself."""
        with suppress(PlatformError):  # it is running, as it should be
            await self.seen.until(
                lambda: self._has_ended(name), within=max(self._load_ends[name] - self.seen.now(), 0.0)
            )
        self._check_running()
        if self._has_ended(name):
            return False
        with api_errors(f"ending {name}"):
            await persistently(
                lambda: self._cluster.objects.delete(Job, name, cascade=CascadeType.FOREGROUND)
            )
        await self.seen.until(
            lambda: self._ended(name) is not None,
            lambda: f"{name} to end, as it was told to",
            grace + _CLIENT_WITHIN,
        )
        if (pod := self._ended(name)) is not None:
            await self.seen.logged(pod)
        return True

    def _has_ended(self, name: str) -> bool:
        return self._ended(name) is not None or self._job(name) is not None

    def _ended(self, name: str) -> KnownPod | None:
        return next((pod for pod in self.seen.pods.of(name) if pod.ended), None)

    def _job(self, name: str) -> str | None:
        """Return what a Job's status says about its end; None while it has not ended."""
        job = self.seen.jobs.get(name)
        for condition in () if job is None else job.status.conditions or ():
            if condition.status == "True" and condition.type in {"Complete", "Failed"}:
                return " ".join(filter(None, (condition.type, condition.reason, condition.message)))
        return None

    async def obstacle(self, deployment: str) -> str:  # noqa: ARG002 - the interface's
        """Return "": here, the cluster's events give the reason."""
        return ""

    def changes(self) -> AsyncIterator[Change]:
        """Yield every change since ``start``; raises PlatformError at its end if watching has failed."""
        return self.seen.changes.follow()

    async def logs(self, pod: str) -> Path:
        """Return the file with what the pod has written; raises PlatformError for an unknown pod."""
        if self.seen.pods.named(pod) is None:
            raise PlatformError(f"{pod}: no such pod")
        return self.seen.log_file(pod)

    def pods(self, deployment: str) -> list[str]:
        """Return every pod that the Deployment, or client of that name, ever had, in order of creation."""
        return [pod.name for pod in self.seen.pods.of(deployment)]

    async def aclose(self) -> None:
        """Drain the servers, then delete everything that the run made."""
        if self._closed is None:
            self._closed = asyncio.create_task(self._close())
        # If this is cancelled (Ctrl-C), closing must still be completed.
        await asyncio.shield(self._closed)

    async def abandon(self, *, read: bool = True) -> None:
        """Delete everything that the run made at once, without an orderly end: the run is lost anyway.

        Args:
            read: whether to read what pods have written so far, as far as possible in some seconds.
        """
        before = self._closed
        if before is not None and before.done():
            return
        if before is not None:
            before.cancel()
            await asyncio.wait({before})
        self._closed = asyncio.create_task(self._abandon(read=read))
        await asyncio.shield(self._closed)

    def hurry(self) -> None:
        """Stop waiting until deleted objects are gone: the cluster deletes them in any case."""
        self._is_hurried.set()

    # --- the beginning ----------------------------------------------------------------------------

    async def _start(self) -> None:
        self._observer_template = await self._template(names.CLIENT_TEMPLATE)
        await self._find_sources()
        if any(map(self._control_planes.push, self._services)):
            self._control_planes.template = await self._template(names.PUSH_TEMPLATE, "k8s/overlays/push")
        means = Means(self._container, self._workloads.keys(), self._gates)
        self._injector = KubernetesInjector(self._cluster, means, self._seed, self.seen.fault, self._starts)
        self._owner = await lease.acquire(self._cluster, self._run_id, _holder(), self._tell)
        self.seen.start()
        asked = [name for name in self._services if not self._control_planes.push(name)]
        observer = objects.observer(self._observer_template, program(), asked, self._owner)
        with api_errors("creating the observer"):
            await create(self._cluster, typed(Pod, observer))
        await self.seen.until(
            lambda: self._observer() is not None,
            lambda: f"the pod {names.OBSERVER} to start",
            _OBSERVED_WITHIN,
        )
        running = self._observer()
        assert running is not None
        await self.seen.take_clock(running)

    async def _find_sources(self) -> None:
        """Find where each Deployment's pods come from. Raises PlatformError."""
        applied: ObjectSource | None = None
        for service in self._services:
            if service in self._workloads:
                self._sources[service] = Named(self._workloads[service], self._observer_template)
                continue
            if applied is None:
                applied = Applied(await self._template(names.SERVER_TEMPLATE), self._observer_template)
            self._sources[service] = applied
        for source in self._sources.values():
            _ = source.server_container  # if it is ambiguous, the run ends before it makes anything

    async def _template(self, name: str, folder: str = "k8s") -> Object:
        try:
            with api_errors(f"reading Deployment {name}"):
                applied = await persistently(lambda: self._cluster.objects.get(Deployment, name))
        except PlatformError as error:
            if isinstance(error.__cause__, ApiError) and status_of(error.__cause__) == httpx2.codes.NOT_FOUND:
                where = f"namespace {self._cluster.namespace}"
                advice = apply(self._cluster.namespace, folder)
                raise PlatformError(f"there is no Deployment {name} in {where}: {advice}") from error
            raise
        template: Object = applied.to_dict()
        return template

    def _observer(self) -> KnownPod | None:
        """Return the observer pod while it runs."""
        pods = self.seen.pods.of(names.OBSERVER)
        return next((pod for pod in pods if ChangeKind.STARTED in pod.told and not pod.ended), None)

    # --- during the run ---------------------------------------------------------------------------

    async def _command(self, deployment: str, work: Awaitable[object], kind: ChangeKind, detail: str) -> None:
        """Run a command, and note it when it was accepted."""
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
        elif pod.deployment in self._held or pod.deployment in self._gated:
            self._starts.on_created(pod)

    def _container(self, workload: str) -> str:
        if workload in self._sources:
            return self._sources[workload].server_container
        if workload in self._control_planes:
            return self._control_planes.container
        if workload == names.OBSERVER:
            return container_name(self._observer_template, "client")
        return self._clients[workload].client_container

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
            if self._owner is not None:
                await lease.release(self._cluster, self._tell)
        finally:
            task = asyncio.current_task()
            if task is None or not task.cancelling():  # otherwise the run is abandoned
                await self.seen.stop()

    async def _abandon(self, *, read: bool) -> None:
        """Make the cluster delete everything first, so that this is done whatever happens to this program."""
        try:
            if self._owner is None:
                return
            if read:
                present = [pod for pod in self.seen.pods.present() if pod.deployment != names.OBSERVER]
                await self.seen.logs.read_those_present(present, _READ_WITHIN)
            self._tell("removing what the run made")
            await lease.remove(self._cluster)
            waits = {
                asyncio.create_task(lease.gone(self._cluster, self._tell)),
                asyncio.create_task(self._hurried()),
            }
            done, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            for task in done:
                task.result()
        finally:
            await self.seen.stop(0.0)

    async def _hurried(self) -> None:
        await self._is_hurried.wait()
        self._tell("not waiting any longer: the cluster goes on removing what the run made")

    async def _end_pods(self) -> None:
        """End clients, then servers, then control planes; what does not end is deleted with the Lease."""
        within = _ENDED_WITHIN + _ENDED_EACH * len(self.seen.pods.present())
        try:
            async with asyncio.timeout(within):
                if (observer := self._observer()) is not None:
                    await self.seen.take_drift(observer)
                for name in self._running(self._is_client):
                    await self._cluster.objects.delete(Job, name, cascade=CascadeType.FOREGROUND)
                await self._until_ended(self._is_client)
                if self._injector is not None:
                    await self._injector.resume()
                await asyncio.gather(*(self._scale(name, 0) for name in self._made))
                await self._until_ended(lambda workload: workload in self._made)
                await self._control_planes.end()
        except TimeoutError:
            left = self._left(lambda workload: workload != names.OBSERVER)
            self._tell(f"{left} have not ended within {within:.0f} s, and are deleted")
        except (PlatformError, httpx2.HTTPError):
            return

    async def _until_ended(self, concerns: Callable[[str], bool]) -> None:
        await self.seen.until(lambda: not self._running(concerns), lambda: f"{self._left(concerns)} to end")

    def _left(self, concerns: Callable[[str], bool]) -> str:
        """Return how many pods have not ended, such as "12 pods of greeter-stock"."""
        pods = [pod for pod in self.seen.pods.present() if concerns(pod.deployment)]
        whose = ", ".join(sorted({pod.deployment for pod in pods}))
        return f"{len(pods)} pod{'' if len(pods) == 1 else 's'} of {whose}"

    def _is_client(self, workload: str) -> bool:
        others = (names.OBSERVER, *self._made)
        return workload not in others and workload not in self._control_planes

    def _running(self, concerns: Callable[[str], bool]) -> set[str]:
        """Return the workloads that have a pod which has not ended."""
        return {pod.deployment for pod in self.seen.pods.present() if concerns(pod.deployment)}


def _holder() -> str:
    """Return who runs this, for people; a user in a container may have no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
