"""Why pods do not start, as the cluster reports it, and whether that can resolve itself. No I/O.

It reads a container's ``waiting.reason``, the condition PodScheduled, a Deployment's ReplicaFailure, and
events. Each is about one *workload* of the run, and is reported once for all of its pods.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.names import WORKLOAD
from lbstudy.platform.kubernetes.starts import GATE_REASON

_STARTING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
_PULL: Final = frozenset({"ErrImagePull", "ImagePullBackOff"})
_NO_SUCH_IMAGE: Final = re.compile(
    r"not found|denied|unauthorized|manifest unknown|no match for platform|invalid reference", re.IGNORECASE
)
_AT_ONCE: Final = frozenset({"InvalidImageName", "ErrImageNeverPull", "RunContainerError"})
_BY_RUNTIME: Final = frozenset({"RunContainerError", "CreateContainerError"})
_SOON: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "FailedCreate", "Failed"})
_OVERLOADED: Final = re.compile(r"deadline ?exceeded|timed out|timeout", re.IGNORECASE)
"""How a node says that its container runtime did not answer in time: it tries again, and gets there."""
_SCALING_UP: Final = frozenset({"TriggeredScaleUp", "Nominated"})
"""Events that say that the cluster's autoscaler adds a node for a pod."""
_BY_EVENT: Final = frozenset({"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"})
"""Reasons that appear only in events, not in a waiting container's status."""
_LONGEST: Final = 400
"""Most characters of a message."""


@dataclass(frozen=True, slots=True)
class PodTrouble:
    """What keeps pods of a workload from starting.

    Attributes:
        workload: "greeter-stock".
        reason: in the cluster's own words, "ImagePullBackOff".
        message: the same in detail.
        patience: s after which it counts as permanent.
    """

    workload: str
    reason: str
    message: str
    patience: float

    @property
    def kind(self) -> tuple[str, str]:
        """What identifies a trouble: a failing image pull alternates between two reasons."""
        return self.workload, "pull" if self.reason in _PULL else self.reason

    def text(self, pods: int) -> str:
        """Return it as one line."""
        whose = (
            "pods cannot be made" if not pods else "a pod cannot start" if pods == 1 else "pods cannot start"
        )
        count = f"{pods} " if pods > 1 else ""
        text = " ".join(self.message.split())
        text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
        return f"{self.workload}: {count}{whose}: {self.reason}" + (f": {text}" if text else "")


@dataclass(slots=True)
class _Lasting:
    trouble: PodTrouble
    since: float


@dataclass(slots=True)
class Troubles:
    """What is known now about all workloads.

    Args:
        is_held: returns whether a fault may affect the starts of that workload.
    """

    is_held: Callable[[str], bool] = lambda _: False
    made: set[str] = field(default_factory=set)  # the names of the run's Deployments and Jobs
    _workloads: dict[str, str] = field(default_factory=dict)  # pod's name → its workload
    _of_pods: dict[str, _Lasting] = field(default_factory=dict)  # by the pod's name
    _of_workloads: dict[str, _Lasting] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)  # pods that are not running yet
    _scaled_up: set[str] = field(default_factory=set)  # pods for which the autoscaler adds a node

    def see_pods(
        self, changed: Iterable[wire.Pod], deleted: Iterable[wire.Pod], now: float, *, complete: bool = False
    ) -> None:
        """Process pods that are new, changed or gone."""
        changed = list(changed)
        for pod in deleted:
            self._forget(pod.metadata.name)
        if complete:
            for name in self._workloads.keys() - {pod.metadata.name for pod in changed}:
                self._forget(name)
        for pod in changed:
            name, workload = pod.metadata.name, pod.metadata.labels.get(WORKLOAD, "")
            if name not in self._workloads:
                self._workloads[name] = workload
                self._of_workloads.pop(workload, None)  # a pod was created after all
            trouble = of_pod(pod, is_held=self.is_held(workload))
            if runs(pod):
                self._waiting.discard(name)
            else:
                self._waiting.add(name)
            if trouble is not None:
                self._note(self._of_pods, name, trouble, now)
            elif runs(pod) or pod.metadata.deletion_timestamp or not self._is_by_event(name):
                self._of_pods.pop(name, None)

    def see_workloads(self, changed: Iterable[wire.Deployment | wire.Job], now: float) -> None:
        """Process Deployments or Jobs that are new or changed."""
        for workload in changed:
            self.made.add(workload.metadata.name)
            for condition in workload.status.conditions or ():
                if condition.status == "True" and condition.type == "ReplicaFailure":
                    reason = condition.reason or condition.type
                    trouble = PodTrouble(
                        workload.metadata.name, reason, condition.message, _patience("FailedCreate")
                    )
                    self._note(self._of_workloads, workload.metadata.name, trouble, now)

    def see_events(self, changed: Iterable[wire.Notice], now: float) -> None:
        """Process events of the namespace."""
        for event in changed:
            name = event.involved_object.name
            if event.reason in _SCALING_UP:
                self._scaled_up.add(name)
            elif event.type != "Warning":
                continue
            elif event.involved_object.kind == "Pod" and name in self._waiting:
                if name not in self._of_pods and event.reason in _BY_EVENT:
                    trouble = PodTrouble(self._workloads[name], event.reason, event.message, math.inf)
                    self._note(self._of_pods, name, trouble, now)
            elif event.reason == "FailedCreate" and (workload := self._owner(event)):
                trouble = PodTrouble(workload, event.reason, event.message, _patience(event.reason))
                self._note(self._of_workloads, workload, trouble, now)

    def _owner(self, event: wire.Notice) -> str:
        """Return the workload that an event's ReplicaSet or Job belongs to; "" if it is not the run's."""
        name = event.involved_object.name
        owner = name.rpartition("-")[0] if event.involved_object.kind == "ReplicaSet" else name
        return owner if owner in self.made else ""

    # --- what to report -----------------------------------------------------------------------------

    def current(self) -> list[tuple[PodTrouble, int]]:
        """Return the present troubles, the oldest first, one a workload and reason, with the pods' count."""
        present: dict[tuple[str, str], tuple[_Lasting, int]] = {}
        for lasting, count in self._all():
            key = lasting.trouble.kind
            before, pods = present.get(key, (lasting, 0))
            present[key] = (min(before, lasting, key=lambda item: item.since), pods + count)
        ordered = sorted(present.values(), key=lambda item: item[0].since)
        return [(lasting.trouble, pods) for lasting, pods in ordered]

    def final(self, now: float) -> list[tuple[PodTrouble, int]]:
        """Return the troubles that have lasted too long to resolve themselves."""
        overdue = {
            lasting.trouble.kind
            for name, lasting in [*self._of_pods.items(), *self._of_workloads.items()]
            if now - lasting.since >= lasting.trouble.patience and name not in self._scaled_up
        }
        return [(trouble, pods) for trouble, pods in self.current() if trouble.kind in overdue]

    def _all(self) -> Iterator[tuple[_Lasting, int]]:
        yield from ((lasting, 1) for lasting in self._of_pods.values())
        yield from ((lasting, 0) for lasting in self._of_workloads.values())

    def _is_by_event(self, name: str) -> bool:
        lasting = self._of_pods.get(name)
        return lasting is not None and lasting.trouble.patience == math.inf

    def _note(self, where: dict[str, _Lasting], name: str, trouble: PodTrouble, now: float) -> None:
        before = where.get(name)
        is_same = before is not None and before.trouble.kind == trouble.kind
        since = before.since if before is not None and is_same else now
        if before is not None and is_same and before.trouble.patience < trouble.patience:
            trouble = before.trouble  # the shorter message of a back-off does not give the reason
        where[name] = _Lasting(trouble, since)

    def _forget(self, name: str) -> None:
        self._workloads.pop(name, None)
        self._of_pods.pop(name, None)
        self._waiting.discard(name)


def runs(pod: wire.Pod) -> bool:
    """Return whether all of its containers run, or it has ended in order."""
    states = [status.state for status in pod.status.container_statuses]
    return pod.status.phase == "Succeeded" or (
        bool(states) and all(state.running is not None for state in states)
    )


def of_pod(pod: wire.Pod, *, is_held: bool = False) -> PodTrouble | None:
    """Return why a pod does not start, by its own status; None if that does not say."""
    if pod.metadata.deletion_timestamp is not None or pod.status.phase == "Succeeded":
        return None
    workload = pod.metadata.labels.get(WORKLOAD, "")
    for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        waiting = status.state.waiting
        if waiting is None or waiting.reason in _STARTING:
            continue
        is_crash = waiting.reason == "CrashLoopBackOff"
        if not (is_crash and is_held):
            message = _crashed(status) if is_crash else waiting.message
            is_busy = waiting.reason in _BY_RUNTIME and _OVERLOADED.search(waiting.message) is not None
            patience = math.inf if is_busy else _patience(waiting.reason, waiting.message)
            return PodTrouble(workload, waiting.reason, message, patience)
    for condition in pod.status.conditions:
        if (
            condition.type == "PodScheduled"
            and condition.status == "False"
            and condition.reason != GATE_REASON
        ):
            reason = condition.reason or "not scheduled"
            return PodTrouble(workload, reason, condition.message, _patience(reason))
    if pod.status.phase == "Failed" and pod.status.reason:
        return PodTrouble(workload, pod.status.reason, pod.status.message, _patience("Failed"))
    return None


def _crashed(status: wire.ContainerStatus) -> str:
    ended = status.last_state.terminated
    if ended is None:
        return f"started again {status.restart_count} times"
    what = f"{ended.reason}, " if ended.reason not in {"", "Error"} else ""
    return f"ended {status.restart_count} times, last with {what}status {ended.exit_code}"


def _patience(reason: str, message: str = "") -> float:
    """Return the seconds after which trouble of that kind counts as permanent."""
    if reason in _AT_ONCE or (reason in _PULL and _NO_SUCH_IMAGE.search(message)):
        return 0.0
    if reason in _PULL:
        return 60.0  # a registry may be unavailable for a while
    if reason in _SOON:
        return 3.0  # what is applied together exists within moments
    if reason == "Unschedulable":
        return 20.0  # an autoscaler reports within about 10 s that it adds a node
    if reason == "CrashLoopBackOff":
        return 30.0
    return math.inf
