"""All that is seen of a run's pods: watches, logs and DNS, as one stream of changes by one clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lbstudy.platform import push
from lbstudy.platform.changes import ChangeLog
from lbstudy.platform.interface import Change, ChangeKind, PlatformError
from lbstudy.platform.kubernetes import lease, names, wire
from lbstudy.platform.kubernetes.api import Cluster
from lbstudy.platform.kubernetes.clock import Offset, bound, local_offset, spread
from lbstudy.platform.kubernetes.clocks import measure
from lbstudy.platform.kubernetes.control_plane import read_told
from lbstudy.platform.kubernetes.delivery import Delivery
from lbstudy.platform.kubernetes.logs import PodLog
from lbstudy.platform.kubernetes.observer import Answer, read_answer
from lbstudy.platform.kubernetes.pods import KnownPod, Pods, Receipt
from lbstudy.platform.kubernetes.watch import Seen, Watch

_NANO: Final = 1_000_000_000
_PODS: Final = ("api/v1", "pods")
_SLICES: Final = ("apis/discovery.k8s.io/v1", "endpointslices")
_LEASES: Final = ("apis/coordination.k8s.io/v1", "leases")
_READ_WITHIN: Final = 60.0  # s, for the logs of pods that have ended
_NOT_WATCHED: Final = frozenset(
    {ChangeKind.PUBLISHED, ChangeKind.UNPUBLISHED, ChangeKind.FAULT, ChangeKind.LIFTED}
)
"""What no watch tells: DNS, by the observer, and what the platform does itself."""
_TOLD_ON: Final = frozenset({ChangeKind.CREATED, ChangeKind.READY, ChangeKind.EXITED})


class Watching:
    """Watches a run's pods from ``start`` to ``stop``.

    Args:
        cluster: where.
        run_id: the run; its label is on everything that is watched.
        services: the names of the Deployments of servers.
        logs_dir: where pods' logs go.
        container: the name of a workload's container.
        on_change: is told of each pod that was created, became Ready, or has ended.
    """

    def __init__(
        self,
        cluster: Cluster,
        run_id: str,
        services: Sequence[str],
        logs_dir: Path,
        container: Callable[[str], str],
        on_change: Callable[[KnownPod, ChangeKind], None],
    ) -> None:
        self._cluster = cluster
        self._selector = f"{names.RUN}={run_id}"
        self._services = tuple(services)
        self._logs_dir = logs_dir
        self._container = container
        self._on_change = on_change
        self.pods = Pods(lambda name: name in services)
        self.changes = ChangeLog()
        self.failure: PlatformError | None = None
        self._more = asyncio.Event()
        self._logs: dict[str, tuple[PodLog, asyncio.Task[None]]] = {}  # by the pod's uid
        self._offset: Offset = local_offset()
        self._offsets: dict[str, Offset] = {}  # by node
        self._drift = 0.0  # s
        self._delivery = Delivery()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    def start(self) -> None:
        """Watch, and renew the run's Lease: its renewals show how late the watches are."""
        pods = Watch(self._cluster, _PODS, wire.Pod, self._selector, self._saw_pods)
        slices = Watch(self._cluster, _SLICES, wire.EndpointSlice, self._selector, self._saw_slices)
        leases = Watch(self._cluster, _LEASES, wire.Lease, self._selector, self._saw_leases)
        self._begin(lease.renew(self._cluster, self._renewing))
        for watch in (pods, slices, leases):
            self._begin(self._guard(watch.run()))

    async def stop(self) -> None:
        """Read the logs of pods that have ended to their ends, and stop."""
        self._is_stopping = True
        ended = [task for log, task in self._logs.values() if log.ended.is_set()]
        if ended:
            await asyncio.wait(ended, timeout=_READ_WITHIN)
        tasks = [*self._tasks, *(task for _, task in self._logs.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.changes.close()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so that pods' changes bring about. Raises PlatformError."""
        while True:
            more = self._more
            if self.failure is not None:
                raise self.failure
            if is_so():
                return
            await more.wait()

    async def logged(self, pod: KnownPod) -> None:
        """Wait until all that a pod that has ended wrote is in its file."""
        if pod.uid in self._logs:
            await self._logs[pod.uid][1]

    def log_file(self, pod: str) -> Path:
        """The file of a pod's log."""
        return self._logs_dir / f"{pod}.out"

    def command(self, deployment: str, kind: ChangeKind, begun: int, detail: str) -> None:
        """Something was commanded, and accepted, between ``begun`` (ns, monotonic) and now."""
        error = self._since(begun)
        self.changes.add(Change(self._offset.wall(begun), error, kind, deployment, detail=detail))

    def fault(self, kind: ChangeKind, deployment: str, pod: KnownPod | None, begun: int, label: str) -> None:
        """A fault began, or ended, between ``begun`` (ns, monotonic) and now; ``pod`` None: on none yet."""
        at, error = self._offset.wall(time.monotonic_ns()), self._since(begun)
        name, address = (None, None) if pod is None else (pod.name, pod.address)
        self.changes.add(Change(at, error, kind, deployment, name, address, label))

    def work(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do something besides; when it fails, so does all of it."""
        self._begin(self._guard(doing))

    # --- clocks -----------------------------------------------------------------------------------

    async def take_clock(self, pod: KnownPod) -> None:
        """Let the clock of this pod's node be that of the run. Raises PlatformError."""
        self._offset = await measure(self._cluster, pod.name, self._container(pod.deployment))
        self._offsets[pod.node] = self._offset

    async def take_drift(self, pod: KnownPod) -> None:
        """Measure it once more: what it drifted is part of every instant's error. Raises PlatformError."""
        again = await measure(self._cluster, pod.name, self._container(pod.deployment))
        self._drift = bound(self._offset, again) - self._offset.bound + spread(self._offsets, pod.node)

    def now(self) -> float:
        """The time by the run's clock, s since the Unix epoch."""
        return self._offset.wall(time.monotonic_ns()) / _NANO

    def final(self, change: Change) -> Change:
        """A change with the bound that is known at the end.

        Added are the clocks' drift, what other nodes' clocks differ, and, for what a watch told, the longest
        delay with which one told of a change of this program's own.
        """
        error = change.error + self._drift
        if change.pod is not None and change.kind not in _NOT_WATCHED:
            error += self._delivery.largest
        return replace(change, error=error)

    @property
    def clock(self) -> str:
        """The offset of the run's clock and its bound, for people."""
        ahead = (self._offset.ns - local_offset().ns) / _NANO
        return f"{ahead * 1000:+.1f} ms from this machine's, ± {self._offset.bound * 1000:.1f} ms"

    @property
    def delivery(self) -> str:
        """How late the watches told, for people."""
        delays = sorted(self._delivery.delays)
        if not delays:
            return "not measured"
        median, largest = delays[len(delays) // 2], delays[-1]
        return f"median {median * 1000:.0f} ms, at most {largest * 1000:.0f} ms ({len(delays)} changes)"

    def _since(self, begun: int) -> float:
        return (time.monotonic_ns() - begun) / _NANO + self._offset.bound

    # --- what is seen -----------------------------------------------------------------------------

    def _saw_pods(self, seen: Seen[wire.Pod]) -> None:
        receipt = self._receipt(seen)
        self._add(self.pods.see_pods(seen.changed, seen.deleted, receipt, complete=seen.complete))

    def _saw_slices(self, seen: Seen[wire.EndpointSlice]) -> None:
        receipt = self._receipt(seen)
        self._add(self.pods.see_slices(seen.changed, seen.deleted, receipt, complete=seen.complete))

    def _saw_leases(self, seen: Seen[wire.Lease]) -> None:
        for one in seen.changed:
            self._delivery.told(one.spec.renew_time, seen.at)

    def _renewing(self, renewal: str) -> None:
        self._delivery.sent(renewal, time.monotonic_ns())

    def _saw(self, answer: Answer | None) -> None:
        if answer is not None:
            self._add(self.pods.see_answer(answer.name, answer.addresses, answer.receipt))

    def _reader(self, workload: str) -> Callable[[str], None] | None:
        """What reads in a workload's log which servers clients are told: an observer, a control plane."""
        if workload == names.OBSERVER:
            return lambda line: self._saw(read_answer(line))
        for service in self._services:
            if workload == push.control_plane(service):
                return lambda line: self._saw(read_told(line, service))
        return None

    def _receipt(self, seen: Seen[Any]) -> Receipt:
        return Receipt(self._offset.wall(seen.at), (seen.at - seen.since) / _NANO + self._offset.bound)

    def _add(self, changes: Iterable[Change]) -> None:
        for change in changes:
            pod = None if change.pod is None else self.pods.named(change.pod)
            if pod is not None and change.kind is ChangeKind.STARTED:
                self._listen(pod)
            elif pod is not None and change.kind is ChangeKind.EXITED and pod.uid in self._logs:
                self._logs[pod.uid][0].ended.set()
            if pod is not None and change.kind in _TOLD_ON:
                self._on_change(pod, change.kind)
            if change.deployment != names.OBSERVER:
                self.changes.add(change)
        self._wake()

    def _listen(self, pod: KnownPod) -> None:
        """Follow the log of a pod that has started, and measure its node's clock, once."""
        container, on_line = self._container(pod.deployment), self._reader(pod.deployment)
        log = PodLog(self._cluster, pod.name, container, self.log_file(pod.name), on_line)
        self._logs[pod.uid] = (log, asyncio.create_task(log.follow()))
        if self._offsets and pod.node not in self._offsets:
            self._offsets[pod.node] = self._offset
            self._begin(self._measure(pod))

    async def _measure(self, pod: KnownPod) -> None:
        with suppress(PlatformError):
            self._offsets[pod.node] = await measure(self._cluster, pod.name, self._container(pod.deployment))

    # --- tasks ------------------------------------------------------------------------------------

    def _begin(self, work: Any) -> None:  # noqa: ANN401 - a coroutine of whatever kind
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Awaitable[None]) -> None:
        """Do the work; when it fails, so does all of it."""
        try:
            await work
        except PlatformError as error:
            if not self._is_stopping:
                self.failure = error
                self.changes.close(error)
                self._wake()

    def _wake(self) -> None:
        woken, self._more = self._more, asyncio.Event()
        woken.set()
