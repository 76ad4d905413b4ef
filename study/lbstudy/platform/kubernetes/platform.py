"""The platform of a cluster: Deployments, Jobs and Services of the run, and what the API tells of them."""

import asyncio
import getpass
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx2
from lightkube import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod, Service
from lightkube.types import CascadeType, PatchType

from lbstudy.platform.changes import ChangeLog
from lbstudy.platform.interface import (
    Change,
    ChangeKind,
    ClientSpec,
    Fault,
    Manner,
    PlatformError,
    ServerSpec,
)
from lbstudy.platform.kubernetes import lease, names, objects, wire
from lbstudy.platform.kubernetes.api import Cluster, api_errors, typed
from lbstudy.platform.kubernetes.clock import Offset, bound, local_offset, spread
from lbstudy.platform.kubernetes.clocks import measure
from lbstudy.platform.kubernetes.delivery import Delivery
from lbstudy.platform.kubernetes.faults import Injector
from lbstudy.platform.kubernetes.logs import PodLog
from lbstudy.platform.kubernetes.objects import Object, Owner
from lbstudy.platform.kubernetes.observer import program, read_answer
from lbstudy.platform.kubernetes.pods import KnownPod, Pods, Receipt
from lbstudy.platform.kubernetes.replacement import evict, recreate, restart
from lbstudy.platform.kubernetes.watch import Seen, Watch

_NANO: Final = 1_000_000_000
_OBSERVED_WITHIN: Final = 120.0  # s, for the observer to run
_LEAVING: Final = frozenset({ChangeKind.TERMINATING, ChangeKind.EXITED})
_NOT_WATCHED: Final = frozenset(
    {ChangeKind.PUBLISHED, ChangeKind.UNPUBLISHED, ChangeKind.FAULT, ChangeKind.LIFTED}
)
"""What no watch tells: DNS, by the observer, and what this platform does itself."""
_ENDED_WITHIN: Final = 90.0  # s, for the servers to drain at the end


class KubernetesPlatform:
    """``lbstudy.platform.interface.Platform`` in a namespace of a cluster.

    Args:
        cluster: where; whoever made it closes it, after this.
        run_dir: where logs/<pod>.out are written; made when it is not there.
        run_id: the run, the label of all its objects.
        services: the names of the Deployments of servers that there will be.
        tell: is told in a line what was found and done besides.
        seed: of the run: what is random in a fault is drawn from it.
    """

    def __init__(
        self,
        cluster: Cluster,
        run_dir: Path,
        run_id: str,
        services: Sequence[str],
        tell: Callable[[str], None] = lambda _: None,
        seed: int = 0,
    ) -> None:
        self._cluster = cluster
        self._logs_dir = run_dir.absolute() / "logs"
        self._run_id = run_id
        self._services = tuple(services)
        self._tell = tell
        self._changes = ChangeLog()
        self._pods = Pods(lambda name: name in self._services)
        self._logs: dict[str, tuple[PodLog, asyncio.Task[None]]] = {}  # by the pod's uid
        self._news = asyncio.Condition()
        self._server_template: Object = {}
        self._client_template: Object = {}
        self._owner: Owner | None = None
        self._made: dict[str, Object] = {}  # Deployments, as they were created
        self._seed = seed
        self._injector: Injector | None = None
        self._offset: Offset = local_offset()
        self._offsets: dict[str, Offset] = {}  # by node
        self._clock_error = 0.0
        self._delivery = Delivery()
        self._measuring: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: PlatformError | None = None
        self._closed: asyncio.Task[None] | None = None

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
        with api_errors(f"creating {spec.name}"):
            await self._cluster.objects.create(typed(Service, objects.service(spec, owner)))
            await self._command(
                spec.name,
                self._cluster.objects.create(typed(Deployment, made)),
                ChangeKind.SCALE,
                str(spec.replicas),
            )
        self._made[spec.name] = made

    async def scale(self, deployment: str, replicas: int) -> None:
        """Have so many servers; raises PlatformError when that can't be."""
        self._check_running()
        self._check_made(deployment)
        patch = {"spec": {"replicas": replicas}}
        with api_errors(f"scaling {deployment}"):
            await self._command(
                deployment,
                self._cluster.objects.patch(Deployment, deployment, patch, patch_type=PatchType.MERGE),
                ChangeKind.SCALE,
                str(replicas),
            )
        self._made[deployment]["spec"]["replicas"] = replicas

    async def replace(self, deployment: str, manner: Manner) -> None:
        """Replace every pod of a Deployment by a new one; raises PlatformError."""
        self._check_running()
        self._check_made(deployment)
        match manner:
            case Manner.ROLLING_UPDATE:
                work = restart(self._cluster, deployment, self._run_id)
            case Manner.RECREATE:
                work = recreate(self._cluster, self._made[deployment])
            case Manner.EVICT:
                # Those that go already are not evicted once more.
                present = [pod for pod in self._pods.of(deployment) if not pod.told & _LEAVING]
                work = evict(self._cluster, [pod.name for pod in present])
        with api_errors(f"{deployment}: {manner}"):
            await self._command(deployment, work, ChangeKind.REPLACE, str(manner))

    async def inject(self, deployment: str, fault: Fault) -> None:
        """Begin a fault; raises PlatformError when it cannot be."""
        self._check_running()
        self._check_made(deployment)
        assert self._injector is not None
        await self._injector.inject(deployment, self._pods.of(deployment), fault)

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault; one that cannot be ended (a crash) is over by itself. Raises PlatformError."""
        self._check_running()
        self._check_made(deployment)
        assert self._injector is not None
        await self._injector.lift(deployment, fault)

    async def start_client(self, spec: ClientSpec) -> None:
        """Start a client pod; raises PlatformError."""
        owner = self._check_running()
        self._check_made(spec.server)
        with api_errors(f"creating {spec.name}"):
            await self._cluster.objects.create(typed(Job, objects.job(self._client_template, spec, owner)))

    async def wait_client(self, name: str) -> int:
        """Wait for the client's end, and for all of its log; returns its exit status."""
        async with self._news:
            await self._news.wait_for(
                lambda: self._failure is not None or any(pod.ended for pod in self._pods.of(name))
            )
        if self._failure is not None:
            raise self._failure
        pod = next(pod for pod in self._pods.of(name) if pod.ended)
        await self._logged(pod)
        if not pod.exit_status:
            raise PlatformError(f"the client {name} was deleted before it had ended")
        return int(pod.exit_status)

    def changes(self) -> AsyncIterator[Change]:
        """Every change since ``start``; raises PlatformError at its end when the watching has failed."""
        return self._changes.follow()

    async def logs(self, pod: str) -> Path:
        """The file with what the pod has written; raises PlatformError for an unknown pod."""
        if self._pods.named(pod) is None:
            raise PlatformError(f"{pod}: no such pod")
        return self._log_file(pod)

    def pods(self, deployment: str) -> list[str]:
        """Every pod that the Deployment, or the client of that name, ever had, in order of creation."""
        return [pod.name for pod in self._pods.of(deployment)]

    async def aclose(self) -> None:
        """Servers drain, then everything that the run made is deleted."""
        if self._closed is None:
            self._closed = asyncio.create_task(self._close())
        # Being cancelled (Ctrl-C) while closing must not leave the closing half done.
        await asyncio.shield(self._closed)

    # --- beyond the interface ---------------------------------------------------------------------

    def now(self) -> float:
        """The time by the pods' clock, s since the Unix epoch."""
        return self._offset.wall(time.monotonic_ns()) / _NANO

    def final(self, change: Change) -> Change:
        """A change with the bound that is known at the end.

        Added are the clocks' drift, what other nodes' clocks differ, and, for what a watch told, the longest
        delay with which one told of a change of this program's own.
        """
        error = change.error + self._clock_error
        if change.pod is not None and change.kind not in _NOT_WATCHED:
            error += self._delivery.largest
        return replace(change, error=error)

    @property
    def delivery(self) -> str:
        """How late the watches told, for people."""
        delays = sorted(self._delivery.delays)
        if not delays:
            return "not measured"
        median, largest = delays[len(delays) // 2], delays[-1]
        return f"median {median * 1000:.0f} ms, at most {largest * 1000:.0f} ms ({len(delays)} changes)"

    @property
    def clock(self) -> str:
        """The offset of the pods' clock and its bound, for people."""
        ahead = (self._offset.ns - local_offset().ns) / _NANO
        nodes = f", {len(self._offsets)} nodes" if len(self._offsets) > 1 else ""
        return f"{ahead * 1000:+.1f} ms from this machine's, ± {self._offset.bound * 1000:.1f} ms{nodes}"

    # --- the beginning ----------------------------------------------------------------------------

    async def _start(self) -> None:
        self._server_template = await self._template(names.SERVER_TEMPLATE)
        self._client_template = await self._template(names.CLIENT_TEMPLATE)
        container = objects.container_name(self._server_template, "server")
        self._injector = Injector(self._cluster, container, self._seed, self._fault)
        holder = f"{getpass.getuser()}@{socket.gethostname()}"
        self._owner = await lease.acquire(self._cluster, self._run_id, holder, self._tell)
        selector = f"{names.RUN}={self._run_id}"
        pods = Watch(self._cluster, ("api/v1", "pods"), wire.Pod, selector, self._saw_pods)
        slices = Watch(
            self._cluster,
            ("apis/discovery.k8s.io/v1", "endpointslices"),
            wire.EndpointSlice,
            selector,
            self._saw_slices,
        )
        leases = Watch(
            self._cluster, ("apis/coordination.k8s.io/v1", "leases"), wire.Lease, selector, self._saw_leases
        )
        self._tasks = [
            asyncio.create_task(lease.renew(self._cluster, self._renewing)),
            asyncio.create_task(self._guard(leases.run())),
            asyncio.create_task(self._guard(pods.run())),
            asyncio.create_task(self._guard(slices.run())),
        ]
        observer = objects.observer(self._client_template, program(), self._services, self._owner)
        with api_errors("creating the observer"):
            await self._cluster.objects.create(typed(Pod, observer))
        await self._observe()

    async def _template(self, name: str) -> Object:
        try:
            with api_errors(f"reading Deployment {name}"):
                found = await self._cluster.objects.get(Deployment, name)
        except PlatformError as error:
            cause = error.__cause__
            if isinstance(cause, ApiError) and cause.status.code == httpx2.codes.NOT_FOUND:
                where = f"namespace {self._cluster.namespace}"
                raise PlatformError(
                    f"there is no Deployment {name} in {where}: kubectl apply -k k8s"
                ) from error
            raise
        template: Object = found.to_dict()
        return template

    async def _observe(self) -> None:
        """Wait until the observer runs, and take its clock for that of the run."""
        try:
            async with asyncio.timeout(_OBSERVED_WITHIN), self._news:
                await self._news.wait_for(lambda: self._failure is not None or self._observer_runs())
        except TimeoutError:
            raise PlatformError(
                f"the pod {names.OBSERVER} did not start within {_OBSERVED_WITHIN:.0f} s;"
                f" look at kubectl -n {self._cluster.namespace} describe pod {names.OBSERVER}"
            ) from None
        if self._failure is not None:
            raise self._failure
        node = self._pods.of(names.OBSERVER)[-1].node
        self._offset = await measure(self._cluster, names.OBSERVER, self._container(names.OBSERVER))
        self._offsets[node] = self._offset

    def _observer_runs(self) -> bool:
        return any(ChangeKind.STARTED in pod.told for pod in self._pods.of(names.OBSERVER))

    # --- what is seen -----------------------------------------------------------------------------

    def _saw_pods(self, seen: Seen[wire.Pod]) -> None:
        receipt = self._receipt(seen)
        self._add(self._pods.see_pods(seen.changed, seen.deleted, receipt, complete=seen.complete))

    def _saw_slices(self, seen: Seen[wire.EndpointSlice]) -> None:
        receipt = self._receipt(seen)
        self._add(self._pods.see_slices(seen.changed, seen.deleted, receipt, complete=seen.complete))

    def _renewing(self, renewal: str) -> None:
        self._delivery.sent(renewal, time.monotonic_ns())

    def _saw_leases(self, seen: Seen[wire.Lease]) -> None:
        for one in seen.changed:
            self._delivery.told(one.spec.renew_time, seen.at)

    def _saw_line(self, line: str) -> None:
        answer = read_answer(line)
        if answer is not None:
            self._add(self._pods.see_answer(answer.name, answer.addresses, answer.receipt))

    def _receipt(self, seen: Seen[Any]) -> Receipt:
        return Receipt(self._offset.wall(seen.at), (seen.at - seen.since) / _NANO + self._offset.bound)

    def _add(self, changes: Sequence[Change]) -> None:
        for change in changes:
            pod = None if change.pod is None else self._pods.named(change.pod)
            if pod is not None:
                self._follow(pod, change.kind)
            if change.deployment != names.OBSERVER:
                self._changes.add(change)
        if changes:
            self._wake()

    def _follow(self, pod: KnownPod, kind: ChangeKind) -> None:
        """A pod that has started is listened to, and its node's clock measured, once."""
        if kind is ChangeKind.STARTED:
            on_line = self._saw_line if pod.deployment == names.OBSERVER else None
            container = self._container(pod.deployment)
            log = PodLog(self._cluster, pod.name, container, self._log_file(pod.name), on_line)
            self._logs[pod.uid] = (log, asyncio.create_task(log.follow()))
            if pod.node not in self._offsets and self._offsets:
                self._offsets[pod.node] = self._offset
                task = asyncio.create_task(self._measure(pod))
                self._measuring.add(task)
                task.add_done_callback(self._measuring.discard)
        elif kind is ChangeKind.EXITED:
            if pod.uid in self._logs:
                self._logs[pod.uid][0].ended.set()
            if self._injector is not None:
                self._injector.on_exited(pod)

    async def _measure(self, pod: KnownPod) -> None:
        with suppress(PlatformError):  # another pod of the node may have more luck at the end
            self._offsets[pod.node] = await measure(self._cluster, pod.name, self._container(pod.deployment))

    async def _command(self, deployment: str, work: Awaitable[object], kind: ChangeKind, detail: str) -> None:
        """Do what was commanded, and write down when: it was accepted between question and answer."""
        begun = time.monotonic_ns()
        await work
        error = (time.monotonic_ns() - begun) / _NANO + self._offset.bound
        self._changes.add(Change(self._offset.wall(begun), error, kind, deployment, detail=detail))

    def _fault(self, kind: ChangeKind, pod: KnownPod, begun: int, label: str) -> None:
        now = time.monotonic_ns()
        error = (now - begun) / _NANO + self._offset.bound
        at = self._offset.wall(now)
        self._changes.add(Change(at, error, kind, pod.deployment, pod.name, pod.address, label))

    def _container(self, workload: str) -> str:
        if workload in self._services:
            return objects.container_name(self._server_template, "server")
        return objects.container_name(self._client_template, "client")

    def _log_file(self, pod: str) -> Path:
        return self._logs_dir / f"{pod}.out"

    def _wake(self) -> None:
        async def notify() -> None:
            async with self._news:
                self._news.notify_all()

        task = asyncio.ensure_future(notify())
        self._measuring.add(task)
        task.add_done_callback(self._measuring.discard)

    # --- checks -----------------------------------------------------------------------------------

    def _check_running(self) -> Owner:
        if self._failure is not None:
            raise self._failure
        if self._owner is None or self._closed is not None:
            raise PlatformError("the platform is not running")
        return self._owner

    def _check_made(self, deployment: str) -> None:
        if deployment not in self._made:
            raise PlatformError(f"{deployment}: no such deployment")

    # --- the end ----------------------------------------------------------------------------------

    async def _guard(self, work: Awaitable[None]) -> None:
        """Do the work; when it fails, so does the platform."""
        try:
            await work
        except PlatformError as error:
            if self._closed is None:
                self._failure = error
                self._changes.close(error)
                self._wake()

    async def _close(self) -> None:
        try:
            if self._owner is not None and self._failure is None:
                await self._end_pods()
        finally:
            try:
                if self._owner is not None:
                    await lease.release(self._cluster)
                    await self._read_rest()
            finally:
                for task in (*self._tasks, *self._measuring, *(task for _, task in self._logs.values())):
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                self._changes.close()

    async def _end_pods(self) -> None:
        """Clients end, then servers drain; what does not end in time is deleted with the Lease."""
        try:
            async with asyncio.timeout(_ENDED_WITHIN):
                await self._measure_again()
                await self._end_clients()
                if self._injector is not None:
                    await self._injector.resume()
                for name in self._made:
                    patch = {"spec": {"replicas": 0}}
                    await self._cluster.objects.patch(Deployment, name, patch, patch_type=PatchType.MERGE)
                async with self._news:
                    await self._news.wait_for(
                        lambda: not [pod for pod in self._pods.present() if pod.deployment in self._made]
                    )
        except (TimeoutError, PlatformError, httpx2.HTTPError):
            return  # the Lease's end ends them

    async def _end_clients(self) -> None:
        running = {
            pod.deployment
            for pod in self._pods.present()
            if pod.deployment not in self._made and pod.deployment != names.OBSERVER
        }
        for name in running:
            await self._cluster.objects.delete(Job, name, cascade=CascadeType.FOREGROUND)
        async with self._news:
            await self._news.wait_for(
                lambda: not [p for p in self._pods.present() if p.deployment in running]
            )

    async def _measure_again(self) -> None:
        """Measure the clocks once more: what they drifted is part of every instant's error."""
        node = next((node for node, one in self._offsets.items() if one is self._offset), None)
        if node is None:
            return
        again = await measure(self._cluster, names.OBSERVER, self._container(names.OBSERVER))
        drift = bound(self._offset, again) - self._offset.bound
        self._clock_error = drift + spread(self._offsets, node)

    async def _logged(self, pod: KnownPod) -> None:
        if pod.uid in self._logs:
            await self._logs[pod.uid][1]

    async def _read_rest(self) -> None:
        """Wait for the logs of pods that are gone; those of others were not started."""
        ended = [task for log, task in self._logs.values() if log.ended.is_set()]
        if ended:
            await asyncio.wait(ended, timeout=_ENDED_WITHIN)
