"""Asks each server once a second how busy it is, and keeps the answers."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from lbstudy.autoscaler.pods import Metric, PodState
from lbstudy.platform.control import Meter, ServerBusy
from lbstudy.platform.interface import Change, ChangeKind, Platform, PlatformError
from lbstudy.run.changes import ChangeLog
from lbstudy.store.rows import BusyRow, DecisionRow

EVERY: Final = 1.0
"""Seconds between two measurements."""
_WITHIN: Final = 0.8  # s to wait for an answer, so that a stopped server does not delay the others
_KEPT: Final = 4000  # readings of one pod: more than the longest possible window has
# s by which a window may be shorter than requested, since measurements are never exactly on time
_SHORT: Final = 0.5


@dataclass(slots=True)
class LoadLog:
    """How busy the servers were, by their own counts, and what the autoscaler decided, in order."""

    told: Callable[[str, str, float], None] = lambda setting, pod, utilization: None  # noqa: ARG005
    """Called with a setting, a pod and its utilisation (0 to 1) since its previous answer."""
    busy: list[BusyRow] = field(default_factory=list)
    decisions: list[DecisionRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """A server's answer, and when it was asked."""

    at: float  # s since the Unix epoch
    busy: ServerBusy


def utilization(before: ServerBusy, after: ServerBusy) -> float | None:
    """Return busy seconds ÷ (seconds × capacity) between two answers of one server; None if no time passed.

    At most 1, as a server never handles more RPCs at a time than its capacity.
    """
    elapsed = after.uptime - before.uptime
    if elapsed <= 0 or after.concurrency < 1:
        return None
    return min(1.0, max(0.0, (after.busy - before.busy) / (elapsed * after.concurrency)))


def metric(readings: deque[Reading], window: float, now: float) -> Metric | None:
    """Return a pod's utilisation over the window that ends with its last answer.

    None if its answers do not reach back far enough, or if it has not answered for a whole window.
    """
    if not readings or readings[-1].at < now - window - EVERY:
        return None
    last = readings[-1]
    for earlier in reversed(readings):
        elapsed = last.busy.uptime - earlier.busy.uptime
        if elapsed >= window - _SHORT and elapsed > 0:
            busy = utilization(earlier.busy, last.busy)
            return None if busy is None else Metric(busy, last.at, elapsed)
    return None


def follow(pods: dict[str, PodState], change: Change) -> None:
    """Update what is known of a Deployment's pods by a change; a pod that has ended is removed."""
    if change.pod is None:
        return
    at, before = change.at / 1e9, pods.get(change.pod, PodState(change.pod))
    match change.kind:
        case ChangeKind.CREATED:
            pods[change.pod] = PodState(change.pod, changed=at)
        case ChangeKind.STARTED:
            # Until the pod is Ready, its condition dates from its start.
            pods[change.pod] = PodState(change.pod, at, before.ready, at, before.ends)
        case ChangeKind.READY | ChangeKind.UNREADY:
            is_ready = change.kind is ChangeKind.READY
            pods[change.pod] = PodState(
                change.pod, at if before.started is None else before.started, is_ready, at, before.ends
            )
        case ChangeKind.TERMINATING:
            pods[change.pod] = PodState(change.pod, before.started, before.ready, before.changed, ends=True)
        case ChangeKind.EXITED:
            pods.pop(change.pod, None)


class BusyWatch:
    """Asks the servers of one setting, and keeps their answers.

    Args:
        setting: its name.
        deployment: the Deployment of its servers.
        platform: where they run.
        changes: the platform's changes.
        log: records everything.
    """

    def __init__(
        self, setting: str, deployment: str, platform: Platform, changes: ChangeLog, log: LoadLog
    ) -> None:
        self.setting = setting
        self.log = log
        self.pods: dict[str, PodState] = {}
        self._deployment = deployment
        self._platform = platform
        self._changes = changes
        self._seen = 0  # changes that were processed
        self._meters: dict[str, tuple[Meter, AsyncExitStack]] = {}
        self._readings: dict[str, deque[Reading]] = {}

    async def look(self, now: float) -> None:
        """Ask all running servers at the same time.

        Args:
            now: s since the Unix epoch, by the pods' clock.
        """
        self._take_changes()
        running = [pod.name for pod in self.pods.values() if pod.started is not None and not pod.ends]
        for pod in [pod for pod in self._meters if pod not in running]:
            await self._forget(pod)
        answers = await asyncio.gather(*(self._ask(pod) for pod in running))
        for pod, answer in zip(running, answers, strict=True):
            if answer is not None:
                self._keep(pod, Reading(now, answer))

    def metrics(self, window: float, now: float) -> dict[str, Metric]:
        """Return the utilisation of each server that has one."""
        metrics = {pod: metric(readings, window, now) for pod, readings in self._readings.items()}
        return {
            pod: pod_metric
            for pod, pod_metric in metrics.items()
            if pod_metric is not None and pod in self.pods
        }

    async def aclose(self) -> None:
        """Close the connections."""
        for pod in list(self._meters):
            await self._forget(pod)

    def _take_changes(self) -> None:
        for change in self._changes.seen[self._seen :]:
            if change.deployment == self._deployment:
                follow(self.pods, change)
        self._seen = len(self._changes.seen)

    async def _ask(self, pod: str) -> ServerBusy | None:
        if pod not in self._meters:
            stack = AsyncExitStack()
            try:
                address = await stack.enter_async_context(self._platform.control(pod))
            except PlatformError:
                return None  # it cannot be reached, so it has no metric, like a pod that is not scraped
            meter = Meter(address)
            stack.push_async_callback(meter.aclose)
            self._meters[pod] = meter, stack
        return await self._meters[pod][0].read(_WITHIN)

    def _keep(self, pod: str, reading: Reading) -> None:
        readings = self._readings.setdefault(pod, deque(maxlen=_KEPT))
        used = utilization(readings[-1].busy, reading.busy) if readings else None
        readings.append(reading)
        if used is not None:
            self.log.told(self.setting, pod, used)
        busy = reading.busy
        self.log.busy.append(
            BusyRow(
                round(reading.at * 1e9),
                self.setting,
                pod,
                busy.uptime,
                busy.busy,
                busy.concurrency,
                busy.waiting,
                busy.ended,
            )
        )

    async def _forget(self, pod: str) -> None:
        _, stack = self._meters.pop(pod)
        await stack.aclose()
