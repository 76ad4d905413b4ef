"""Polls channelz and tells every state that a subchannel enters.

Listing a channel is cheap and done often; a subchannel is read when it is new or gone, and otherwise in a
slow sweep: the stamps are gRPC's own, so a late reading is as exact as an early one.
"""

import importlib
import json
import logging
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.discovery.channelz.trace import Entered, news, read_subchannel
from grpc_lb_instrumentor.records import SubchannelEvent, SubchannelState

_logger = logging.getLogger("grpc_lb_instrumentor")

LIST_INTERVAL = 2.0
"""Seconds between two listings. A resolution, after which subchannels come and go, brings one at once."""
MOVING_INTERVAL = 0.25
"""The same while a subchannel connects."""
SWEEP_INTERVAL = 2.0
"""Seconds between two readings of a subchannel that stays; raised with their number (SWEEP_RATE)."""
SWEEP_RATE = 5.0
"""Subchannels read per second at most, in sweeps."""
TRACE_MEMORY = 16 * 1024
"""Bytes of trace that gRPC keeps of a channel or subchannel: at its default of 4096 a busy one forgets."""
_YOUNG, _YOUNG_INTERVAL = 1.0, 0.05  # s; a channel that is closed soon must be listed before
_PENDING_LIMIT = 60.0  # s; a channel that has not shown by then was never made
_SUBCHANNEL_ID = re.compile(rb'"subchannelId":"(\d+)"')
_MOVING = (
    SubchannelState.CREATED,
    SubchannelState.CONNECTING,
)  # the next state is near
_KNOWN = 256  # entries of a trace kept to lay the next reading over; more than fit in TRACE_MEMORY


def keep_orphans() -> None:
    """Have gRPC keep removed subchannels until they are read. Works only before gRPC is imported.

    ``opentelemetry-instrument`` sees to it (``environment_variables``). Where gRPC was imported earlier all
    the same, a removal is stamped when it is noticed, up to LIST_INTERVAL late, and what came just before may
    be lost, unless GRPC_CHANNELZ_MAX_ORPHANED_NODES=1000 was in the process's environment.
    """
    os.environ.setdefault(names.ENV_CHANNELZ_ORPHANS, names.CHANNELZ_ORPHANS)


def channel_options(options: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The options with channelz switched on, unless the application has set it otherwise."""
    given = {name for name, _ in options}
    ours = [("grpc.enable_channelz", 1), ("grpc.max_channel_trace_event_memory_per_node", TRACE_MEMORY)]
    return [*options, *((name, value) for name, value in ours if name not in given)]


class Channelz(Protocol):
    """The three readings of grpc's cygrpc that are used; each raises ValueError for what is not there."""

    def channelz_get_top_channels(self, start_channel_id: int) -> bytes:
        """A page of channels from this id on, as JSON."""

    def channelz_get_channel(self, channel_id: int) -> bytes:
        """One channel, as JSON."""

    def channelz_get_subchannel(self, subchannel_id: int) -> bytes:
        """One subchannel, as JSON."""


@dataclass(slots=True)
class _Channel:
    id: int  # ours
    subchannels: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Subchannel:
    channel: int  # ours; of those that share it, the one that was seen first
    address: str = ""
    known: deque[Entered] = field(default_factory=lambda: deque(maxlen=_KNOWN))
    state: SubchannelState | None = None
    read_at: float = 0.0  # monotonic


@dataclass(frozen=True, slots=True)
class _Expected:
    id: int
    target: str
    until: float


class ChannelzWatcher:
    """One thread for all channels. `on_event` and `on_closed(channel)` are called by whoever polls."""

    def __init__(
        self,
        on_event: Callable[[SubchannelEvent], None],
        on_closed: Callable[[int], None],
        source: Channelz | None = None,
    ) -> None:
        self._on_event = on_event
        self._on_closed = on_closed
        self._source = source
        self._lock = threading.RLock()
        self._expected: list[_Expected] = []
        self._channels: dict[int, _Channel] = {}  # by channelz id
        self._subchannels: dict[int, _Subchannel] = {}
        self._next_id = 1
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._young_until = 0.0  # monotonic
        self._held = False
        self._thread: threading.Thread | None = None

    def expect(self, channel: int, target: str) -> None:
        """A channel with this target is about to be made."""
        with self._lock:
            self._young_until = time.monotonic() + _YOUNG
            self._expected.append(_Expected(channel, _plain(target), time.monotonic() + _PENDING_LIMIT))
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="grpc-lb-channelz", daemon=True)
                self._thread.start()
        self._wake.set()

    def poll(self, *, everything: bool = False, channel: int | None = None) -> None:
        """Look now; read every subchannel, or those of one channel, instead of the new, gone and due ones."""
        with self._lock:
            self._find_channels()
            for channelz_id, known in list(self._channels.items()):
                if channel is None or known.id == channel:
                    self._list(channelz_id, known, everything=everything or channel is not None)
            if channel is None:
                self._sweep(everything=everything)
            elif self._moving():
                self._wake.set()  # the thread may be in its long wait

    def close(self) -> None:
        """Read all there is once more, and stop."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)
        self._guarded(lambda: self.poll(everything=True))

    def before_fork(self) -> None:
        """Stay out of gRPC, which skips its fork handlers while a thread is in it. Waits a second at most."""
        self._held = self._lock.acquire(timeout=1.0)

    def after_fork(self) -> None:
        """In the parent: go on."""
        if self._held:
            self._lock.release()

    def forget(self) -> None:
        """After a fork, in the child: there is no thread, and the channels are the parent's."""
        self._stop.set()

    # --- the thread ---

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(self._interval())
            self._wake.clear()
            self._guarded(self.poll)

    def _interval(self) -> float:
        if time.monotonic() < self._young_until:
            return _YOUNG_INTERVAL
        return MOVING_INTERVAL if self._moving() else LIST_INTERVAL

    def _moving(self) -> bool:
        with self._lock:
            return any(one.state in _MOVING for one in self._subchannels.values())

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            _logger.debug("channelz could not be read", exc_info=True)

    def _read(self) -> Channelz:
        if self._source is None:
            # Late, so that `keep_orphans` comes before gRPC is loaded; and cygrpc has no type stubs.
            self._source = cast("Channelz", importlib.import_module("grpc._cython.cygrpc"))
        return self._source

    # --- channels ---

    def _find_channels(self) -> None:
        """Match what gRPC has made since the last look with what was expected, in order of creation."""
        while self._expected:
            page = _json(self._read().channelz_get_top_channels(self._next_id))
            found = page.get("channel", [])
            for entry in found:
                channelz_id = int(entry["ref"]["channelId"])
                self._next_id = max(self._next_id, channelz_id + 1)
                target = _plain(entry["data"].get("target", ""))
                match = next((one for one in self._expected if one.target == target), None)
                if match is not None:
                    self._expected.remove(match)
                    self._channels[channelz_id] = _Channel(match.id)
            if page.get("end", True) or not found:
                break
        now = time.monotonic()
        self._expected = [one for one in self._expected if one.until > now]

    def _list(self, channelz_id: int, channel: _Channel, *, everything: bool) -> None:
        try:
            text = self._read().channelz_get_channel(channelz_id)
        except ValueError:
            text = b'"state":"SHUTDOWN"'
        listed = frozenset(map(int, _SUBCHANNEL_ID.findall(text)))
        due = listed if everything else listed - channel.subchannels
        for subchannel_id in sorted(due | (channel.subchannels - listed)):
            self._subchannels.setdefault(subchannel_id, _Subchannel(channel.id))
            self._read_subchannel(subchannel_id)
        channel.subchannels = listed
        if b'"state":"SHUTDOWN"' in text:
            del self._channels[channelz_id]
            self._on_closed(channel.id)

    # --- subchannels ---

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
            # Gone, and gRPC did not keep it: see keep_orphans.
            self._enter(subchannel_id, subchannel, Entered(SubchannelState.REMOVED, time.time_ns()))
            return
        subchannel.address = reading.address or subchannel.address
        for entered in news(tuple(subchannel.known), reading.entered):
            subchannel.known.append(entered)
            self._enter(subchannel_id, subchannel, entered)

    def _enter(self, subchannel_id: int, subchannel: _Subchannel, entered: Entered) -> None:
        if entered.state is SubchannelState.REMOVED:
            del self._subchannels[subchannel_id]
        event = SubchannelEvent(
            channel=subchannel.channel,
            subchannel=subchannel_id,
            address=subchannel.address,
            state=entered.state,
            at=entered.at,
            previous=subchannel.state,
        )
        subchannel.state = entered.state
        self._on_event(event)


def _plain(target: str) -> str:
    """A target as the application may have written it and as channelz renders it, made the same."""
    return target.removeprefix("dns:///")


def _json(text: bytes) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(text)
    return parsed
