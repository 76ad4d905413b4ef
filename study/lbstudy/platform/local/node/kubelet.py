"""The node's loop: reads commands, writes events, reaps children. Single-threaded, so that forks are safe."""

import contextlib
import os
import selectors
import signal
import socket
import time
from pathlib import Path

from lbstudy.platform.local.node.messages import (
    Event,
    PodExited,
    PodNotStarted,
    PodSignalled,
    PodStarted,
    SignalPod,
    StartPod,
    decode,
    encode,
)
from lbstudy.platform.local.node.pod import become
from lbstudy.platform.local.node.strays import strays

LAST_GRACE = 3.0
"""Seconds from SIGTERM to SIGKILL for the pods that remain when the study is gone."""


class Kubelet:
    """Starts, signals and reaps pods until its control socket is closed, then ends all that remain."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._pods: dict[int, str] = {}  # process id → pod
        self._buffer = b""
        self._ended = False
        self._wakeup, wakeup_end = socket.socketpair()
        for end in (self._wakeup, wakeup_end):
            end.setblocking(False)
        self._wakeup_end = wakeup_end
        # SIGCHLD for children. The kernel sends SIGTERM when the study is gone. Ctrl-C is meant for the
        # study.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(wakeup_end.fileno(), warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._wakeup, selectors.EVENT_READ)

    def run(self) -> StartPod | None:
        """Work until the control socket is closed and every pod has exited.

        Returns:
            None in the node; in each fork, the pod that the fork has to run.
        """
        deadline: float | None = None
        killed = False
        while not self._ended or self._pods or not killed:
            if self._ended and deadline is None:
                deadline = time.monotonic() + LAST_GRACE
                self._signal_all(signal.SIGTERM)
            if deadline is not None and not killed and (not self._pods or time.monotonic() >= deadline):
                killed = True
                self._kill_descendants()
                continue
            left = None if deadline is None else 0.05 if killed else max(0.0, deadline - time.monotonic())
            for key, _ in self._selector.select(left):
                if key.fileobj is self._wakeup:
                    with contextlib.suppress(BlockingIOError):
                        self._wakeup.recv(4096)
                elif (pod := self._read()) is not None:
                    return pod
            self._reap()
        return None

    def tell(self, event: Event) -> None:
        """Send an event, unless the study is gone."""
        with contextlib.suppress(OSError):
            self._control.sendall(encode(event))

    def _on_terminate(self, *_: object) -> None:
        self._ended = True

    def _read(self) -> StartPod | None:
        """Execute what the study has sent; returns a pod only in its fork."""
        try:
            data = self._control.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self._ended = True
            self._selector.unregister(self._control)
            return None
        self._buffer += data
        while b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            command = decode(line)
            if isinstance(command, StartPod) and self._start(command):
                return command
            if isinstance(command, SignalPod):
                self._signal(command)
        return None

    def _start(self, pod: StartPod) -> bool:
        """Fork; returns whether this is the child."""
        node = os.getpid()
        before = time.time_ns()
        # Blocked until the program in the fork handles it. So a pod that is told to end while it starts ends
        # in order, and one that is told between fork and set-up does not run the node's handler.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            pid = os.fork()
        except OSError as error:
            self.tell(PodNotStarted(pod.pod, (error.strerror or str(error)).lower(), time.time_ns()))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            return False
        if pid == 0:
            self._detach()
            become(pod, node)
            return True
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        self._pods[pid] = pod.pod
        self.tell(PodStarted(pod.pod, pid, before, time.time_ns()))
        return False

    def _detach(self) -> None:
        """In a fork: close what belongs to the node."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for end in (self._control, self._wakeup, self._wakeup_end):
            end.close()
        self._pods.clear()

    def _signal(self, command: SignalPod) -> None:
        for pid, pod in self._pods.items():
            if pod == command.pod:
                before = time.time_ns()
                # our child and not reaped yet, so the id cannot be another process's
                os.kill(pid, command.signal)
                self.tell(PodSignalled(pod, command.signal, before, time.time_ns()))

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in self._pods:
            os.kill(pid, number)

    def _reap(self) -> None:
        while True:
            try:
                dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if dead is None:
                return
            after = time.time_ns()
            pod = self._pods.pop(dead.si_pid, None)
            if pod is not None:
                # A container ends with its first process, so what the pod started is killed. Until the
                # process is reaped, its group's id cannot be reused.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(dead.si_pid, signal.SIGKILL)
            _, status = os.waitpid(dead.si_pid, 0)
            if pod is not None:
                self._end_strays(pod)
                self.tell(PodExited(pod, os.waitstatus_to_exitcode(status), after))

    def _end_strays(self, pod: str) -> None:
        """Send SIGKILL to what the pod has left behind, and to what that starts meanwhile."""
        for _ in range(100):
            left = strays(pod, os.getpid())
            if not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)
            with contextlib.suppress(ChildProcessError):
                for pid in left:
                    if pid not in self._pods:
                        os.waitpid(pid, os.WNOHANG)

    def _kill_descendants(self) -> None:
        """Send SIGKILL to every child, including adopted ones."""
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
