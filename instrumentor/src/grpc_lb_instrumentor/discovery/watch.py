"""The watch of resolver updates and subchannels: what the wrapped channels report to."""

import atexit
import itertools
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.discovery.channelz.watcher import ChannelzWatcher, channel_options, keep_orphans
from grpc_lb_instrumentor.discovery.history import ChannelHistory
from grpc_lb_instrumentor.discovery.sharing import LineGroup, sharing_key
from grpc_lb_instrumentor.discovery.supervisor import TapSupervisor
from grpc_lb_instrumentor.discovery.tap.adoption import adopts_orphans
from grpc_lb_instrumentor.discovery.tap.resolution import Report
from grpc_lb_instrumentor.discovery.targets import (
    Address,
    DnsTarget,
    dns_resolver_honours_authority,
    parse_target,
)
from grpc_lb_instrumentor.records import ResolverUpdate, SubchannelEvent, SubchannelState

_logger = logging.getLogger("grpc_lb_instrumentor")

_Record = TypeVar("_Record", ResolverUpdate, SubchannelEvent)

_LIST_ANEW = 1_000_000_000  # ns; resolutions of channels that share connections come in bursts
_CLOSED_LINES = 100  # lines kept after their channels' end, as a last report may follow


@dataclass(frozen=True, slots=True)
class OpenedChannel:
    """How a channel is to be made."""

    id: int  # within the process, from 0
    target: str  # rewritten to go through the tap, or unchanged
    options: list[tuple[str, Any]]


class DiscoveryWatch:
    """Watches the resolver and the subchannels of every channel that is opened with it.

    Args:
        on_update: called with every resolver update, in a thread of the watch. If it raises, the error is
            logged.
        on_subchannel: the same, for every state that a subchannel enters.
        resolver: whether DNS targets go through the tap.
        subchannels: whether to enable channelz.

    The environment variables OTEL_PYTHON_GRPC_LB_RESOLVER_DISABLED and …_SUBCHANNEL_DISABLED, set to
    ``true``, disable either of them, whatever is passed.

    Channels that share connections in gRPC go on sharing them (see `sharing`). If possible, make the watch
    before gRPC is imported: see `channelz.watcher.keep_orphans`. It closes itself at exit, and starts anew in
    a forked child.
    """

    def __init__(
        self,
        on_update: Callable[[ResolverUpdate], None],
        on_subchannel: Callable[[SubchannelEvent], None],
        *,
        resolver: bool = True,
        subchannels: bool = True,
    ) -> None:
        self._on_update = on_update
        self._on_subchannel = on_subchannel
        self._resolver = resolver and not _is_true(names.ENV_RESOLVER_DISABLED)
        self._subchannels = subchannels and not _is_true(names.ENV_SUBCHANNEL_DISABLED)
        if self._subchannels:
            keep_orphans()
        self._ids = itertools.count()
        self._warned: set[str] = set()
        self._closed = False
        self._silent = False
        self._adopted = False  # a process that this one was forked from would have adopted the tap
        self._begin()
        atexit.register(self._exit)
        if hasattr(os, "register_at_fork"):
            this = weakref.ref(self)
            os.register_at_fork(
                before=lambda: _at_fork(this, DiscoveryWatch._before_fork),
                after_in_parent=lambda: _at_fork(this, DiscoveryWatch._after_fork),
                after_in_child=lambda: _at_fork(this, DiscoveryWatch._begin_in_child),
            )

    @property
    def tap_pid(self) -> int | None:
        """The tap's process id; None while it does not run."""
        return self._supervisor.pid

    def open_channel(self, target: str, options: Sequence[tuple[str, Any]] | None) -> OpenedChannel:
        """Note a channel that is about to be made; returns how to make it. Never raises."""
        channel = next(self._ids)
        given = list(options or ())
        if self._closed:
            return OpenedChannel(channel, target, given)
        try:
            return self._open(channel, target, given)
        except Exception:
            _logger.debug("channel %d is not watched", channel, exc_info=True)
            return OpenedChannel(channel, target, given)

    def closing(self, channel: int) -> None:
        """Read a channel once more before it is closed. Any thread, or a finaliser, may call this."""
        try:
            self._watcher.look(channel)
        except Exception:
            _logger.debug("channel %d could not be read before it was closed", channel, exc_info=True)

    def channel_closed(self, channel: int) -> None:
        """Note that a channel is closed; channelz shows it, too. Any thread or finaliser may call this."""
        group = self._groups.get(channel)
        if group is not None:
            group.close(channel, time.time_ns())
            self._watcher.closed(channel)

    def close(self) -> None:
        """Report everything that is known, then nothing more.

        Channels whose targets go through the tap still need it: it ends with the last of them.
        """
        if self._closed:
            return
        self._closed = True
        self._watcher.close()
        self._supervisor.flush()
        self._silent = True
        if self._supervisor.idle:
            self._exit()
        else:
            self._supervisor.finish()

    def _exit(self) -> None:
        atexit.unregister(self._exit)
        self.close()
        self._supervisor.close()
        self._watcher.stop()

    # --- opening ---

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._groups: dict[int, LineGroup] = {}  # by channel
        self._shared: dict[Hashable, LineGroup] = {}  # by sharing key
        self._lines: dict[Address, LineGroup] = {}
        self._closed_lines: dict[Address, LineGroup] = {}
        self._unasked: list[LineGroup] = []  # connected, but the tap has seen no query
        self._supervisor = TapSupervisor(self._reported, self._asked, in_thread=self._adopted)
        self._watcher = ChannelzWatcher(self._entered, self._ended, self._check_asked)

    def _before_fork(self) -> None:
        self._adopts = self._adopted or adopts_orphans()
        self._watcher.before_fork()

    def _after_fork(self) -> None:
        self._watcher.after_fork()

    def _begin_in_child(self) -> None:
        self._adopted = self._adopts
        self._supervisor.forget()
        self._watcher.forget()
        self._begin()

    def _open(self, channel: int, target: str, options: list[tuple[str, Any]]) -> OpenedChannel:
        parsed = parse_target(target)
        with self._lock:
            group = self._join(channel, target, parsed, options)
            led = target if group.line is None or parsed is None else parsed.through(group.line)
            if self._subchannels:
                options = channel_options(options)
            read = self._subchannels and bool(dict(options).get("grpc.enable_channelz"))
            if read or group.line is not None:
                self._groups[channel] = group
        if read:
            self._watcher.expect(channel, led, target)
        elif group.line is not None:
            self._watcher.attend(channel)
        return OpenedChannel(channel, led, options)

    def _join(
        self, channel: int, target: str, parsed: DnsTarget | None, options: Sequence[tuple[str, Any]]
    ) -> LineGroup:
        """Add the channel to the group that it shares connections with, and return that group."""
        key = sharing_key(target, options) if parsed is not None else None
        group = self._shared.get(key) if key is not None else None
        if group is None or not group.live:
            line = self._line(parsed) if self._resolver and parsed is not None else None
            group = LineGroup(ChannelHistory(channel, target), key, line)
            if line is not None:
                self._lines[line] = group
                if key is not None:
                    self._shared[key] = group
        group.open(channel, time.time_ns())
        return group

    def _line(self, target: DnsTarget) -> Address | None:
        if not dns_resolver_honours_authority(os.environ):
            self._warn_once("GRPC_DNS_RESOLVER is not ares: resolver updates are not seen")
            return None
        line = self._supervisor.listen(target.authority)
        if line is None:
            self._warn_once(
                "the DNS tap takes no more channels: resolver updates of this target are not seen"
                if self._lines
                else "the DNS tap does not run: resolver updates are not seen"
            )
        return line

    # --- what is seen ---

    def _ended(self, channel: int) -> None:
        """Note that a channel is closed; close its line if it was the last one on it."""
        with self._lock:
            group = self._groups.pop(channel, None)
            if group is None:
                return
            now = time.time_ns()
            if not group.closed_by(channel, now):
                group.shut.add(channel)
            group.close(channel, now)
            line = group.line
            if group.live or line is None or line not in self._lines:
                return
            if self._shared.get(group.key) is group:
                del self._shared[group.key]
            self._closed_lines[line] = self._lines.pop(line)
            while len(self._closed_lines) > _CLOSED_LINES:
                self._closed_lines.pop(next(iter(self._closed_lines)))
        self._supervisor.release(line)

    def _asked(self, line: Address) -> None:
        group = self._group_on(line)
        if group is not None:
            group.asked = True

    def _group_on(self, line: Address) -> LineGroup | None:
        with self._lock:
            return self._lines.get(line) or self._closed_lines.get(line)

    def _reported(self, line: Address, report: Report) -> None:
        group = self._group_on(line)
        if group is None or self._silent:
            return
        channels = group.candidates(report.started)
        if self._subchannels and group.polled <= report.started:
            # Read the loss that caused this resolution from channelz before choosing the cause.
            before, group.polled = group.polled, time.time_ns()
            try:
                if len(channels) > 1 and group.polled - before < _LIST_ANEW:
                    self._watcher.read_known(channels)
                else:
                    self._watcher.poll(channels=channels[:1])  # channels that share connections all show them
            except Exception:
                _logger.debug("channelz could not be read", exc_info=True)
        if not report.complete and all(
            group.closed_by(channel, report.ended) or self._watcher.is_shut(channel) for channel in channels
        ):
            return  # its channel was closed meanwhile: the resolver returned nothing
        with self._lock:
            update = group.history.resolved(report, channels, group.opened_by(report.started))
        _guarded(self._on_update, update)

    def _entered(self, event: SubchannelEvent) -> None:
        if self._silent:
            return
        with self._lock:
            group = self._groups.get(event.channel)
            if group is not None:
                self._note(group, event)
        _guarded(self._on_subchannel, event)

    def _note(self, group: LineGroup, event: SubchannelEvent) -> None:
        group.history.subchannel(event)
        if event.state is SubchannelState.READY and not group.connected:
            group.connected = True
            if group.line is not None and not group.asked:
                self._unasked.append(group)

    def _check_asked(self) -> None:
        """Warn of channels that are connected without a DNS query: the tap sees a query before its answer."""
        if self._unasked and self._supervisor.flush():
            with self._lock:
                silent = [group for group in self._unasked if not group.asked]
                self._unasked.clear()
            for group in silent:
                self._warn_once(
                    f"channel {group.history.channel} ({group.history.target}) connected without a DNS "
                    "query for its address (the hosts file?): its resolver updates are not seen"
                )

    def _warn_once(self, text: str) -> None:
        with self._lock:
            if text in self._warned:
                return
            self._warned.add(text)
        _logger.warning("grpc_lb: %s", text)


def _guarded(callback: Callable[[_Record], None], record: _Record) -> None:
    try:
        callback(record)
    except Exception:
        _logger.warning("grpc_lb: a record was lost", exc_info=True)


def _at_fork(reference: "weakref.ref[DiscoveryWatch]", work: Callable[[DiscoveryWatch], None]) -> None:
    watch = reference()
    if watch is not None:
        work(watch)


def _is_true(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() == "true"
