"""Starts that go wrong by a fault: each new server is held until it was told how to start.

A pod template cannot say that of some pods only, and another template would replace them all. So, in a
scenario with such faults, servers' pods are made with a scheduling gate. What goes wrong with a pod is
written down at it in the request that opens its gate, and read by its container whenever that is started.
"""

import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpx2
from lightkube import ApiError
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType

from lbstudy.platform.interface import ChangeKind, Fault
from lbstudy.platform.kubernetes.api import Cluster, api_errors, persistently
from lbstudy.platform.kubernetes.owner import Object
from lbstudy.platform.kubernetes.pods import KnownPod
from lbstudy.platform.programs import StartTrouble

KINDS: Final = frozenset({"crash-at-start", "slow-start"})
GATE: Final = "lbstudy/start"
"""The scheduling gate of a pod that is held."""
_ANNOTATIONS: Final = {"LBSTUDY_START_DELAY": "lbstudy/start-delay", "LBSTUDY_START": "lbstudy/start"}
"""Variable → annotation, each of which is one of the server's arguments."""
_PATIENCE: Final = 4000
"""Seconds until the startup probe gives up: longer than a start may be delayed."""


class Tell(Protocol):
    """Whoever writes the changes down."""

    def __call__(
        self, kind: ChangeKind, deployment: str, pod: KnownPod | None, begun: int, label: str
    ) -> None:
        """A fault began, or ended, between ``begun`` (ns, monotonic) and now."""


def hold(pod: Object, container: Object) -> None:
    """Have a pod held, and its container take what goes wrong with its start."""
    pod["spec"]["schedulingGates"] = [{"name": GATE}]
    container["env"] += [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{annotation}']"}}}
        for name, annotation in _ANNOTATIONS.items()
    ]
    container["args"] += [f"$({name})" for name in _ANNOTATIONS]
    if probe := container.get("startupProbe"):
        probe["failureThreshold"] = round(_PATIENCE / probe.get("periodSeconds", 10))


def annotations(trouble: StartTrouble) -> dict[str, str]:
    """What is written down at a pod. Both are arguments of the server; the later one of a name counts."""
    delay = f"--start-delay={trouble.delay!r}"
    return dict(
        zip(_ANNOTATIONS.values(), (delay, "--start-crash" if trouble.crashes else delay), strict=True)
    )


@dataclass(slots=True, eq=False)
class _Lasting:
    """A fault on a Deployment's starts."""

    deployment: str
    fault: Fault
    left: int | None  # starts; None: all until it is lifted
    pods: list[KnownPod] = field(default_factory=list)  # that start with it


def _trouble(faults: Sequence[_Lasting]) -> StartTrouble:
    """What they make of a start together."""
    return StartTrouble(
        any(one.fault.kind == "crash-at-start" for one in faults),
        sum((float(one.fault.options.get("seconds", 0.0)) for one in faults), 0.0),
    )


class Starts:
    """Decides for each new server how it starts, and keeps in mind which of them still do.

    Args:
        cluster: where.
        tell: is told of each beginning and end.
        work: does something besides; its failure is the run's.
    """

    def __init__(
        self, cluster: Cluster, tell: Tell, work: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._cluster = cluster
        self._tell = tell
        self._work = work
        self._lasting: list[_Lasting] = []

    def inject(self, deployment: str, fault: Fault) -> None:
        """Let starts go wrong from now on, as many as the fault names."""
        self._lasting.append(_Lasting(deployment, fault, fault.servers))
        self._tell(ChangeKind.FAULT, deployment, None, time.monotonic_ns(), fault.label)

    async def lift(self, deployment: str, fault: Fault) -> None:
        """Let starts be as they should; a container that starts goes on as it began. Raises PlatformError."""
        for one in [one for one in self._lasting if (one.deployment, one.fault) == (deployment, fault)]:
            begun = time.monotonic_ns()
            self._lasting.remove(one)
            for pod in one.pods:
                others = [other for other in self._lasting if pod in other.pods]
                await self._write(pod, {"metadata": {"annotations": annotations(_trouble(others))}})
                self._tell(ChangeKind.LIFTED, deployment, pod, begun, fault.label)
            self._tell(ChangeKind.LIFTED, deployment, None, begun, fault.label)

    def on_created(self, pod: KnownPod) -> None:
        """A pod was made, and is held."""
        self._work(self._release(pod))

    def on_started(self, pod: KnownPod) -> None:
        """A pod is Ready, or has ended: its start is over."""
        for one in self._lasting:
            if pod in one.pods:
                one.pods.remove(pod)
                self._tell(ChangeKind.LIFTED, pod.deployment, pod, time.monotonic_ns(), one.fault.label)

    async def _release(self, pod: KnownPod) -> None:
        begun = time.monotonic_ns()
        mine = [one for one in self._lasting if one.deployment == pod.deployment and one.left != 0]
        for one in mine:
            one.left = None if one.left is None else one.left - 1
        told = {"annotations": annotations(_trouble(mine))}
        await self._write(pod, {"metadata": told, "spec": {"schedulingGates": None}})
        for one in mine:
            if not pod.ended and one in self._lasting:
                one.pods.append(pod)
                self._tell(ChangeKind.FAULT, pod.deployment, pod, begun, one.fault.label)

    async def _write(self, pod: KnownPod, patch: Object) -> None:
        with api_errors(f"telling {pod.name} how to start"):
            try:
                await persistently(
                    lambda: self._cluster.objects.patch(Pod, pod.name, patch, patch_type=PatchType.MERGE)
                )
            except ApiError as error:
                if error.status.code != httpx2.codes.NOT_FOUND:  # it is gone already
                    raise
