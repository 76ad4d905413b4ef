"""Faults on a cluster's pods: the servers' own control service by port-forward, signals by exec, deletion."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx2
from httpx2.websockets import HTTPXWSException
from lightkube import ApiError
from lightkube.resources.core_v1 import Pod

from lbstudy.platform import control
from lbstudy.platform.interface import ChangeKind, Fault, PlatformError
from lbstudy.platform.kubernetes import starts
from lbstudy.platform.kubernetes.api import Cluster, api_errors, reason
from lbstudy.platform.kubernetes.forward import PortForward
from lbstudy.platform.kubernetes.pods import KnownPod
from lbstudy.platform.kubernetes.starts import Starts, Tell
from lbstudy.platform.kubernetes.stream import ERROR, execute
from lbstudy.platform.programs import CONTROL_PORT, SERVER_MODULE

SIGNALS: Final = frozenset({"stop"})
DELETIONS: Final = frozenset({"kill"})
KINDS: Final = control.KINDS | SIGNALS | DELETIONS | starts.KINDS
"""The kinds of faults that this platform can do."""
_SIGNALLED_WITHIN: Final = 20.0  # s: Python has to start for it
_SIGNAL: Final = f"""
import os, signal, sys
for name in filter(str.isdigit, os.listdir("/proc")):
    try:
        words = open(f"/proc/{{name}}/cmdline", "rb").read().split(b"\\0")
    except OSError:
        continue
    if b"-m" in words and b"{SERVER_MODULE}" in words and int(name) != os.getpid():
        os.kill(int(name), getattr(signal, sys.argv[1]))
        break
else:
    sys.exit("no server runs here")
"""


@dataclass(slots=True, eq=False)
class _Lasting:
    """A fault on one pod."""

    fault: Fault
    pod: KnownPod
    is_told: bool = False  # its beginning was


class Injector:
    """Begins and ends faults, and keeps in mind which of them last.

    Args:
        cluster: where.
        container: the name of the servers' container.
        seed: of the run: what is random in a fault is drawn from it.
        tell: is told of each beginning and end.
        of_starts: what goes wrong with servers' starts.
    """

    def __init__(self, cluster: Cluster, container: str, seed: int, tell: Tell, of_starts: Starts) -> None:
        self._cluster = cluster
        self._container = container
        self._starts = of_starts
        self._seed = seed
        self._tell = tell
        self._lasting: list[_Lasting] = []

    async def inject(self, deployment: str, pods: Sequence[KnownPod], fault: Fault) -> None:
        """Begin a fault on the oldest Ready pods, as many as it names. Raises PlatformError."""
        if fault.kind not in KINDS:
            raise PlatformError(f"{deployment}: the platform kubernetes cannot do {fault.kind}")
        if fault.kind in starts.KINDS:
            self._starts.inject(deployment, fault)
            return
        ready = [pod for pod in pods if pod.ready and not self._is_stopped(pod)]
        if not ready:
            raise PlatformError(f"{deployment}: {fault.label}: no server is Ready")
        await asyncio.gather(*(self._begin(pod, fault) for pod in ready[: fault.servers]))

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault on every pod that it is still on. Raises PlatformError."""
        if fault.kind in starts.KINDS:
            await self._starts.lift(deployment, fault)
        ending = [one for one in self._lasting if one.pod.deployment == deployment and one.fault == fault]
        await asyncio.gather(*(self._end(one) for one in ending))

    async def resume(self) -> None:
        """Let every stopped server go on, so that it can end in order; what cannot be reached is left."""
        stopped = [one for one in self._lasting if one.fault.kind in SIGNALS]
        await asyncio.gather(*(self._end(one) for one in stopped), return_exceptions=True)

    def on_exited(self, pod: KnownPod) -> None:
        """A pod has ended, and its faults with it."""
        for one in [one for one in self._lasting if one.pod is pod and one.is_told]:
            self._lifted(one, time.monotonic_ns())

    async def _begin(self, pod: KnownPod, fault: Fault) -> None:
        lasting = _Lasting(fault, pod)
        begun = time.monotonic_ns()
        self._lasting.append(lasting)
        try:
            if fault.kind in DELETIONS:
                # A deletion alone leaves it to the kubelet how hard it kills.
                await self._signal(pod, "SIGKILL")
                await self._delete(pod)
            elif fault.kind in SIGNALS:
                await self._signal(pod, "SIGSTOP")
            else:
                await self._control(pod, lambda at: control.inject(at, fault, pod.name, self._seed))
        except PlatformError:
            if lasting in self._lasting:
                self._lasting.remove(lasting)
            if not pod.ended:
                raise
        else:
            self._tell(ChangeKind.FAULT, pod.deployment, pod, begun, fault.label)
            lasting.is_told = True
            if pod.ended:
                self._lifted(lasting, time.monotonic_ns())

    async def _end(self, one: _Lasting) -> None:
        begun = time.monotonic_ns()
        try:
            if one.fault.kind in SIGNALS:
                await self._signal(one.pod, "SIGCONT")
            elif one.fault.kind in control.KINDS:
                await self._control(one.pod, lambda at: control.lift(at, one.fault, one.pod.name))
        except PlatformError:
            if not one.pod.ended:
                raise
        self._lifted(one, begun)

    def _lifted(self, one: _Lasting, begun: int) -> None:
        if one in self._lasting:
            self._lasting.remove(one)
            self._tell(ChangeKind.LIFTED, one.pod.deployment, one.pod, begun, one.fault.label)

    def _is_stopped(self, pod: KnownPod) -> bool:
        return any(one.pod is pod and one.fault.kind in SIGNALS for one in self._lasting)

    async def _control(self, pod: KnownPod, ask: Callable[[str], Awaitable[None]]) -> None:
        """Ask the pod's control service, which listens on its loopback only."""

        async def choose() -> str:
            return pod.name

        forward = PortForward(self._cluster, CONTROL_PORT, choose)
        try:
            await ask(await forward.start())
        except PlatformError as error:
            raise PlatformError(f"{error}; {forward.failure}" if forward.failure else str(error)) from error
        finally:
            await forward.aclose()

    async def _signal(self, pod: KnownPod, name: str) -> None:
        command = ["python", "-c", _SIGNAL, name]
        told = b""
        try:
            async with (
                asyncio.timeout(_SIGNALLED_WITHIN),
                execute(self._cluster, pod.name, self._container, command) as session,
            ):
                while not told.startswith(bytes((ERROR,))):
                    told = await session.receive_bytes()
        except (HTTPXWSException, httpx2.HTTPError, TimeoutError, OSError, BaseExceptionGroup) as error:
            raise PlatformError(f"{pod.name}: {name} cannot be sent: {reason(error)}") from error
        if b'"Success"' not in told:
            said = told[1:].decode("utf-8", "replace")
            raise PlatformError(f"{pod.name}: {name} cannot be sent: {said}")

    async def _delete(self, pod: KnownPod) -> None:
        """With no grace: a new pod takes its place at once."""
        with api_errors(f"deleting {pod.name}"):
            try:
                await self._cluster.objects.delete(Pod, pod.name, grace_period=0)
            except ApiError as error:
                if error.status.code != httpx2.codes.NOT_FOUND:
                    raise
