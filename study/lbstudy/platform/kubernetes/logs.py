"""Follows what pods write from beginning to end, because a pod's log is deleted with the pod."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import httpx2

from lbstudy.platform.kubernetes.api import Cluster, status_of

_PAUSE: Final = 0.2  # s until the log is requested again
_AFTER_THE_END: Final = 5.0  # s for which the log of an ended pod is requested again if it breaks off


class PodLog:
    """Writes a container's log to a file until the container has ended.

    Args:
        cluster: the cluster.
        pod: the pod's name.
        container: the container's name.
        file: the file. If the log must be read again from its beginning, its content is replaced; the log of
            a restarted container is appended.
        on_line: called with each complete line once, without its line end.
    """

    def __init__(
        self,
        cluster: Cluster,
        pod: str,
        container: str,
        file: Path,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self._cluster = cluster
        self._pod = pod
        self._container = container
        self._file = file
        self._on_line = on_line
        self._told = 0  # lines read of this container
        self._first = b""  # the first line, which distinguishes this container's log from the next one's
        self._before = 0  # bytes of earlier containers
        self.ended = asyncio.Event()
        """Set when the pod is known to have ended: a log that ends after that is complete."""

    async def follow(self) -> None:
        """Follow until the pod has ended and its log was read completely, or cannot be read any more."""
        deadline: float | None = None
        while True:
            was_ended = self.ended.is_set()
            if was_ended and deadline is None:
                deadline = time.monotonic() + _AFTER_THE_END
            try:
                await self._read(follow=not was_ended)
                # After a restart the log begins anew; after the container's end it is complete.
                if was_ended or await self._ends_soon():
                    return
            except (httpx2.HTTPError, OSError) as error:
                if status_of(error) == httpx2.codes.NOT_FOUND or (deadline and time.monotonic() > deadline):
                    return
            await asyncio.sleep(_PAUSE)

    async def _ends_soon(self) -> bool:
        """Return whether the pod ends with its log, as it does unless its container is restarted."""
        try:
            async with asyncio.timeout(_AFTER_THE_END):
                await self.ended.wait()
        except TimeoutError:
            return False
        return True

    async def _read(self, *, follow: bool) -> None:
        url = f"/api/v1/namespaces/{self._cluster.namespace}/pods/{self._pod}/log"
        query = {"container": self._container, "follow": "true" if follow else "false"}
        lines = 0
        async with self._cluster.http.stream("GET", url, params=query) as answer:
            if answer.status_code >= httpx2.codes.BAD_REQUEST:
                await answer.aread()
            answer.raise_for_status()
            with self._file.open("r+b" if self._file.exists() else "w+b") as out:
                out.seek(self._before)
                rest = b""
                async for chunk in answer.aiter_bytes():
                    *complete, rest = (rest + chunk).split(b"\n")
                    if not lines and complete:
                        self._begin(complete[0], out)
                    out.write(chunk)
                    out.flush()
                    for line in complete:
                        lines += 1
                        self._tell(lines, line)

    def _begin(self, first: bytes, out: BinaryIO) -> None:
        """Note the beginning of a log: the same as before, or that of another container."""
        if self._first and first != self._first:
            self._before = out.seek(0, os.SEEK_END)
            self._told = 0
        self._first = first

    def _tell(self, number: int, line: bytes) -> None:
        if number > self._told:
            self._told = number
            if self._on_line is not None:
                self._on_line(line.decode("utf-8", "replace"))
