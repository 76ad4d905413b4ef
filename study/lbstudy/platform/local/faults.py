"""Faults of this platform: on which pods they are, how each begins, and how it ends."""

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import psutil

from lbstudy.platform import control
from lbstudy.platform.interface import ChangeKind, Fault, PlatformError
from lbstudy.platform.local.addresses import CONTROL_PORT
from lbstudy.platform.local.commands import StartTrouble
from lbstudy.platform.local.deployment import Pod
from lbstudy.platform.local.dns.trouble import DNS_FAULTS, DnsTrouble
from lbstudy.platform.local.node.messages import PodSignalled
from lbstudy.platform.local.processes import Processes
from lbstudy.platform.local.publication import Publication

_SIGNALS = {"stop": signal.SIGSTOP, "kill": signal.SIGKILL}
_STARTS = frozenset({"crash-at-start", "slow-start"})
_MIB = 1 << 20


class Tell(Protocol):
    """Whoever writes the changes down."""

    def __call__(
        self,
        kind: ChangeKind,
        deployment: str,
        pod: str | None = None,
        at: int | None = None,
        error: float = 0.0,
        detail: str = "",
    ) -> None:
        """A change, as ``interface.Change`` has it."""


@dataclass(slots=True, eq=False)
class _Lasting:
    """A fault on one pod, or, without a pod, on a Deployment's starts or its name in DNS."""

    deployment: str
    fault: Fault
    pod: Pod | None = None
    told: bool = False  # its beginning was
    due: bool = False  # to be lifted as soon as the pod can hear of it


class Injector:
    """Begins and ends faults, and keeps in mind which of them last."""

    def __init__(self, processes: Processes, publication: Publication, tell: Tell, seed: int) -> None:
        self._processes = processes
        self._publication = publication
        self._tell = tell
        self._seed = seed
        self._lasting: list[_Lasting] = []
        self._starts_left: dict[tuple[str, str], int | None] = {}  # (Deployment, label) → starts
        self._tasks: set[asyncio.Task[None]] = set()

    async def inject(self, deployment: str, pods: Sequence[Pod], fault: Fault) -> None:
        """Begin a fault on those of a Deployment's pods that it names. Raises PlatformError."""
        if fault.kind in DNS_FAULTS:
            at = await self._publication.trouble(deployment, fault.label, _dns_trouble(fault))
            self._begin(_Lasting(deployment, fault), at)
        elif fault.kind in _STARTS:
            self._starts_left[deployment, fault.label] = fault.servers
            self._begin(_Lasting(deployment, fault))
        elif fault.kind in _SIGNALS:
            for pod in self._chosen(deployment, pods, fault):
                self._lasting.append(_Lasting(deployment, fault, pod))  # the node tells when it has begun
                self._processes.send(pod.name, _SIGNALS[fault.kind])
        elif fault.kind in control.KINDS:
            chosen = self._chosen(deployment, pods, fault)
            _check_memory(deployment, fault, len(chosen))
            await asyncio.gather(*(self._inject(deployment, pod, fault) for pod in chosen))
        else:
            raise PlatformError(f"{deployment}: the local platform cannot do {fault.kind}")

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault on everything that it is still on. Raises PlatformError."""
        ending = [one for one in self._lasting if one.deployment == deployment and one.fault == fault]
        if fault.kind in DNS_FAULTS:
            at = await self._publication.trouble(deployment, fault.label, None)
            for one in ending:
                self._end(one, at)
        elif fault.kind in _STARTS:
            self._starts_left.pop((deployment, fault.label), None)
            for one in ending:
                if one.pod is None:  # a pod that is starting goes on as it began
                    self._end(one)
        elif fault.kind == "stop":
            for one in ending:
                assert one.pod is not None
                self._processes.send(one.pod.name, signal.SIGCONT)
        elif fault.kind in control.KINDS:
            for one in ending:
                one.due = True
            # A stopped process answers nothing: there it is lifted once the process goes on.
            await asyncio.gather(*(self._lift(one) for one in ending if not self._is_stopped(one.pod)))

    def start(self, deployment: str, pod: Pod) -> StartTrouble:
        """What goes wrong with a pod that is being started."""
        crashes, delay = False, 0.0
        for one in [one for one in self._lasting if one.deployment == deployment and one.pod is None]:
            key = (deployment, one.fault.label)
            if key not in self._starts_left:
                continue
            left = self._starts_left[key]
            if left == 0:
                continue
            self._starts_left[key] = None if left is None else left - 1
            crashes |= one.fault.kind == "crash-at-start"
            delay += float(one.fault.options.get("seconds", 0.0))
            self._begin(_Lasting(deployment, one.fault, pod))
        return StartTrouble(crashes, delay)

    # --- what happens to pods ---------------------------------------------------------------------

    def on_ready(self, pod: Pod) -> None:
        """A pod is Ready: its start is over."""
        for one in [one for one in self._lasting if one.pod is pod and one.fault.kind in _STARTS]:
            self._end(one)

    def on_signalled(self, event: PodSignalled) -> None:
        """A signal was sent: that is when a fault of this kind begins or ends."""
        error = (event.after - event.before) / 1e9
        for one in [one for one in self._lasting if one.pod is not None and one.pod.name == event.pod]:
            if not one.told and _SIGNALS.get(one.fault.kind) == event.signal:
                one.told = True
                self._tell(ChangeKind.FAULT, one.deployment, event.pod, event.after, error, one.fault.label)
            elif one.fault.kind == "stop" and event.signal == signal.SIGCONT:
                self._end(one, event.after, error)
                self._catch_up(one.pod)

    def on_exited(self, pod: Pod, at: int) -> None:
        """A pod has ended, and its faults with it."""
        for one in [one for one in self._lasting if one.pod is pod]:
            self._end(one, at)

    def resume(self) -> None:
        """Let every stopped process go on, so that it can end in order."""
        for one in self._lasting:
            if one.fault.kind == "stop" and one.pod is not None:
                self._processes.send(one.pod.name, signal.SIGCONT)

    async def stop(self) -> None:
        """Begin and end nothing any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _catch_up(self, pod: Pod | None) -> None:
        for one in self._lasting:
            if one.pod is pod and one.due:
                task = asyncio.create_task(self._lift(one))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    # --- one fault on one pod ---------------------------------------------------------------------

    def _chosen(self, deployment: str, pods: Sequence[Pod], fault: Fault) -> list[Pod]:
        """The oldest Ready pods, as many as the fault wants."""
        ready = [pod for pod in pods if pod.ready and pod.counts and not self._is_stopped(pod)]
        if not ready:
            raise PlatformError(f"{deployment}: {fault.label}: no server is Ready")
        return ready[: fault.servers]

    async def _inject(self, deployment: str, pod: Pod, fault: Fault) -> None:
        lasting = _Lasting(deployment, fault, pod)
        begun = time.time_ns()
        try:
            await control.inject(_control(pod), fault, pod.name, self._seed)
        except PlatformError:
            if not pod.exited:
                raise
            return  # it ended meanwhile, and nothing is left to trouble
        if not pod.exited:
            now = time.time_ns()
            self._begin(lasting, now, (now - begun) / 1e9)

    async def _lift(self, one: _Lasting) -> None:
        assert one.pod is not None
        begun = time.time_ns()
        try:
            await control.lift(_control(one.pod), one.fault, one.pod.name)
        except PlatformError:
            if not one.pod.exited:
                raise
        now = time.time_ns()
        self._end(one, now, (now - begun) / 1e9)

    def _is_stopped(self, pod: Pod | None) -> bool:
        return pod is not None and any(one.pod is pod and one.fault.kind == "stop" for one in self._lasting)

    def _begin(self, one: _Lasting, at: int | None = None, error: float = 0.0) -> None:
        one.told = True
        self._lasting.append(one)
        pod = None if one.pod is None else one.pod.name
        self._tell(ChangeKind.FAULT, one.deployment, pod, at, error, one.fault.label)

    def _end(self, one: _Lasting, at: int | None = None, error: float = 0.0) -> None:
        if one in self._lasting:
            self._lasting.remove(one)
            pod = None if one.pod is None else one.pod.name
            self._tell(ChangeKind.LIFTED, one.deployment, pod, at, error, one.fault.label)


def _control(pod: Pod) -> str:
    return f"{pod.address}:{CONTROL_PORT}"


def _dns_trouble(fault: Fault) -> DnsTrouble:
    return DnsTrouble(fault.kind, float(fault.options.get("seconds", 0.0)))


def _check_memory(deployment: str, fault: Fault, pods: int) -> None:
    """Refuse what would take the machine down with it."""
    wanted = int(fault.options.get("mebibytes", 0)) * _MIB * pods
    available = psutil.virtual_memory().available
    if fault.kind == "memory" and wanted > available * 0.8:
        raise PlatformError(
            f"{deployment}: {fault.label}: {wanted / 2**30:.1f} GiB asked for,"
            f" {available / 2**30:.1f} GiB are available"
        )
