"""The logs of a run's pods, one file each, without one connection for each pod.

Pods whose lines matter as they come (the observer and the control planes, a few in a run) are followed, and
so are the first of those that leave no last words. The logs of all others are read when a container or the
pod ends. Only some are read at once, so that a thousand pods need no more connections than a hundred.

A server's last line, its own count, is also its container's termination message. The watch of pods reports
that with the container's status, even if the log is gone with its pod.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import httpx2

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import Cluster, reason, status_of
from lbstudy.platform.kubernetes.logs import PodLog
from lbstudy.platform.kubernetes.pods import KnownPod

AT_ONCE: Final = 16
"""Logs that are read at the same time."""
KEPT_AT_MOST: Final = 40
"""Logs that are followed only to be kept (see ``keep``): a connection to the API each, and it has 100."""
_READ_WITHIN: Final = 30.0  # s for one log, once its turn has come
_PAUSE: Final = 0.5  # s until a log is requested again
_LOST: Final = b"unable to retrieve container logs"
"""The API's answer, in place of a log, if the node has removed the container already."""
_GONE: Final = frozenset({httpx2.codes.NOT_FOUND, httpx2.codes.BAD_REQUEST})

Reader = Callable[[str], None]


def keep(_: str) -> None:
    """Read no line: the reader of a log that is followed so that none of it is lost with its pod."""


class PodLogs:
    """Files of what pods wrote.

    Args:
        cluster: the cluster.
        folder: the folder of <pod>.out.
        container: returns the name of a workload's container.
        reader: returns what reads a workload's lines as they come; None: nothing does.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        container: Callable[[str], str],
        reader: Callable[[str], Reader | None],
    ) -> None:
        self._cluster = cluster
        self._folder = folder
        self._container = container
        self._reader = reader
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._followed: dict[str, tuple[PodLog, asyncio.Task[None]]] = {}  # by the pod's uid
        self._read: dict[str, _EndLog] = {}  # by the pod's uid
        self._reading: dict[str, asyncio.Task[None]] = {}  # by the pod's uid: the last one that was begun
        self._tasks: set[asyncio.Task[None]] = set()  # all that are running

    def file(self, pod: str) -> Path:
        """Return the file of a pod's log."""
        return self._folder / f"{pod}.out"

    def started(self, pod: KnownPod) -> None:
        """Note that a pod's container has started."""
        reader = self._reader(pod.deployment)
        container = self._container(pod.deployment)
        if reader is None or (reader is keep and self._followed_now() >= KEPT_AT_MOST):
            self._read[pod.uid] = _EndLog(self._cluster, pod.name, container, self.file(pod.name))
        else:
            log = PodLog(self._cluster, pod.name, container, self.file(pod.name), reader)
            self._followed[pod.uid] = (log, asyncio.create_task(log.follow()))

    def _followed_now(self) -> int:
        return sum(not task.done() for _, task in self._followed.values())

    def restarted(self, pod: KnownPod) -> None:
        """Note a restart: read what the earlier container wrote while it is available."""
        if log := self._read.get(pod.uid):
            self._then(pod, log.read_previous())

    def leaving(self, pod: KnownPod) -> None:
        """Note that a pod is told to end: read its log now, in case the rest is deleted with it."""
        if log := self._read.get(pod.uid):
            self._then(pod, log.read())

    def ended(self, pod: KnownPod) -> None:
        """Note that a pod has ended."""
        if pod.uid in self._followed:
            self._followed[pod.uid][0].ended.set()
        elif log := self._read.get(pod.uid):
            self._then(pod, log.read_all(pod.last_words))

    async def complete(self, pod: KnownPod) -> None:
        """Wait until everything that an ended pod wrote is in its file. Raises PlatformError."""
        if pod.uid in self._followed:
            await asyncio.wait({self._followed[pod.uid][1]}, timeout=_READ_WITHIN)
        if pod.uid in self._reading:
            await asyncio.shield(self._reading[pod.uid])
            if failure := self._read[pod.uid].failure:
                raise PlatformError(f"the log of {pod.name} cannot be read: {failure}")

    async def read_those_present(self, pods: list[KnownPod], within: float) -> None:
        """Read what running pods have written so far, as far as that is possible in so many seconds."""
        for pod in pods:
            self.leaving(pod)
        await self.finish(within)

    async def finish(self, within: float) -> int:
        """Wait for logs that are being read; returns how many were not read completely in that time."""
        tasks = set(self._tasks)
        tasks |= {task for log, task in self._followed.values() if log.ended.is_set() and not task.done()}
        if not tasks:
            return 0
        _, left = await asyncio.wait(tasks, timeout=within)
        return len(left)

    async def stop(self) -> None:
        """Stop reading."""
        tasks = [*self._tasks, *(task for _, task in self._followed.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _then(self, pod: KnownPod, work: Coroutine[Any, Any, None]) -> None:
        """Do this after what was begun earlier with that pod's log."""
        task = asyncio.create_task(self._in_turn(self._reading.get(pod.uid), work))
        self._reading[pod.uid] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_turn(self, before: asyncio.Task[None] | None, work: Coroutine[Any, Any, None]) -> None:
        try:
            if before is not None:
                await asyncio.wait({before})
            async with self._slots:
                await work
        finally:
            work.close()  # never started, because this was cancelled


class _EndLog:
    """The log of a pod that is read when something ends."""

    def __init__(self, cluster: Cluster, pod: str, container: str, file: Path) -> None:
        self._cluster = cluster
        self._pod = pod
        self._container = container
        self._file = file
        self._earlier = b""  # of earlier containers
        self._own = b""  # of this container
        self.failure = ""  # why the log could not be read to its end

    async def read_previous(self) -> None:
        """Read what the earlier container wrote, as far as it is still available."""
        text, _ = await self._ask(previous=True)
        self._earlier += text if text.startswith(self._own) else self._own
        self._earlier += _line(event="restarted", by="kubelet")
        self._own = b""
        self._write()

    async def read(self) -> None:
        """Read what there is now."""
        text, self.failure = await self._ask(previous=False)
        self._take(text)

    async def read_all(self, last_words: str) -> None:
        """Read everything, now that the pod has ended; its termination message is known in any case."""
        said = last_words.strip().encode()
        if said and self._own:  # it was read when the pod was told to end, and the message is its last line
            self._take(self._own if said in self._own else self._own + said + b"\n")
            return
        deadline = time.monotonic() + _READ_WITHIN
        while True:
            text, self.failure = await self._ask(previous=False)
            if not self.failure or time.monotonic() > deadline:
                break
            await asyncio.sleep(_PAUSE)
        if said and said not in text:
            text += said + b"\n"
        self._take(text)

    def _take(self, text: bytes) -> None:
        if len(text) > len(self._own):  # a deleted log must not replace what was read before
            self._own = text
        self._write()

    def _write(self) -> None:
        try:
            self._file.write_bytes(self._earlier + self._own)
        except OSError as error:
            self.failure = f"{self._file}: {(error.strerror or str(error)).lower()}"

    async def _ask(self, *, previous: bool) -> tuple[bytes, str]:
        """Return the log, and why it could not be read; a deleted log is empty, which is not a failure."""
        url = f"/api/v1/namespaces/{self._cluster.namespace}/pods/{self._pod}/log"
        query = {"container": self._container, "previous": "true" if previous else "false"}
        try:
            answer = await self._cluster.http.get(url, params=query, timeout=_READ_WITHIN)
            answer.raise_for_status()
        except httpx2.HTTPError as error:
            return b"", "" if status_of(error) in _GONE else reason(error)
        return (b"" if answer.content.startswith(_LOST) else answer.content), ""


def _line(**said: str) -> bytes:
    return json.dumps(said).encode() + b"\n"
