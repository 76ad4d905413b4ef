"""The one object that the channel patching talks to."""

import atexit
import itertools
import logging
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.discovery.channelz.watcher import ChannelzWatcher, channel_options, keep_orphans
from grpc_lb_instrumentor.discovery.history import ChannelHistory
from grpc_lb_instrumentor.discovery.supervisor import TapSupervisor
from grpc_lb_instrumentor.discovery.tap.resolution import Report
from grpc_lb_instrumentor.discovery.targets import dns_resolver_honours_authority, parse_target
from grpc_lb_instrumentor.records import ResolverUpdate, SubchannelEvent, SubchannelState

_logger = logging.getLogger("grpc_lb_instrumentor")

_Record = TypeVar("_Record", ResolverUpdate, SubchannelEvent)

_SILENT_AFTER = 1.5
"""Seconds after READY by which a channel led through the tap must have asked it."""


@dataclass(frozen=True, slots=True)
class OpenedChannel:
    """What a channel is to be made with."""

    id: int  # within the process, from 0
    target: str  # led through the tap, or as it was
    options: list[tuple[str, Any]]


@dataclass(slots=True)
class _Watched:
    history: ChannelHistory
    port: int | None  # of the tap; None: not led through it
    asked: bool = False
    connected: bool = False


class DiscoveryWatch:
    """Watches the resolver and the subchannels of every channel that is opened with it.

    Args:
        on_update: gets every resolver update, in a thread of the watch. An error in it is logged, no more.
        on_subchannel: the same for every state that a subchannel enters.
        resolver: whether to lead DNS targets through the tap.
        subchannels: whether to switch channelz on.

    The environment variables OTEL_PYTHON_GRPC_LB_RESOLVER_DISABLED and …_SUBCHANNEL_DISABLED, set to
    ``true``, switch either off whatever is passed.

    Leading a channel through the tap makes its target unique, so two channels to the same name do not share
    subchannels in gRPC's global pool any more. Make it before gRPC is imported where that can be: see
    `channelz.watcher.keep_orphans`. It closes itself at exit, and starts anew in a forked child.
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
        """Take note of a channel that is about to be made; returns what to make it with. Never raises."""
        channel = next(self._ids)
        given = list(options or ())
        if self._closed:
            return OpenedChannel(channel, target, given)
        try:
            return self._open(channel, target, given)
        except Exception:
            _logger.debug("channel %d is not watched", channel, exc_info=True)
            return OpenedChannel(channel, target, given)

    def channel_closed(self, channel: int) -> None:
        """The channel is closed, so its port can be given up. Optional: channelz tells it too."""
        with self._lock:
            watched = self._channels.pop(channel, None)
            if watched is not None and watched.port is not None:
                self._ports.pop(watched.port, None)
                self._closed_ports[watched.port] = watched
                while len(self._closed_ports) > 100:
                    self._closed_ports.pop(next(iter(self._closed_ports)))
        if watched is not None and watched.port is not None:
            self._supervisor.release(watched.port)

    def close(self) -> None:
        """Tell what is known and not yet told, then tell no more.

        Channels that are led through the tap go on resolving through it: it ends with the process.
        """
        if self._closed:
            return
        self._closed = True
        self._watcher.close()
        self._supervisor.flush()
        self._silent = True
        with self._lock:
            led = bool(self._ports)
        if not led:
            self._exit()

    def _exit(self) -> None:
        atexit.unregister(self._exit)
        self.close()
        self._supervisor.close()

    # --- opening ---

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._channels: dict[int, _Watched] = {}
        self._ports: dict[int, _Watched] = {}
        self._closed_ports: dict[int, _Watched] = {}  # a last report may come after the channel's end
        self._supervisor = TapSupervisor(self._reported, self._asked)
        self._watcher = ChannelzWatcher(self._entered, self.channel_closed)

    def _before_fork(self) -> None:
        self._watcher.before_fork()

    def _after_fork(self) -> None:
        self._watcher.after_fork()

    def _begin_in_child(self) -> None:
        self._supervisor.forget()
        self._watcher.forget()
        self._begin()

    def _open(self, channel: int, target: str, options: list[tuple[str, Any]]) -> OpenedChannel:
        port = self._tap_port(target) if self._resolver else None
        parsed = parse_target(target)
        led = parsed.through(port) if port is not None and parsed is not None else target
        watched = _Watched(ChannelHistory(channel, target), port)
        with self._lock:
            self._channels[channel] = watched
            if port is not None:
                self._ports[port] = watched
        if self._subchannels:
            options = channel_options(options)
            if dict(options).get("grpc.enable_channelz"):
                self._watcher.expect(channel, led)
        return OpenedChannel(channel, led, options)

    def _tap_port(self, target: str) -> int | None:
        parsed = parse_target(target)
        if parsed is None:
            return None
        if not dns_resolver_honours_authority(os.environ):
            self._warn_once(
                "GRPC_DNS_RESOLVER names another resolver than ares: resolver updates are not seen"
            )
            return None
        port = self._supervisor.listen(parsed.authority)
        if port is None:
            self._warn_once(
                "the DNS tap is not there: targets are left as they are, without resolver updates"
            )
        return port

    # --- what is seen ---

    def _asked(self, port: int) -> None:
        watched = self._ports.get(port)
        if watched is not None:
            watched.asked = True

    def _reported(self, port: int, report: Report) -> None:
        watched = self._ports.get(port) or self._closed_ports.get(port)
        if watched is None or self._silent:
            return
        if self._subchannels:
            # The loss that caused this resolution is in channelz already: read it before deciding.
            try:
                self._watcher.poll(channel=watched.history.channel)
            except Exception:
                _logger.debug("channelz could not be read", exc_info=True)
        with self._lock:
            update = watched.history.resolved(report)
        _guarded(self._on_update, update)

    def _entered(self, event: SubchannelEvent) -> None:
        with self._lock:
            watched = self._channels.get(event.channel)
            if watched is not None:
                event = replace(event, target=watched.history.target)
                self._note(watched, event)
        _guarded(self._on_subchannel, event)

    def _note(self, watched: _Watched, event: SubchannelEvent) -> None:
        watched.history.subchannel(event)
        if event.state is SubchannelState.READY and not watched.connected:
            watched.connected = True
            if watched.port is not None and not watched.asked:
                timer = threading.Timer(_SILENT_AFTER, self._check_asked, (watched,))
                timer.daemon = True
                timer.start()

    def _check_asked(self, watched: _Watched) -> None:
        if not watched.asked:
            self._warn_once(
                f"channel {watched.history.channel} ({watched.history.target}) connected without a DNS "
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
