"""Following a kind of object through the API: list, then watch, and again whatever happens to the watch.

lightkube's own watch hides that it began anew, after which it tells of no deletion in between.
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
from lbstudy.platform.kubernetes.api import Cluster, reason, status_of

ObjectT = TypeVar("ObjectT", wire.Pod, wire.EndpointSlice, wire.Lease)

_GONE: Final = 410
_FINAL: Final = frozenset({401, 403, 404})  # asking again changes nothing
_PAUSE: Final = 0.2  # s, before a watch that was lost is opened again; doubled each time
_LONGEST_PAUSE: Final = 5.0
_GIVE_UP: Final = 60.0  # s without the API
_PAGE: Final = 500
_BURST: Final = 500_000_000  # ns: what comes so soon may have happened while nobody watched
_SILENCE: Final = 90.0  # s without an event or a bookmark (which come each minute): the connection is dead


@dataclass(frozen=True, slots=True)
class Seen(Generic[ObjectT]):
    """What a watch told, all at one instant.

    Attributes:
        at: ns, monotonic: when it was received.
        since: ns, monotonic: it happened after that, as far as the watch can tell; ``at`` while it runs.
        changed: objects that are new or other than before.
        deleted: objects that are gone.
        complete: ``changed`` are all that there are: what is not among them is gone.
    """

    at: int
    since: int
    changed: tuple[ObjectT, ...] = ()
    deleted: tuple[ObjectT, ...] = ()
    complete: bool = False


@dataclass(slots=True)
class Watch(Generic[ObjectT]):
    """Follows the objects of a kind with some labels in the cluster's namespace.

    Args:
        cluster: whose.
        path: of the kind, such as "api/v1" and "pods".
        kind: of the objects.
        labels: a label selector.
        tell: is given everything seen, in order.
    """

    cluster: Cluster
    path: tuple[str, str]
    kind: type[ObjectT]
    labels: str
    tell: Callable[[Seen[ObjectT]], None]
    _version: str = ""  # the watch goes on from there; "": it begins with a list
    _heard: int = 0  # ns, monotonic: up to then nothing was missed
    _events: msgspec.json.Decoder[wire.Event] = field(
        default_factory=lambda: msgspec.json.Decoder(wire.Event)
    )

    async def run(self) -> None:
        """Follow until cancelled. Raises PlatformError when the API refuses, or is away for too long."""
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
        found: list[ObjectT] = []
        version, more = "", ""
        decoder = msgspec.json.Decoder(_LISTS[self.kind])
        while True:
            query = {"labelSelector": self.labels, "limit": str(_PAGE)} | ({"continue": more} if more else {})
            asked = time.monotonic_ns()
            answer = await self.cluster.http.get(self._url(), params=query, timeout=15.0)
            _check(answer)
            page: Any = decoder.decode(answer.content)
            found.extend(page.items)
            version, more = page.metadata.resource_version, page.metadata.continue_
            if not more:
                break
        since = self._heard or asked
        self._tell(Seen(time.monotonic_ns(), since, tuple(found), complete=True))
        self._version = version

    async def _watch(self) -> None:
        query = {
            "watch": "true",
            "labelSelector": self.labels,
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
        }
        timeout = httpx2.Timeout(15.0, read=_SILENCE, pool=None)
        heard = self._heard
        async with self.cluster.http.stream("GET", self._url(), params=query, timeout=timeout) as answer:
            if answer.status_code >= httpx2.codes.BAD_REQUEST:
                await answer.aread()
            _check(answer)
            opened = time.monotonic_ns()
            async for line in answer.aiter_lines():
                at = time.monotonic_ns()
                self._take(line, at, heard if at - opened < _BURST else at)

    def _take(self, line: str, at: int, since: int) -> None:
        event = self._events.decode(line)
        if event.type == wire.ERROR:
            status = msgspec.json.decode(event.object, type=wire.Status)
            if status.code == _GONE:
                raise _GoneError
            raise httpx2.ReadError(status.message)
        if event.type == wire.BOOKMARK:
            self._version = msgspec.json.decode(event.object, type=wire.OfAny).metadata.resource_version
            self._heard = at
            return
        found = msgspec.json.decode(event.object, type=self.kind)
        self._version = found.metadata.resource_version
        if event.type == wire.DELETED:
            self._tell(Seen(at, since, deleted=(found,)))
        else:
            self._tell(Seen(at, since, changed=(found,)))

    def _tell(self, seen: Seen[ObjectT]) -> None:
        self._heard = seen.at
        self.tell(seen)

    def _url(self) -> str:
        base, plural = self.path
        return f"/{base}/namespaces/{self.cluster.namespace}/{plural}"


class _GoneError(Exception):
    """The API does not remember the version that the watch was to go on from."""


class _PodList(msgspec.Struct):
    metadata: wire.ListMetadata
    items: list[wire.Pod]


class _SliceList(msgspec.Struct):
    metadata: wire.ListMetadata
    items: list[wire.EndpointSlice]


class _LeaseList(msgspec.Struct):
    metadata: wire.ListMetadata
    items: list[wire.Lease]


_LISTS: Final[dict[type[Any], type[Any]]] = {
    wire.Pod: _PodList,
    wire.EndpointSlice: _SliceList,
    wire.Lease: _LeaseList,
}


def _check(answer: httpx2.Response) -> None:
    if answer.status_code == _GONE:
        raise _GoneError
    answer.raise_for_status()
