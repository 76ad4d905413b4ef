"""The study's view of the node: which pods' processes run, and what happens to them."""

import asyncio
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.local import node
from lbstudy.platform.local.helper import Helper
from lbstudy.platform.local.node.messages import (
    PodExited,
    PodNotStarted,
    PodSignalled,
    PodStarted,
    Prepared,
    SignalPod,
    StartPod,
    decode,
    encode,
)


class ProcessHooks(Protocol):
    """Whoever wants to know; called in the order in which the node told."""

    def on_started(self, event: PodStarted) -> None:
        """A pod's process runs."""

    def on_signalled(self, event: PodSignalled) -> None:
        """A signal was sent to a pod."""

    def on_exited(self, pod: str, at: int, status: int, reason: str) -> None:
        """A pod's process ended, or (status −1, with a reason) could not be started."""


@dataclass(slots=True, eq=False)
class _Process:
    exited: asyncio.Future[int]
    pid: int | None = None


class Processes:
    """Pods' processes, through the node."""

    def __init__(self, log_dir: Path, hooks: ProcessHooks) -> None:
        self._node = Helper("node", log_dir / "node.err")
        self._hooks = hooks
        self._processes: dict[str, _Process] = {}

    async def start(self, env: Mapping[str, str]) -> None:
        """Start the node; raises PlatformError."""
        await self._node.start(node.__name__, "{control}", "{parent}", env=env)
        prepared = decode(await self._node.receive())
        assert isinstance(prepared, Prepared)
        if prepared.threads != 1:
            raise PlatformError(f"the node has {prepared.threads} threads, and can't be forked safely")

    async def listen(self) -> None:
        """Follow what the node tells, for ever; raises PlatformError when it has ended."""
        while True:
            event = decode(await self._node.receive())
            if isinstance(event, PodStarted):
                self._processes[event.pod].pid = event.pid
                self._hooks.on_started(event)
            elif isinstance(event, PodSignalled):
                self._hooks.on_signalled(event)
            elif isinstance(event, PodNotStarted):
                self._exited(event.pod, event.after, -1, f"not started: {event.reason}")
            elif isinstance(event, PodExited):
                self._exited(event.pod, event.after, event.status, str(event.status))

    def run(self, pod: StartPod) -> None:
        """Have a pod started."""
        self._processes[pod.pod] = _Process(asyncio.get_running_loop().create_future())
        self._node.send(encode(pod))

    def send(self, pod: str, number: signal.Signals) -> None:
        """Send a pod a signal, if it has not exited."""
        if not self._processes[pod].exited.done():
            self._node.send(encode(SignalPod(pod, number)))

    def __contains__(self, pod: str) -> bool:
        return pod in self._processes

    def pid(self, pod: str) -> int | None:
        """The process id of a pod that runs; None before and after."""
        process = self._processes.get(pod)
        return None if process is None or process.exited.done() else process.pid

    @property
    def node_pid(self) -> int:
        """The node's process id."""
        return self._node.pid

    async def status(self, pod: str) -> int:
        """Wait for a pod's end; returns its exit status."""
        return await asyncio.shield(self._processes[pod].exited)

    async def end(self, pods: Iterable[str], number: signal.Signals, within: float) -> bool:
        """Signal the pods that run, and wait for their end; returns whether it came ``within`` seconds."""
        ending = [self._processes[pod].exited for pod in pods if not self._processes[pod].exited.done()]
        for pod in pods:
            self.send(pod, number)
        if not ending:
            return True
        _, left = await asyncio.wait(ending, timeout=within)
        return not left

    def abandon(self) -> None:
        """The node is gone, and every pod with it: nobody need wait any more."""
        for process in self._processes.values():
            if not process.exited.done():
                process.exited.set_result(-signal.SIGKILL)

    async def stop(self) -> None:
        """End the node, which ends what is left."""
        await self._node.stop(grace=5.0)

    def _exited(self, pod: str, at: int, status: int, reason: str) -> None:
        self._processes[pod].exited.set_result(status)
        self._hooks.on_exited(pod, at, status, reason)
