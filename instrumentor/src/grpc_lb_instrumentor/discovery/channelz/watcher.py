"""Polls channelz and reports every state that a subchannel enters.

A subchannel is read when it is new or gone, and otherwise in a slow sweep: the stamps are gRPC's own, so a
late reading is as exact as an early one. But a subchannel must be listed once while its channel exists. So
channels are listed in turn, at a limited rate, and once more just before they are closed.
"""

import importlib
import json
import logging
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Protocol, cast

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.discovery.channelz.trace import Entered, news, parse_stamp, read_subchannel
from grpc_lb_instrumentor.records import SubchannelEvent, SubchannelState

_logger = logging.getLogger("grpc_lb_instrumentor")

LIST_INTERVAL = 2.0
"""Seconds between two listings. A resolution, which may change subchannels, triggers one at once."""
LIST_RATE = 5.0
"""Most channels listed per second: with more than 10 of them, the interval grows."""
MOVING_INTERVAL = 0.25
"""Seconds between two readings of a subchannel that is connecting."""
SWEEP_INTERVAL = 2.0
"""Seconds between two readings of an unchanged subchannel; more if there are many (SWEEP_RATE)."""
SWEEP_RATE = 5.0
"""Most subchannels read per second in sweeps."""
TRACE_MEMORY = 16 * 1024
"""Bytes of trace that gRPC keeps of a channel or subchannel: with its default of 4096, a busy one loses some.
"""
_YOUNG, _YOUNG_INTERVAL = 1.0, 0.05  # s; a channel's first subchannels come and go
_YOUNG_AT_ONCE = 4  # young channels listed in one look
_FRESH = 1.5 * LIST_INTERVAL  # s; a channel that is not young and was listed so recently is known
_PENDING_LIMIT = 60.0  # s; a channel that has not appeared by then was never made
_OVERDUE = 0.5  # s; a channel that has not appeared by then is looked for among all
_SHIFT = 5_000_000  # ns by which gRPC's stamp of a channel's creation may be wrong
_SUBCHANNEL_ID = re.compile(rb'"subchannelId":"(\d+)"')
_CHANNEL_ID = re.compile(rb'"channelId":"(\d+)"')
_MOVING = (
    SubchannelState.CREATED,
    SubchannelState.CONNECTING,
)  # the next state comes soon
_REMOVED_KEPT = 4096
_KNOWN = 256  # entries of a trace that are kept for comparison; more than fit in TRACE_MEMORY


def keep_orphans() -> None:
    """Make gRPC keep removed subchannels until they are read. Works only before gRPC is imported.

    ``opentelemetry-instrument`` does this (``environment_variables``). If gRPC was imported earlier, a
    removal is stamped when it is noticed, up to LIST_INTERVAL late, and the states just before it may be
    lost, unless GRPC_CHANNELZ_MAX_ORPHANED_NODES=1000 is in the process's environment.
    """
    os.environ.setdefault(names.ENV_CHANNELZ_ORPHANS, names.CHANNELZ_ORPHANS)


def channel_options(options: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return the options with channelz enabled, unless the application has set it."""
    given = {name for name, _ in options}
    ours = [("grpc.enable_channelz", 1), ("grpc.max_channel_trace_event_memory_per_node", TRACE_MEMORY)]
    return [*options, *((name, value) for name, value in ours if name not in given)]


class Channelz(Protocol):
    """The functions of grpc's cygrpc that are used; each raises ValueError for an id that does not exist."""

    def channelz_get_top_channels(self, start_channel_id: int) -> bytes:
        """Return a page of channels from this id on, as JSON."""

    def channelz_get_channel(self, channel_id: int) -> bytes:
        """Return one channel as JSON."""

    def channelz_get_subchannel(self, subchannel_id: int) -> bytes:
        """Return one subchannel as JSON."""


@dataclass(slots=True)
class _Channel:
    id: int  # our id
    target: str  # as the application gave it
    born: float  # monotonic
    listed_at: float = 0.0  # monotonic
    subchannels: frozenset[int] = frozenset()
    shut: bool = False  # whether channelz says that it is closed


@dataclass(slots=True)
class _Subchannel:
    channel: int  # our id; of those that share it, the channel that was seen first
    target: str  # the target of that channel
    address: str = ""
    known: deque[Entered] = field(default_factory=lambda: deque(maxlen=_KNOWN))
    state: SubchannelState | None = None
    read_at: float = 0.0  # monotonic


@dataclass(frozen=True, slots=True)
class _Expected:
    id: int
    led: str  # the target that gRPC knows
    target: str  # as the application gave it
    at: int  # ns since the Unix epoch; it is made after this
    until: float  # monotonic


@dataclass(frozen=True, slots=True)
class _Look:
    """What channelz said just before a channel was closed."""

    channelz_id: int | None  # None: pages of channels
    texts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Closed:
    channel: int


class ChannelzWatcher:
    """One thread for all channels, while there are any.

    Whoever polls calls `on_event` and `on_closed(channel)`; its thread calls `on_looked` after a look.
    """

    def __init__(
        self,
        on_event: Callable[[SubchannelEvent], None],
        on_closed: Callable[[int], None],
        on_looked: Callable[[], None],
        source: Channelz | None = None,
    ) -> None:
        self._on_event = on_event
        self._on_closed = on_closed
        self._on_looked = on_looked
        self._source = source
        self._lock = threading.RLock()
        self._expected: list[_Expected] = []
        self._channels: dict[int, _Channel] = {}  # by channelz id
        self._channelz_ids: dict[int, int | None] = {}  # by our id; None: unknown yet
        self._subchannels: dict[int, _Subchannel] = {}
        self._next_id = 1
        self._matched: dict[int, None] = {}  # the latest channelz ids of expected channels
        # What closing channels report: a finaliser may run anywhere, and may put into this queue anywhere.
        self._inbox: SimpleQueue[_Look | _Closed | None] = SimpleQueue()
        self._attended: set[int] = set()  # channels that are not read
        self._removed: dict[
            int, None
        ] = {}  # subchannels whose end was reported: an old listing may contain them again
        self._quiet = False
        self._young_until = 0.0  # monotonic
        self._held = False
        self._thread: threading.Thread | None = None

    def attend(self, channel: int) -> None:
        """Note a channel that is not read: `closed` will report its end."""
        with self._lock:
            self._attended.add(channel)
            self._start()

    def expect(self, channel: int, led: str, target: str) -> None:
        """Note that a channel is about to be made; gRPC calls its target `led`, the application `target`."""
        with self._lock:
            now = time.monotonic()
            self._young_until = now + _YOUNG
            self._channelz_ids[channel] = None
            self._expected.append(
                _Expected(channel, _plain(led), target, time.time_ns(), now + _PENDING_LIMIT)
            )
            self._start()
        self._inbox.put(None)

    def look(self, channel: int) -> None:
        """Read what channelz says before the channel is closed: afterwards it is gone.

        May be called from anywhere, including a finaliser: it takes no lock, and leaves the rest to the
        thread.
        """
        # before the next line: a channel without an id by then will be found from here on
        start = self._next_id
        channelz_id = self._channelz_ids.get(channel, 0)
        read = self._read()
        if channelz_id is None:
            self._inbox.put(_Look(None, tuple(_pages(read, start))))
            return
        known = self._channels.get(channelz_id)
        now = time.monotonic()
        if known is None or (
            known.subchannels and now - known.born > _YOUNG and now - known.listed_at < _FRESH
        ):
            return
        self._inbox.put(_Look(channelz_id, (read.channelz_get_channel(channelz_id),)))

    def closed(self, channel: int) -> None:
        """Note that the channel is closed. May be called from anywhere, like `look`."""
        self._inbox.put(_Closed(channel))

    def is_shut(self, channel: int) -> bool:
        """Return whether channelz said at the last look that the channel is closed."""
        known = self._channels.get(self._channelz_ids.get(channel) or 0)
        return known is not None and known.shut

    def poll(self, *, everything: bool = False, channels: Sequence[int] = ()) -> None:
        """Look now; read all subchannels, or those of some channels, instead of new, removed or due ones."""
        with self._lock:
            self._find_channels(everything=everything)
            wanted = frozenset(channels)
            if channels:
                listing = [(key, channel) for key, channel in self._channels.items() if channel.id in wanted]
            elif everything:
                listing = list(self._channels.items())
            else:
                listing = self._due()
            for channelz_id, known in listing:
                self._list(channelz_id, known, everything=everything or bool(channels))
            if not channels:
                self._sweep(everything=everything)
            elif self._moving():
                self._inbox.put(None)  # the thread may be in its long wait

    def read_known(self, channels: Iterable[int]) -> None:
        """Read the known subchannels of these channels."""
        wanted = frozenset(channels)
        with self._lock:
            for subchannel_id, subchannel in list(self._subchannels.items()):
                if subchannel.channel in wanted:
                    self._read_subchannel(subchannel_id)

    def close(self) -> None:
        """Read everything once more; from now on report only the end of channels."""
        self._drain()
        self._guarded(lambda: self.poll(everything=True))
        with self._lock:
            self._quiet = True
        self._inbox.put(None)

    def stop(self) -> None:
        """Stop: no channel matters any more."""
        with self._lock:
            self._attended.clear()
            self._expected.clear()
            self._channels.clear()
            self._channelz_ids.clear()
            self._subchannels.clear()
            thread = self._thread
        self._inbox.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    def before_fork(self) -> None:
        """Stay out of gRPC, which skips its fork handlers while a thread is in it. Waits at most a second."""
        self._held = self._lock.acquire(timeout=1.0)

    def after_fork(self) -> None:
        """Continue, in the parent."""
        if self._held:
            self._lock.release()

    def forget(self) -> None:
        """Drop everything, in the child after a fork: it has no thread, and the channels are the parent's."""
        self._channelz_ids.clear()

    # --- the thread ---

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="grpc-lb-channelz", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                message = self._inbox.get(timeout=self._interval())
                self._guarded(lambda message=message: self._take(message))  # type: ignore[misc]  # bound now
            except Empty:
                pass
            self._drain()
            self._guarded(self.poll)
            self._guarded(self._on_looked)
            with self._lock:
                if not (self._channels or self._expected or self._attended) and self._inbox.empty():
                    if self._subchannels and not self._quiet:
                        continue  # their ends must still be reported
                    self._thread = None
                    return

    def _drain(self) -> None:
        while True:
            try:
                message = self._inbox.get_nowait()
            except Empty:
                return
            self._guarded(lambda message=message: self._take(message))  # type: ignore[misc]  # bound now

    def _take(self, message: _Look | _Closed | None) -> None:
        with self._lock:
            if isinstance(message, _Closed):
                self._end(message.channel)
            elif message is not None and message.channelz_id is None:
                for text in message.texts:
                    self._match(_json(text).get("channel", []))
            elif message is not None:
                known = self._channels.get(message.channelz_id or 0)
                if known is not None:
                    self._seen(known, map(int, _SUBCHANNEL_ID.findall(message.texts[0])))

    def _end(self, channel: int) -> None:
        """Note that a channel is closed, as it or channelz says."""
        self._attended.discard(channel)
        channelz_id = self._channelz_ids.pop(channel, None)
        self._expected = [expected for expected in self._expected if expected.id != channel]
        if channelz_id is not None:
            known = self._channels.pop(channelz_id, None)
            if known is not None:
                for subchannel_id in sorted(known.subchannels):
                    self._read_subchannel(subchannel_id)
        self._on_closed(channel)

    def _interval(self) -> float:
        if time.monotonic() < self._young_until:
            return _YOUNG_INTERVAL
        return MOVING_INTERVAL if self._moving() else LIST_INTERVAL

    def _moving(self) -> bool:
        with self._lock:
            return any(subchannel.state in _MOVING for subchannel in self._subchannels.values())

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            _logger.debug("channelz could not be read", exc_info=True)

    def _read(self) -> Channelz:
        if self._source is None:
            # Imported late, so that `keep_orphans` runs before gRPC is loaded. cygrpc has no type stubs.
            self._source = cast("Channelz", importlib.import_module("grpc._cython.cygrpc"))
        return self._source

    # --- channels ---

    def _find_channels(self, *, everything: bool) -> None:
        now = time.monotonic()
        if self._expected:
            # A channel that is being made while channelz is read has a number, but may be missing from the
            # list, while one with a higher number is in it.
            anew = everything or any(
                expected.until - now < _PENDING_LIMIT - _OVERDUE for expected in self._expected
            )
            for text in _pages(self._read(), 1 if anew else self._next_id):
                self._match(_json(text).get("channel", []))
        for late in [expected for expected in self._expected if expected.until <= now]:
            self._end(late.id)

    def _match(self, entries: Sequence[dict[str, Any]]) -> None:
        """Match what gRPC has made since the last look with what was expected, in order of creation."""
        now = time.monotonic()
        # channelz numbers channels when it is first asked for them, which is not in order.
        for entry in sorted(entries, key=_created):
            channelz_id = int(entry["ref"]["channelId"])
            if channelz_id not in self._matched:
                led, made = _plain(entry["data"].get("target", "")), _created(entry)
                match = next(
                    (
                        expected
                        for expected in self._expected
                        if expected.led == led
                        and (channelz_id >= self._next_id or made >= expected.at - _SHIFT)
                    ),
                    None,
                )
                if match is not None:
                    self._expected.remove(match)
                    self._matched[channelz_id] = None
                    while len(self._matched) > _REMOVED_KEPT:
                        del self._matched[next(iter(self._matched))]
                    self._channels[channelz_id] = _Channel(match.id, match.target, now)
                    self._channelz_ids[match.id] = channelz_id
            known = self._channels.get(channelz_id)
            if known is not None:
                self._seen(
                    known, (int(reference["subchannelId"]) for reference in entry.get("subchannelRef", ()))
                )
        self._next_id = max([self._next_id, *(int(entry["ref"]["channelId"]) + 1 for entry in entries)])

    def _due(self) -> list[tuple[int, _Channel]]:
        """Return the channels whose turn it is."""
        now = time.monotonic()
        interval = max(LIST_INTERVAL, len(self._channels) / LIST_RATE)
        young = [item for item in self._channels.items() if now - item[1].born < _YOUNG]
        young = sorted(young, key=lambda item: item[1].listed_at)[:_YOUNG_AT_ONCE]
        due = [
            item
            for item in self._channels.items()
            if now - item[1].born >= _YOUNG and now - item[1].listed_at >= interval
        ]
        due.sort(key=lambda item: item[1].listed_at)
        return young + due[: int(LIST_RATE * LIST_INTERVAL)]

    def _list(self, channelz_id: int, channel: _Channel, *, everything: bool) -> None:
        channel.listed_at = time.monotonic()
        try:
            text = self._read().channelz_get_channel(channelz_id)
        except ValueError:
            text = b'"state":"SHUTDOWN"'
        listed = frozenset(map(int, _SUBCHANNEL_ID.findall(text)))
        due = listed if everything else listed - channel.subchannels
        gone = channel.subchannels - listed
        channel.subchannels = listed
        for subchannel_id in sorted(due | gone):
            self._found(subchannel_id, channel)
        if b'"state":"SHUTDOWN"' in text:
            channel.shut = True
            self._inbox.put(_Closed(channel.id))  # after what was seen before its end

    def _seen(self, channel: _Channel, subchannels: Iterable[int]) -> None:
        """Note subchannels that a channel had at some time."""
        new = frozenset(subchannels) - channel.subchannels
        channel.subchannels |= new
        for subchannel_id in sorted(new):
            self._found(subchannel_id, channel)

    # --- subchannels ---

    def _found(self, subchannel_id: int, channel: _Channel) -> None:
        if subchannel_id not in self._removed:
            self._subchannels.setdefault(subchannel_id, _Subchannel(channel.id, channel.target))
            self._read_subchannel(subchannel_id)

    def _sweep(self, *, everything: bool) -> None:
        now = time.monotonic()
        due = now - max(SWEEP_INTERVAL, len(self._subchannels) / SWEEP_RATE)
        for subchannel_id, subchannel in list(self._subchannels.items()):
            moving = subchannel.state in _MOVING and subchannel.read_at < now - MOVING_INTERVAL / 2
            if everything or moving or subchannel.read_at <= due:
                self._read_subchannel(subchannel_id)

    def _read_subchannel(self, subchannel_id: int) -> None:
        subchannel = self._subchannels.get(subchannel_id)
        if subchannel is None:
            return
        subchannel.read_at = time.monotonic()
        try:
            reading = read_subchannel(self._read().channelz_get_subchannel(subchannel_id))
        except ValueError:
            # It is gone, and gRPC did not keep it: see keep_orphans.
            self._enter(subchannel_id, subchannel, Entered(SubchannelState.REMOVED, time.time_ns()))
            return
        subchannel.address = reading.address or subchannel.address
        for entered in news(tuple(subchannel.known), reading.entered):
            subchannel.known.append(entered)
            self._enter(subchannel_id, subchannel, entered)

    def _enter(self, subchannel_id: int, subchannel: _Subchannel, entered: Entered) -> None:
        if entered.state is SubchannelState.REMOVED:
            del self._subchannels[subchannel_id]
            self._removed[subchannel_id] = None
            while len(self._removed) > _REMOVED_KEPT:
                del self._removed[next(iter(self._removed))]
        event = SubchannelEvent(
            channel=subchannel.channel,
            subchannel=subchannel_id,
            address=subchannel.address,
            state=entered.state,
            at=entered.at,
            previous=subchannel.state,
            target=subchannel.target,
        )
        subchannel.state = entered.state
        self._on_event(event)


def _pages(source: Channelz, start: int) -> Iterable[bytes]:
    """Yield the pages of channels from this id on, as channelz has them now."""
    while True:
        text = source.channelz_get_top_channels(start)
        yield text
        ids = _CHANNEL_ID.findall(text)
        if not ids or b'"end":true' in text:
            return
        start = max(map(int, ids)) + 1


def _created(entry: dict[str, Any]) -> int:
    try:
        return parse_stamp(entry["data"]["trace"]["creationTimestamp"])
    except (KeyError, ValueError):
        return 0


def _plain(target: str) -> str:
    """Return a target in the same form, whether the application or channelz wrote it."""
    return target.removeprefix("dns:///")


def _json(text: bytes) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(text)
    return parsed
