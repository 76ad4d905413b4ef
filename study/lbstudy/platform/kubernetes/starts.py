"""Faults of starts: each new server waits until it is told how to start.

A pod template is the same for all pods, and a changed template would replace all pods. So, in a scenario with
such faults, servers' pods are created with a scheduling gate. The request that opens a pod's gate also writes
its fault to the pod's annotations, which its container reads whenever it starts.
"""

import asyncio
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
from lbstudy.platform.kubernetes.gates import ReadyGates
from lbstudy.platform.kubernetes.names import Object
from lbstudy.platform.kubernetes.pods import KnownPod
from lbstudy.platform.programs import StartTrouble

GATE: Final = "lbstudy/start"
"""The scheduling gate of a waiting pod."""
GATE_REASON: Final = "SchedulingGated"
"""Why such a pod is not scheduled, in its condition PodScheduled."""
_ANNOTATIONS: Final = {"LBSTUDY_START_DELAY": "lbstudy/start-delay", "LBSTUDY_START": "lbstudy/start"}
"""Variable → annotation. Each holds one of the server's arguments."""
_PATIENCE: Final = 4000
"""Seconds until the startup probe gives up: longer than any delayed start."""


class TellFault(Protocol):
    """Notes changes."""

    def __call__(
        self, kind: ChangeKind, deployment: str, pod: KnownPod | None, begun: int, label: str
    ) -> None:
        """Note that a fault began, or ended, between ``begun`` (ns, monotonic) and now."""


def hold(pod: Object, container: Object) -> None:
    """Make a pod wait, and its container read its start's fault."""
    pod["spec"]["schedulingGates"] = [{"name": GATE}]
    container["env"] += [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{annotation}']"}}}
        for name, annotation in _ANNOTATIONS.items()
    ]
    container["args"] += [f"$({name})" for name in _ANNOTATIONS]
    if probe := container.get("startupProbe"):
        probe["failureThreshold"] = round(_PATIENCE / probe.get("periodSeconds", 10))


def annotations(trouble: StartTrouble) -> dict[str, str]:
    """Return a pod's annotations. Both hold arguments of the server; if one is repeated, the last counts."""
    delay = f"--start-delay={trouble.delay!r}"
    return dict(
        zip(_ANNOTATIONS.values(), (delay, "--start-crash" if trouble.crashes else delay), strict=True)
    )


@dataclass(slots=True, eq=False)
class _Lasting:
    """A fault of a Deployment's starts."""

    deployment: str
    fault: Fault
    left: int | None  # starts that it still affects; None: all until it is lifted
    pods: list[KnownPod] = field(default_factory=list)  # pods that start with it


def _trouble(faults: Sequence[_Lasting]) -> StartTrouble:
    """Combine faults into what happens to a start."""
    return StartTrouble(
        any(fault.fault.kind == "crash-at-start" for fault in faults),
        sum((float(fault.fault.options.get("seconds", 0.0)) for fault in faults), 0.0),
    )


class Starts:
    """Decides for each new server how it starts, and remembers which are still starting.

    Args:
        cluster: the cluster.
        tell: called at each beginning and end of a fault.
        work: runs a coroutine in the background; if it fails, so does the run.
        gates: keep pods not Ready that cannot be told how to start.
        is_gated: returns whether a Deployment has such pods.
    """

    def __init__(
        self,
        cluster: Cluster,
        tell: TellFault,
        work: Callable[[Coroutine[Any, Any, None]], None],
        gates: ReadyGates,
        is_gated: Callable[[str], bool],
    ) -> None:
        self._cluster = cluster
        self._tell = tell
        self._work = work
        self._gates = gates
        self._is_gated = is_gated
        self._lasting: list[_Lasting] = []

    def inject(self, deployment: str, fault: Fault) -> None:
        """Begin a fault of starts; it affects as many starts as it names."""
        self._lasting.append(_Lasting(deployment, fault, fault.servers))
        self._tell(ChangeKind.FAULT, deployment, None, time.monotonic_ns(), fault.label)

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault of starts; a container that is starting continues as it began. Raises PlatformError."""
        for lasting in [
            lasting for lasting in self._lasting if (lasting.deployment, lasting.fault) == (deployment, fault)
        ]:
            begun = time.monotonic_ns()
            self._lasting.remove(lasting)
            for pod in lasting.pods:
                others = [other for other in self._lasting if pod in other.pods]
                if not self._is_gated(deployment):
                    await self._write(pod, {"metadata": {"annotations": annotations(_trouble(others))}})
                self._tell(ChangeKind.LIFTED, deployment, pod, begun, fault.label)
            self._tell(ChangeKind.LIFTED, deployment, None, begun, fault.label)

    def on_created(self, pod: KnownPod) -> None:
        """Note that a pod was created, and waits."""
        self._work(self._release(pod))

    def on_started(self, pod: KnownPod) -> None:
        """Note that a pod is Ready or has ended: its start is over."""
        for lasting in self._lasting:
            if pod in lasting.pods:
                lasting.pods.remove(pod)
                self._tell(ChangeKind.LIFTED, pod.deployment, pod, time.monotonic_ns(), lasting.fault.label)

    async def _release(self, pod: KnownPod) -> None:
        begun = time.monotonic_ns()
        mine = [
            lasting for lasting in self._lasting if lasting.deployment == pod.deployment and lasting.left != 0
        ]
        for affecting in mine:
            affecting.left = None if affecting.left is None else affecting.left - 1
        trouble, is_gated = _trouble(mine), self._is_gated(pod.deployment)
        if not is_gated:
            metadata = {"annotations": annotations(trouble)}
            await self._write(pod, {"metadata": metadata, "spec": {"schedulingGates": None}})
        for affecting in mine:
            if not pod.ended and affecting in self._lasting:
                affecting.pods.append(pod)
                self._tell(ChangeKind.FAULT, pod.deployment, pod, begun, affecting.fault.label)
        if is_gated:
            await asyncio.sleep(trouble.delay)
            await self._gates.open(pod)

    async def _write(self, pod: KnownPod, patch: Object) -> None:
        with api_errors(f"telling {pod.name} how to start"):
            try:
                await persistently(
                    lambda: self._cluster.objects.patch(Pod, pod.name, patch, patch_type=PatchType.MERGE)
                )
            except ApiError as error:
                if error.status.code != httpx2.codes.NOT_FOUND:  # the pod is gone already
                    raise
