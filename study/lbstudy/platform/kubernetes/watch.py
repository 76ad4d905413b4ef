"""Follows a kind of object through the API: list, then watch, and again if the watch is lost.

lightkube's own watch does not show that it began anew, and then misses deletions in between.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import httpx2
import msgspec

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.api import FREE_WITHIN, Cluster, reason, status_of

ObjectT = TypeVar("ObjectT", wire.Pod, wire.EndpointSlice, wire.Lease, wire.Deployment, wire.Job, wire.Notice)

_GONE: Final = 410
_FINAL: Final = frozenset({401, 403, 404})  # repeating the request would not help
_PAUSE: Final = 0.2  # s until a lost watch is opened again; doubled each time
_LONGEST_PAUSE: Final = 5.0
_GIVE_UP: Final = 60.0  # s without the API
_PAGE: Final = 500
_BURST: Final = 500_000_000  # ns: what comes so soon after opening may have happened while there was no watch
_SILENCE: Final = 90.0  # s without an event or a bookmark (which come each minute): the connection is dead


@dataclass(frozen=True, slots=True)
class WatchReport(Generic[ObjectT]):
    """What a watch reported, all at one instant.

    Attributes:
        at: ns, monotonic: when it was received.
        since: ns, monotonic: it happened after that, as far as the watch can know; ``at`` while it runs.
        changed: objects that are new or changed.
        deleted: objects that are gone.
        complete: whether ``changed`` are all objects, so that all others are gone.
    """

    at: int
    since: int
    changed: tuple[ObjectT, ...] = ()
    deleted: tuple[ObjectT, ...] = ()
    complete: bool = False
    after: str = ""
    """The version up to which nothing was missed before; "": from the beginning."""


@dataclass(slots=True)
class Watch(Generic[ObjectT]):
    """Follows the objects of a kind with some labels in the cluster's namespace.

    Args:
        cluster: the cluster.
        path: the kind's path, such as "api/v1" and "pods".
        kind: the objects' type.
        labels: a label selector.
        tell: called with everything seen, in order.
        report: called with the reason when the watch is lost, and with "" when it is open again.
    """

    cluster: Cluster
    path: tuple[str, str]
    kind: type[ObjectT]
    labels: str
    tell: Callable[[WatchReport[ObjectT]], None]
    report: Callable[[str], object] = lambda _: None
    _version: str = ""  # where the watch continues; "": it begins with a list
    _after: str = ""  # the same, but kept even if the API has forgotten it
    _heard: int = 0  # ns, monotonic: nothing was missed up to then
    _events: msgspec.json.Decoder[wire.WatchLine] = field(
        default_factory=lambda: msgspec.json.Decoder(wire.WatchLine)
    )

    async def run(self) -> None:
        """Follow until cancelled. Raises PlatformError if the API refuses, or is unavailable for too long."""
        pause, away = _PAUSE, 0.0
        while True:
            begun = time.monotonic()
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except _GoneError:
                self._version = ""
                pause, away = _PAUSE, 0.0
                continue
            except (httpx2.HTTPError, TimeoutError, msgspec.DecodeError, OSError) as error:
                self.report(reason(error))
                if status_of(error) in _FINAL:
                    raise PlatformError(f"watching {self.path[1]}: {reason(error)}") from error
                away = 0.0 if time.monotonic() - begun > _LONGEST_PAUSE else away + pause
                if away > _GIVE_UP:
                    raise PlatformError(f"watching {self.path[1]}: {reason(error)}") from error
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE, 2 * pause)
            else:
                pause, away = _PAUSE, 0.0  # the API ends each watch after a while

    async def _list(self) -> None:
        objects: list[ObjectT] = []
        version, more = "", ""
        decoder = msgspec.json.Decoder(_List[self.kind])  # type: ignore[name-defined]  # a type that is known here only
        while True:
            query = {"labelSelector": self.labels, "limit": str(_PAGE)} | ({"continue": more} if more else {})
            asked = time.monotonic_ns()
            answer = await self.cluster.http.get(self._url(), params=query, timeout=15.0)
            _check(answer)
            page: Any = decoder.decode(answer.content)
            objects.extend(page.items)
            version, more = page.metadata.resource_version, page.metadata.continue_
            if not more:
                break
        since = self._heard or asked
        self._tell(WatchReport(time.monotonic_ns(), since, tuple(objects), complete=True, after=self._after))
        self._version = self._after = version

    async def _watch(self) -> None:
        query = {
            "watch": "true",
            "labelSelector": self.labels,
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
        }
        timeout = httpx2.Timeout(15.0, read=_SILENCE, pool=FREE_WITHIN)
        heard = self._heard
        async with self.cluster.http.stream("GET", self._url(), params=query, timeout=timeout) as answer:
            if answer.status_code >= httpx2.codes.BAD_REQUEST:
                await answer.aread()
            _check(answer)
            self.report("")
            opened = time.monotonic_ns()
            async for line in answer.aiter_lines():
                at = time.monotonic_ns()
                self._take(line, at, heard if at - opened < _BURST else at)

    def _take(self, line: str, at: int, since: int) -> None:
        event = self._events.decode(line)
        if event.type == wire.ERROR:
            status = msgspec.json.decode(event.object, type=wire.ApiStatus)
            if status.code == _GONE:
                raise _GoneError
            raise httpx2.ReadError(status.message)
        if event.type == wire.BOOKMARK:
            found_any = msgspec.json.decode(event.object, type=wire.OfAny)
            self._version = self._after = found_any.metadata.resource_version
            self._heard = at
            return
        item = msgspec.json.decode(event.object, type=self.kind)
        self._version = self._after = item.metadata.resource_version
        if event.type == wire.DELETED:
            self._tell(WatchReport(at, since, deleted=(item,)))
        else:
            self._tell(WatchReport(at, since, changed=(item,)))

    def _tell(self, seen: WatchReport[ObjectT]) -> None:
        self._heard = seen.at
        self.tell(seen)

    def _url(self) -> str:
        base, plural = self.path
        return f"/{base}/namespaces/{self.cluster.namespace}/{plural}"


class _GoneError(Exception):
    """The API does not have the version any more at which the watch should continue."""


class _List(msgspec.Struct, Generic[ObjectT]):
    metadata: wire.ListMetadata
    items: list[ObjectT]


def _check(answer: httpx2.Response) -> None:
    if answer.status_code == _GONE:
        raise _GoneError
    answer.raise_for_status()
