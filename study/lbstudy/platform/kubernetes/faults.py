"""Faults in a cluster's pods: by the servers' control service, by signals through exec, or by deletion."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import httpx2
from httpx2.websockets import HTTPXWSException
from lightkube import ApiError
from lightkube.resources.core_v1 import Pod

from lbstudy.config.fault_kinds import FAULT_KINDS, MadeBy, made_by
from lbstudy.platform import control
from lbstudy.platform.interface import ChangeKind, Fault, PlatformError
from lbstudy.platform.kubernetes import outside
from lbstudy.platform.kubernetes.api import Cluster, api_errors, for_each, reason
from lbstudy.platform.kubernetes.forward import PortForward
from lbstudy.platform.kubernetes.gates import ReadyGates
from lbstudy.platform.kubernetes.names import SERVER_MODULE
from lbstudy.platform.kubernetes.pods import KnownPod
from lbstudy.platform.kubernetes.starts import Starts, TellFault
from lbstudy.platform.kubernetes.stream import ERROR, execute
from lbstudy.platform.programs import CONTROL_PORT

_HERE: Final = frozenset(name for name, kind in FAULT_KINDS.items() if kind.on_a_cluster)
_BY_SERVERS: Final = made_by(MadeBy.SERVER)
_AT_STARTS: Final = made_by(MadeBy.START)
_SIGNALLED_WITHIN: Final = 20.0  # s, because Python has to start for it
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


@dataclass(frozen=True, slots=True)
class Means:
    """How faults are made in the pods of each Deployment.

    Attributes:
        container: a Deployment's name → the name of its servers' container.
        named: Deployments that are copies of the user's own; their faults are made from outside.
        gates: the readiness gates of the copies' pods.
    """

    container: Callable[[str], str]
    named: Collection[str]
    gates: ReadyGates


@dataclass(slots=True, eq=False)
class _Lasting:
    """A fault on one pod."""

    fault: Fault
    pod: KnownPod
    is_told: bool = False  # whether its beginning was reported


class KubernetesInjector:
    """Begins and ends faults, and remembers which are active.

    Args:
        cluster: the cluster.
        means: how faults are made.
        seed: the run's seed, for random faults.
        tell: called at each beginning and end.
        of_starts: makes the faults of servers' starts.
    """

    def __init__(self, cluster: Cluster, means: Means, seed: int, tell: TellFault, of_starts: Starts) -> None:
        self._cluster = cluster
        self._means = means
        self._starts = of_starts
        self._seed = seed
        self._tell = tell
        self._lasting: list[_Lasting] = []

    async def inject(self, deployment: str, pods: Sequence[KnownPod], fault: Fault) -> None:
        """Begin a fault on the oldest Ready pods, as many as it names. Raises PlatformError."""
        if fault.kind not in _HERE:
            raise PlatformError(f"{deployment}: the platform kubernetes cannot do {fault.kind}")
        if fault.kind in _AT_STARTS:
            self._starts.inject(deployment, fault)
            return
        ready = [pod for pod in pods if pod.ready and not self._is_stopped(pod)]
        if not ready:
            raise PlatformError(f"{deployment}: {fault.label}: no server is Ready")
        await for_each(lambda pod: self._begin(pod, fault), ready[: fault.servers])

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault on every pod that still has it. Raises PlatformError."""
        if fault.kind in _AT_STARTS:
            await self._starts.lift(deployment, fault)
        ending = [
            lasting
            for lasting in self._lasting
            if lasting.pod.deployment == deployment and lasting.fault == fault
        ]
        await for_each(self._end, ending)

    async def resume(self) -> None:
        """Continue every stopped server, so that it can end in order; unreachable ones are left."""
        stopped = [lasting for lasting in self._lasting if lasting.fault.kind == "stop"]
        with suppress(PlatformError):
            await for_each(self._end, stopped)

    def on_exited(self, pod: KnownPod) -> None:
        """Note that a pod has ended, and its faults with it."""
        for lasting in [lasting for lasting in self._lasting if lasting.pod is pod and lasting.is_told]:
            self._lifted(lasting, time.monotonic_ns())

    async def _begin(self, pod: KnownPod, fault: Fault) -> None:
        lasting = _Lasting(fault, pod)
        begun = time.monotonic_ns()
        self._lasting.append(lasting)
        try:
            if fault.kind == "kill":
                # A deletion alone would let the kubelet choose how to kill it.
                await self._signal(pod, "SIGKILL")
                await self._delete(pod)
            elif fault.kind == "stop":
                await self._signal(pod, "SIGSTOP")
            elif pod.deployment in self._means.named:
                await self._means.gates.begin(pod, fault)
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

    async def _end(self, lasting: _Lasting) -> None:
        begun = time.monotonic_ns()
        try:
            if lasting.fault.kind == "stop":
                await self._signal(lasting.pod, "SIGCONT")
            elif lasting.pod.deployment in self._means.named:
                await self._means.gates.end(lasting.pod, lasting.fault)
            elif lasting.fault.kind in _BY_SERVERS:
                await self._control(lasting.pod, lambda at: control.lift(at, lasting.fault, lasting.pod.name))
        except PlatformError:
            if not lasting.pod.ended:
                raise
        self._lifted(lasting, begun)

    def _lifted(self, lasting: _Lasting, begun: int) -> None:
        if lasting in self._lasting:
            self._lasting.remove(lasting)
            self._tell(ChangeKind.LIFTED, lasting.pod.deployment, lasting.pod, begun, lasting.fault.label)

    def _is_stopped(self, pod: KnownPod) -> bool:
        return any(lasting.pod is pod and lasting.fault.kind == "stop" for lasting in self._lasting)

    async def _control(self, pod: KnownPod, ask: Callable[[str], Awaitable[None]]) -> None:
        """Call the pod's control service, which only listens on its loopback."""

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
        if pod.deployment in self._means.named:
            container, command = outside.CONTAINER, ["python", "-c", outside.SEND, name, await self._id(pod)]
        else:
            container = self._means.container(pod.deployment)
            command = ["python", "-c", _SIGNAL, name]
        output = b""
        try:
            async with (
                asyncio.timeout(_SIGNALLED_WITHIN),
                execute(self._cluster, pod.name, container, command) as session,
            ):
                while not output.startswith(bytes((ERROR,))):
                    output = await session.receive_bytes()
        except (HTTPXWSException, httpx2.HTTPError, TimeoutError, OSError, BaseExceptionGroup) as error:
            raise PlatformError(f"{pod.name}: {name} cannot be sent: {reason(error)}") from error
        if b'"Success"' not in output:
            said = output[1:].decode("utf-8", "replace")
            raise PlatformError(f"{pod.name}: {name} cannot be sent: {said}")

    async def _id(self, pod: KnownPod) -> str:
        """Return the ID of the servers' container that runs in a pod now. Raises PlatformError."""
        with api_errors(f"reading {pod.name}"):
            current = (await self._cluster.objects.get(Pod, pod.name)).to_dict()
        name = self._means.container(pod.deployment)
        for status in current["status"].get("containerStatuses") or ():
            if status["name"] == name and status.get("containerID"):
                return str(status["containerID"]).rpartition("://")[2]
        raise PlatformError(f"{pod.name}: its container {name} does not run")

    async def _delete(self, pod: KnownPod) -> None:
        """Delete a pod without grace: a new pod replaces it at once."""
        with api_errors(f"deleting {pod.name}"):
            try:
                await self._cluster.objects.delete(Pod, pod.name, grace_period=0)
            except ApiError as error:
                if error.status.code != httpx2.codes.NOT_FOUND:
                    raise
