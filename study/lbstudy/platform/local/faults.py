"""Faults of this platform: which pods have them, how each begins, and how it ends."""

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import psutil

from lbstudy.config.fault_kinds import MadeBy, made_by
from lbstudy.platform import control
from lbstudy.platform.interface import ChangeKind, Fault, PlatformError
from lbstudy.platform.local.deployment import Pod
from lbstudy.platform.local.dns.trouble import DnsTrouble
from lbstudy.platform.local.node.messages import PodSignalled
from lbstudy.platform.local.processes import Processes
from lbstudy.platform.local.publication import Publication
from lbstudy.platform.programs import CONTROL_PORT, StartTrouble

_BY_SERVERS = made_by(MadeBy.SERVER)
_BY_DNS = made_by(MadeBy.DNS)
_AT_STARTS = made_by(MadeBy.START)
_SIGNALS = {"stop": signal.SIGSTOP, "kill": signal.SIGKILL}
_MIB = 1 << 20


class TellChange(Protocol):
    """Notes changes."""

    def __call__(
        self,
        kind: ChangeKind,
        deployment: str,
        pod: str | None = None,
        at: int | None = None,
        error: float = 0.0,
        detail: str = "",
    ) -> None:
        """Note a change with the fields of ``interface.Change``."""


@dataclass(slots=True, eq=False)
class _Lasting:
    """A fault of one pod, or, without a pod, of a Deployment's starts or its name in DNS."""

    deployment: str
    fault: Fault
    pod: Pod | None = None
    told: bool = False  # whether its beginning was reported
    due: bool = False  # whether to lift it as soon as the pod can be told


class LocalInjector:
    """Begins and ends faults, and remembers which are active."""

    def __init__(self, processes: Processes, publication: Publication, tell: TellChange, seed: int) -> None:
        self._processes = processes
        self._publication = publication
        self._tell = tell
        self._seed = seed
        self._lasting: list[_Lasting] = []
        # (Deployment, label) → starts that it still affects
        self._starts_left: dict[tuple[str, str], int | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def inject(self, deployment: str, pods: Sequence[Pod], fault: Fault) -> None:
        """Begin a fault on those of a Deployment's pods that it names. Raises PlatformError."""
        if fault.kind in _BY_DNS:
            at = await self._publication.trouble(deployment, fault.label, _dns_trouble(fault))
            self._begin(_Lasting(deployment, fault), at)
        elif fault.kind in _AT_STARTS:
            self._starts_left[deployment, fault.label] = fault.servers
            self._begin(_Lasting(deployment, fault))
        elif fault.kind in _SIGNALS:
            for pod in self._chosen(deployment, pods, fault):
                self._lasting.append(_Lasting(deployment, fault, pod))  # the node reports when it has begun
                self._processes.send(pod.name, _SIGNALS[fault.kind])
        elif fault.kind in _BY_SERVERS:
            chosen = self._chosen(deployment, pods, fault)
            _check_memory(deployment, fault, len(chosen))
            await asyncio.gather(*(self._inject(deployment, pod, fault) for pod in chosen))
        else:
            raise PlatformError(f"{deployment}: the local platform cannot do {fault.kind}")

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault on everything that still has it. Raises PlatformError."""
        ending = [
            lasting
            for lasting in self._lasting
            if lasting.deployment == deployment and lasting.fault == fault
        ]
        if fault.kind in _BY_DNS:
            at = await self._publication.trouble(deployment, fault.label, None)
            for lasting in ending:
                self._end(lasting, at)
        elif fault.kind in _AT_STARTS:
            self._starts_left.pop((deployment, fault.label), None)
            for lasting in ending:
                if lasting.pod is None:  # a pod that is starting continues as it began
                    self._end(lasting)
        elif fault.kind == "stop":
            for lasting in ending:
                assert lasting.pod is not None
                self._processes.send(lasting.pod.name, signal.SIGCONT)
        elif fault.kind in _BY_SERVERS:
            for lasting in ending:
                lasting.due = True
            # A stopped process answers nothing: its other faults are lifted once it continues.
            await asyncio.gather(
                *(self._lift(lasting) for lasting in ending if not self._is_stopped(lasting.pod))
            )

    def start(self, deployment: str, pod: Pod) -> StartTrouble:
        """Return what is wrong with a pod that is being started."""
        crashes, delay = False, 0.0
        for lasting in [
            lasting for lasting in self._lasting if lasting.deployment == deployment and lasting.pod is None
        ]:
            key = (deployment, lasting.fault.label)
            if key not in self._starts_left:
                continue
            left = self._starts_left[key]
            if left == 0:
                continue
            self._starts_left[key] = None if left is None else left - 1
            crashes |= lasting.fault.kind == "crash-at-start"
            delay += float(lasting.fault.options.get("seconds", 0.0))
            self._begin(_Lasting(deployment, lasting.fault, pod))
        return StartTrouble(crashes, delay)

    # --- what happens to pods ---------------------------------------------------------------------

    def on_ready(self, pod: Pod) -> None:
        """Note that a pod is Ready: its start is over."""
        for lasting in [
            lasting for lasting in self._lasting if lasting.pod is pod and lasting.fault.kind in _AT_STARTS
        ]:
            self._end(lasting)

    def on_signalled(self, event: PodSignalled) -> None:
        """Note that a signal was sent: a fault of this kind begins or ends at that instant."""
        error = (event.after - event.before) / 1e9
        for lasting in [
            lasting for lasting in self._lasting if lasting.pod is not None and lasting.pod.name == event.pod
        ]:
            if not lasting.told and _SIGNALS.get(lasting.fault.kind) == event.signal:
                lasting.told = True
                self._tell(
                    ChangeKind.FAULT, lasting.deployment, event.pod, event.after, error, lasting.fault.label
                )
            elif lasting.fault.kind == "stop" and event.signal == signal.SIGCONT:
                self._end(lasting, event.after, error)
                self._catch_up(lasting.pod)

    def on_exited(self, pod: Pod, at: int) -> None:
        """Note that a pod has ended, and its faults with it."""
        for lasting in [lasting for lasting in self._lasting if lasting.pod is pod]:
            self._end(lasting, at)

    def resume(self) -> None:
        """Continue every stopped process, so that it can end in order."""
        for lasting in self._lasting:
            if lasting.fault.kind == "stop" and lasting.pod is not None:
                self._processes.send(lasting.pod.name, signal.SIGCONT)

    async def stop(self) -> None:
        """Begin and end no more faults."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _catch_up(self, pod: Pod | None) -> None:
        for lasting in self._lasting:
            if lasting.pod is pod and lasting.due:
                task = asyncio.create_task(self._lift(lasting))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    # --- one fault on one pod ---------------------------------------------------------------------

    def _chosen(self, deployment: str, pods: Sequence[Pod], fault: Fault) -> list[Pod]:
        """Return the oldest Ready pods, as many as the fault names."""
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
            return  # it ended meanwhile, and its faults with it
        if not pod.exited:
            now = time.time_ns()
            self._begin(lasting, now, (now - begun) / 1e9)

    async def _lift(self, lasting: _Lasting) -> None:
        assert lasting.pod is not None
        begun = time.time_ns()
        try:
            await control.lift(_control(lasting.pod), lasting.fault, lasting.pod.name)
        except PlatformError:
            if not lasting.pod.exited:
                raise
        now = time.time_ns()
        self._end(lasting, now, (now - begun) / 1e9)

    def _is_stopped(self, pod: Pod | None) -> bool:
        return pod is not None and any(
            lasting.pod is pod and lasting.fault.kind == "stop" for lasting in self._lasting
        )

    def _begin(self, lasting: _Lasting, at: int | None = None, error: float = 0.0) -> None:
        lasting.told = True
        self._lasting.append(lasting)
        pod = None if lasting.pod is None else lasting.pod.name
        self._tell(ChangeKind.FAULT, lasting.deployment, pod, at, error, lasting.fault.label)

    def _end(self, lasting: _Lasting, at: int | None = None, error: float = 0.0) -> None:
        if lasting in self._lasting:
            self._lasting.remove(lasting)
            pod = None if lasting.pod is None else lasting.pod.name
            self._tell(ChangeKind.LIFTED, lasting.deployment, pod, at, error, lasting.fault.label)


def _control(pod: Pod) -> str:
    return f"{pod.address}:{CONTROL_PORT}"


def _dns_trouble(fault: Fault) -> DnsTrouble:
    options = fault.options
    return DnsTrouble(fault.kind, float(options.get("seconds", 0.0)), str(options.get("family", "")))


def _check_memory(deployment: str, fault: Fault, pods: int) -> None:
    """Refuse a fault that would exhaust the machine's memory."""
    wanted = int(fault.options.get("mebibytes", 0)) * _MIB * pods
    available = psutil.virtual_memory().available
    if fault.kind == "memory" and wanted > available * 0.8:
        raise PlatformError(
            f"{deployment}: {fault.label}: {wanted / 2**30:.1f} GiB asked for,"
            f" {available / 2**30:.1f} GiB are available"
        )
