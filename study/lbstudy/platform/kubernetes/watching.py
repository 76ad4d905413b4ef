"""Everything that is seen of a run's pods (watches, logs and DNS), as one stream of changes by one clock."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lbstudy.platform import push
from lbstudy.platform.changes import ChangeStream
from lbstudy.platform.interface import Change, ChangeKind, PlatformError
from lbstudy.platform.kubernetes import lease, names, wire
from lbstudy.platform.kubernetes.api import Cluster
from lbstudy.platform.kubernetes.clock import Offset, bound, local_offset, measure, spread
from lbstudy.platform.kubernetes.delivery import Delivery
from lbstudy.platform.kubernetes.marks import NEVER, Marks, number_of
from lbstudy.platform.kubernetes.observer import AnswerChange, read_answer, read_told
from lbstudy.platform.kubernetes.pod_logs import PodLogs, keep
from lbstudy.platform.kubernetes.pods import KnownPod, Pods, Receipt
from lbstudy.platform.kubernetes.troubles import Troubles
from lbstudy.platform.kubernetes.watch import Watch, WatchReport

_NANO: Final = 1_000_000_000
_PODS: Final = ("api/v1", "pods")
_SLICES: Final = ("apis/discovery.k8s.io/v1", "endpointslices")
_LEASES: Final = ("apis/coordination.k8s.io/v1", "leases")
_DEPLOYMENTS: Final = ("apis/apps/v1", "deployments")
_JOBS: Final = ("apis/batch/v1", "jobs")
_EVENTS: Final = ("api/v1", "events")
_READ_WITHIN: Final = 60.0  # s for the logs of pods that have ended
_SAY_EVERY: Final = 10.0  # s between two messages about what is waited for
_JUDGE_EVERY: Final = 0.5  # s
_NOT_WATCHED: Final = frozenset(
    {ChangeKind.PUBLISHED, ChangeKind.UNPUBLISHED, ChangeKind.FAULT, ChangeKind.LIFTED}
)
"""What no watch reports: DNS, which the observer sees, and what the platform does itself."""
_TOLD_ON: Final = frozenset({ChangeKind.CREATED, ChangeKind.READY, ChangeKind.EXITED})


class Watching:
    """Watches a run's pods from ``start`` to ``stop``.

    Args:
        cluster: the cluster.
        run_id: the run; everything that is watched has it as a label.
        services: the names of the Deployments of servers.
        logs_dir: the folder for pods' logs.
        container: returns the name of a workload's container.
        on_change: called for each pod that was created, became Ready, or has ended.
        tell: called with a line about what is waited for, or what keeps pods from starting.
        is_held: returns whether a fault may affect the starts of that workload.
        by_name: whether the programs are the user's own. Then every log is followed as it is written, because
            there are no termination messages, and nothing is executed in their pods.
    """

    def __init__(
        self,
        cluster: Cluster,
        run_id: str,
        services: Sequence[str],
        logs_dir: Path,
        container: Callable[[str], str],
        on_change: Callable[[KnownPod, ChangeKind], None],
        tell: Callable[[str], None] = lambda _: None,
        is_held: Callable[[str], bool] = lambda _: False,
        *,
        by_name: bool = False,
    ) -> None:
        self._cluster = cluster
        self._selector = f"{names.RUN}={run_id}"
        self._services = tuple(services)
        self._container = container
        self._on_change = on_change
        self._by_name = by_name
        self._tell = tell
        self.logs = PodLogs(cluster, logs_dir, container, self._reader)
        self.troubles = Troubles(is_held)
        self.is_starting = True
        """While this is set, trouble with pods' starts ends the run; later it is part of what is measured."""
        self.jobs: dict[str, wire.Job] = {}
        self.pods = Pods(lambda name: name in services)
        self.changes = ChangeStream()
        self.failure: PlatformError | None = None
        self._more = asyncio.Event()
        self._told: set[tuple[str, str]] = set()  # troubles that were reported, by workload and reason
        self._offset: Offset = local_offset()
        self._offsets: dict[str, Offset] = {}  # by node
        self._drift = 0.0  # s
        self._delivery = Delivery()
        self._marks = Marks()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    def start(self) -> None:
        """Watch, and renew the run's Lease: its renewals show how late the watches are."""
        selector = self._selector
        watches: tuple[Watch[Any], ...] = (
            Watch(self._cluster, _PODS, wire.Pod, selector, self._saw_pods),
            Watch(self._cluster, _SLICES, wire.EndpointSlice, selector, self._saw_slices),
            Watch(self._cluster, _LEASES, wire.Lease, selector, self._saw_leases),
            Watch(self._cluster, _DEPLOYMENTS, wire.Deployment, selector, self._saw_deployments),
            Watch(self._cluster, _JOBS, wire.Job, selector, self._saw_jobs),
            Watch(self._cluster, _EVENTS, wire.Notice, "", self._saw_events),  # events have no labels
        )
        self._begin(lease.renew(self._cluster, self._renewing, self._renewed))
        self._begin(self._guard(self._judge()))
        for watch in watches:
            self._begin(self._guard(watch.run()))

    async def stop(self, read_within: float = _READ_WITHIN) -> None:
        """Read the logs of ended pods completely, and stop."""
        self._is_stopping = True
        if left := await self.logs.finish(read_within):
            self._tell(f"the logs of {left} pods could not be read within {read_within:.0f} s")
        await self.logs.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.changes.close()

    async def until(
        self, is_so: Callable[[], bool], what: Callable[[], str] = lambda: "", within: float = math.inf
    ) -> None:
        """Wait until a condition holds that the cluster's changes bring about.

        Args:
            is_so: returns whether it holds.
            what: what is waited for, in words, for a message now and then; "": no message.
            within: s until it is given up.

        Raises:
            PlatformError: watching has failed, or it took too long.
        """
        begun = said = time.monotonic()
        while True:
            more = self._more
            if self.failure is not None:
                raise self.failure
            if is_so():
                return
            now = time.monotonic()
            if now - begun >= within:
                raise PlatformError(f"waited {within:.0f} s for {what()}{self.why()}")
            if now - said >= _SAY_EVERY and what():
                said = now
                self._tell(f"waiting for {what()} ({now - begun:.0f} s)")
            with suppress(TimeoutError):
                async with asyncio.timeout(min(begun + within, said + _SAY_EVERY) - now):
                    await more.wait()

    def why(self) -> str:
        """Return what keeps pods from starting now, to be appended to a sentence; "" if that is unknown."""
        return "".join(f"; {trouble.text(pods)}" for trouble, pods in self.troubles.current())

    async def logged(self, pod: KnownPod) -> None:
        """Wait until everything that an ended pod wrote is in its file. Raises PlatformError."""
        await self.logs.complete(pod)

    def log_file(self, pod: str) -> Path:
        """Return the file of a pod's log."""
        return self.logs.file(pod)

    def command(self, deployment: str, kind: ChangeKind, begun: int, detail: str) -> None:
        """Note a command that was accepted between ``begun`` (ns, monotonic) and now."""
        error = self._since(begun)
        self.changes.add(Change(self._offset.wall(begun), error, kind, deployment, detail=detail))

    def fault(self, kind: ChangeKind, deployment: str, pod: KnownPod | None, begun: int, label: str) -> None:
        """Note that a fault began or ended between ``begun`` (ns, monotonic) and now; ``pod`` may be None."""
        at, error = self._offset.wall(time.monotonic_ns()), self._since(begun)
        name, address = (None, None) if pod is None else (pod.name, pod.address)
        self.changes.add(Change(at, error, kind, deployment, name, address, label))

    def work(self, doing: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background; if it fails, watching fails."""
        self._begin(self._guard(doing))

    # --- clocks -----------------------------------------------------------------------------------

    async def take_clock(self, pod: KnownPod) -> None:
        """Use the clock of this pod's node as the run's clock. Raises PlatformError."""
        self._offset = await measure(self._cluster, pod.name, self._container(pod.deployment))
        self._offsets[pod.node] = self._offset

    async def take_drift(self, pod: KnownPod) -> None:
        """Measure it again: its drift is part of every instant's error. Raises PlatformError."""
        again = await measure(self._cluster, pod.name, self._container(pod.deployment))
        self._drift = bound(self._offset, again) - self._offset.bound + spread(self._offsets, pod.node)

    def now(self) -> float:
        """Return the time by the run's clock, s since the Unix epoch."""
        return self._offset.wall(time.monotonic_ns()) / _NANO

    def final(self, change: Change) -> Change:
        """Return a change with the instant and the bound that are known at the end.

        A change that a watch reported happened between two of this program's own changes, which the versions
        show: not before the first was sent, and not after the second was answered. If that is unknown, the
        longest delay counts with which a watch reported a change of this program's own. The clocks' drift,
        and the differences to other nodes' clocks, are added.
        """
        receipt = self.pods.receipts.get(change)
        if receipt is None or not receipt.version or change.kind in _NOT_WATCHED:
            return replace(change, error=change.error + self._drift)
        since = self._marks.after(receipt.after)
        if since is None:
            return replace(change, error=change.error + self._drift + self._delivery.largest)
        until = self._marks.before(receipt.version)
        at = change.at if until is None else min(change.at, self._offset.wall(until))
        bound = (at - self._offset.wall(since)) / _NANO
        return replace(change, at=at, error=max(bound, 0.0) + self._offset.bound + self._drift)

    @property
    def clock(self) -> str:
        """Return the offset of the run's clock and its bound, for people."""
        ahead = (self._offset.ns - local_offset().ns) / _NANO
        return f"{ahead * 1000:+.1f} ms from this machine's, ± {self._offset.bound * 1000:.1f} ms"

    @property
    def delivery(self) -> str:
        """Return how late the watches reported, for people."""
        delays = sorted(self._delivery.delays)
        if not delays:
            return "not measured"
        median, largest = delays[len(delays) // 2], delays[-1]
        return f"median {median * 1000:.0f} ms, at most {largest * 1000:.0f} ms ({len(delays)} changes)"

    def _since(self, begun: int) -> float:
        return (time.monotonic_ns() - begun) / _NANO + self._offset.bound

    # --- what is seen -----------------------------------------------------------------------------

    def _saw_pods(self, seen: WatchReport[wire.Pod]) -> None:
        now = time.monotonic()
        self.troubles.see_pods(seen.changed, seen.deleted, now, complete=seen.complete)
        before = {pod.uid: pod.restarts for pod in self.pods.present()}
        receipt = self._receipt(seen)
        self._add(self.pods.see_pods(seen.changed, seen.deleted, receipt, complete=seen.complete))
        for reported in seen.changed:
            pod = self.pods.named(reported.metadata.name)
            if pod is not None and pod.restarts > before.get(pod.uid, pod.restarts):
                self.logs.restarted(pod)
        self._tell_troubles()

    def _saw_slices(self, seen: WatchReport[wire.EndpointSlice]) -> None:
        receipt = self._receipt(seen)
        self._add(self.pods.see_slices(seen.changed, seen.deleted, receipt, complete=seen.complete))

    def _saw_leases(self, seen: WatchReport[wire.Lease]) -> None:
        for renewal in seen.changed:
            self._delivery.told(renewal.spec.renew_time, seen.at)

    def _saw_deployments(self, seen: WatchReport[wire.Deployment]) -> None:
        self.troubles.see_workloads(seen.changed, time.monotonic())
        self._tell_troubles()

    def _saw_jobs(self, seen: WatchReport[wire.Job]) -> None:
        self.jobs |= {job.metadata.name: job for job in seen.changed}
        self.troubles.see_workloads(seen.changed, time.monotonic())
        self._tell_troubles()
        self._wake()

    def _saw_events(self, seen: WatchReport[wire.Notice]) -> None:
        if not seen.complete:  # objects that existed at the beginning are from others
            self.troubles.see_events(seen.changed, time.monotonic())
            self._tell_troubles()

    def _renewing(self, renewal: str) -> None:
        self._delivery.sent(renewal, time.monotonic_ns())

    def _renewed(self, version: str, sent: int, answered: int) -> None:
        self._marks.add(version, sent, answered)

    # --- what keeps pods from starting ------------------------------------------------------------

    def _tell_troubles(self) -> None:
        """Report each kind of trouble once, as soon as it appears."""
        for trouble, pods in self.troubles.current():
            if trouble.kind not in self._told and not self._is_stopping:
                self._told.add(trouble.kind)
                self._tell(trouble.text(pods))

    async def _judge(self) -> None:
        """End the run if what keeps its pods from starting is permanent. Raises PlatformError."""
        while self.is_starting:
            if final := self.troubles.final(time.monotonic()):
                raise PlatformError("; ".join(trouble.text(pods) for trouble, pods in final))
            await asyncio.sleep(_JUDGE_EVERY)

    def _saw(self, answer: AnswerChange | None) -> None:
        if answer is not None:
            self._add(self.pods.see_answer(answer.name, answer.addresses, answer.receipt))

    def _reader(self, workload: str) -> Callable[[str], None] | None:
        """Return what reads in a workload's log where clients are sent: of an observer or a control plane."""
        if workload == names.OBSERVER:
            return lambda line: self._saw(read_answer(line))
        for service in self._services:
            if workload == push.control_plane(service):
                return lambda line: self._saw(read_told(line, service))
        if self._by_name:
            return keep if workload in self._services else lambda _: None
        return None

    def _receipt(self, seen: WatchReport[Any]) -> Receipt:
        at, error = self._offset.wall(seen.at), (seen.at - seen.since) / _NANO + self._offset.bound
        if seen.complete:  # they changed at some time since nothing was missed
            after = number_of(seen.after)
            return Receipt(at, error, after, NEVER if after else 0)
        (changed,) = (*seen.changed, *seen.deleted)
        version = number_of(changed.metadata.resource_version)
        return Receipt(at, error, version - 1, version)

    def _add(self, changes: Iterable[Change]) -> None:
        for change in changes:
            pod = None if change.pod is None else self.pods.named(change.pod)
            if pod is not None and change.kind is ChangeKind.STARTED:
                self._listen(pod)
            elif pod is not None and change.kind is ChangeKind.TERMINATING:
                self.logs.leaving(pod)
            elif pod is not None and change.kind is ChangeKind.EXITED:
                self.logs.ended(pod)
            if pod is not None and change.kind in _TOLD_ON:
                self._on_change(pod, change.kind)
            if change.deployment != names.OBSERVER:
                self.changes.add(change)
        self._wake()

    def _listen(self, pod: KnownPod) -> None:
        """Begin to read the log of a pod that has started, and measure its node's clock, once."""
        self.logs.started(pod)
        if self._offsets and pod.node not in self._offsets and not self._by_name:
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
        """Do the work; if it fails, watching fails."""
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
