"""The pods' processes, as the study knows them from the node."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
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
    """Hooks for what the node reports; called in its order."""

    def on_started(self, event: PodStarted) -> None:
        """Called when a pod's process runs."""

    def on_signalled(self, event: PodSignalled) -> None:
        """Called when a signal was sent to a pod."""

    def on_exited(self, pod: str, at: int, status: int, reason: str) -> None:
        """Called when a pod's process ended, or (status −1, with a reason) could not be started."""


@dataclass(slots=True, eq=False)
class _Process:
    exited: asyncio.Future[int]
    pid: int | None = None


class Processes:
    """The pods' processes, controlled through the node."""

    def __init__(self, log_dir: Path, hooks: ProcessHooks, preload: Sequence[str] = ()) -> None:
        self._node = Helper("node", log_dir / "node.err")
        self._hooks = hooks
        self._preload = tuple(preload)
        self._processes: dict[str, _Process] = {}

    async def start(self, env: Mapping[str, str]) -> None:
        """Start the node; raises PlatformError."""
        await self._node.start(node.__name__, "{control}", "{parent}", *self._preload, env=env)
        prepared = decode(await self._node.receive())
        assert isinstance(prepared, Prepared)
        if prepared.threads != 1:
            raise PlatformError(f"the node has {prepared.threads} threads, so it cannot be forked safely")

    async def listen(self) -> None:
        """Process the node's events until cancelled; raises PlatformError if the node has ended."""
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
        """Start a pod."""
        self._processes[pod.pod] = _Process(asyncio.get_running_loop().create_future())
        self._node.send(encode(pod))

    def send(self, pod: str, number: signal.Signals) -> None:
        """Send a pod a signal, unless it has exited."""
        if not self._processes[pod].exited.done():
            self._node.send(encode(SignalPod(pod, number)))

    def __contains__(self, pod: str) -> bool:
        return pod in self._processes

    def pid(self, pod: str) -> int | None:
        """Return the process id of a running pod; None before and after."""
        process = self._processes.get(pod)
        return None if process is None or process.exited.done() else process.pid

    def exit_status(self, pod: str) -> int | None:
        """Return the exit status of a pod that has ended."""
        process = self._processes.get(pod)
        return process.exited.result() if process is not None and process.exited.done() else None

    @property
    def node_pid(self) -> int:
        """The node's process id."""
        return self._node.pid

    async def status(self, pod: str) -> int:
        """Wait for a pod's end; returns its exit status."""
        return await asyncio.shield(self._processes[pod].exited)

    async def end(self, pods: Mapping[str, signal.Signals], within: float) -> bool:
        """Send the running pods a signal each, and wait for their end; returns whether it came in time."""
        ending = [self._processes[pod].exited for pod in pods if not self._processes[pod].exited.done()]
        for pod, number in pods.items():
            self.send(pod, number)
        if not ending:
            return True
        _, left = await asyncio.wait(ending, timeout=within)
        return not left

    def abandon(self) -> None:
        """Note that the node is gone, and every pod with it: nothing waits for them any more."""
        for process in self._processes.values():
            if not process.exited.done():
                process.exited.set_result(-signal.SIGKILL)

    async def stop(self) -> None:
        """End the node, which ends what remains."""
        await self._node.stop(grace=5.0)

    def _exited(self, pod: str, at: int, status: int, reason: str) -> None:
        self._processes[pod].exited.set_result(status)
        self._hooks.on_exited(pod, at, status, reason)
