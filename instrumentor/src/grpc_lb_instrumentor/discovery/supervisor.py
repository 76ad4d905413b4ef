"""The parent's side of the tap: binds the ports, keeps the tap alive, hands on what it reports.

The listeners are bound here and stay open here. When the tap dies their ports stay bound, queries wait in the
kernel's queue, and the next tap gets the same listeners and the same nameservers.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grpc_lb_instrumentor.discovery.tap import link
from grpc_lb_instrumentor.discovery.tap.kernel import prepare_listener
from grpc_lb_instrumentor.discovery.tap.resolution import Report
from grpc_lb_instrumentor.discovery.tap.spawn import TapProcess, TapThread
from grpc_lb_instrumentor.discovery.targets import Address

_logger = logging.getLogger("grpc_lb_instrumentor")

START_LIMIT = 2.0
"""Seconds that the first channel waits for the tap. One that runs then is only slow: queries wait for it."""
_HELLO_LIMIT = 6.0  # s, then it is given up, and the tap becomes a thread
_FAILURES = 3  # in a row, then the tap becomes a thread
_SETTLED = 5.0  # s; a tap that lived so long did start
_MOST_CHANNELS = 200  # each costs two file descriptors, which an application may need more than we do


@dataclass(frozen=True, slots=True)
class _Listeners:
    """A channel's listeners, on the same port of 127.0.0.1."""

    udp: socket.socket
    tcp: socket.socket
    authority: Address | None

    def close(self) -> None:
        self.udp.close()
        self.tcp.close()


class TapSupervisor:
    """Keeps one tap for all channels of the process.

    `on_report(port, report)` and `on_asked(port)` (a channel's first query) are called in its own thread.
    """

    def __init__(self, on_report: Callable[[int, Report], None], on_asked: Callable[[int], None]) -> None:
        self._on_report = on_report
        self._on_asked = on_asked
        self._lock = threading.Lock()
        self._channels: dict[int, _Listeners] = {}
        self._tap: TapProcess | TapThread | None = None
        self._linked = False  # the tap has said hello
        self._started = threading.Event()  # it said hello, or could not be started
        self._usable = False  # it said hello once
        self._hopeless = False  # it could not be started, and no channel needs it
        self._deadline: float | None = None
        self._thread: threading.Thread | None = None
        self._closing = False
        self._flushed = threading.Event()

    @property
    def pid(self) -> int | None:
        """The tap's process id; None while there is none."""
        tap = self._tap
        return tap.pid if tap is not None else None

    def listen(self, authority: Address | None) -> int | None:
        """Open the listeners for a channel. Returns their port, or None when there is no tap for it."""
        self._start()
        if self._hopeless or len(self._channels) >= _MOST_CHANNELS:
            return None
        try:
            listeners = _bind(authority)
        except OSError:
            return None
        port: int = listeners.udp.getsockname()[1]
        with self._lock:
            if self._hopeless:
                listeners.close()
                return None
            self._channels[port] = listeners
            if self._linked:
                self._send_open(port, listeners)
        return port

    def release(self, port: int) -> None:
        """The channel is closed: give up its port."""
        with self._lock:
            listeners = self._channels.pop(port, None)
            if listeners is None:
                return
            listeners.close()
            self._send({"close": port})

    def flush(self) -> None:
        """Have all reported that is resolved already. Waits half a second at most."""
        with self._lock:
            linked = self._linked
            self._flushed.clear()
            self._send({"flush": 0})
        if linked and self._thread is not threading.current_thread():
            self._flushed.wait(0.5)

    def close(self) -> None:
        """Report what is resolved already, then end the tap. Waits at most some two seconds."""
        self.flush()
        with self._lock:
            self._closing = True
            thread = self._thread
        on_own_thread = thread is threading.current_thread()
        tap = self._tap
        if tap is not None:
            tap.end(1.0)
        if thread is not None and not on_own_thread:
            thread.join(1.0)
        with self._lock:
            for listeners in self._channels.values():
                listeners.close()
            self._channels.clear()

    def forget(self) -> None:
        """After a fork, in the child: everything here is the parent's."""
        self._closing = True
        if self._tap is not None:
            self._tap.forget()
        for listeners in self._channels.values():
            listeners.close()
        self._channels.clear()

    # --- starting ---

    def _start(self) -> None:
        with self._lock:
            if self._closing:
                self._hopeless = True
                return
            if self._thread is None:
                # The tap is a child of this thread, which lives as long as it: PDEATHSIG goes by thread.
                self._thread = threading.Thread(target=self._run, name="grpc-lb-tap", daemon=True)
                self._deadline = time.monotonic() + START_LIMIT
                self._thread.start()
        assert self._deadline is not None
        self._started.wait(max(0.0, self._deadline - time.monotonic()))

    def _run(self) -> None:
        failures = 0
        while not self._closing:
            born = time.monotonic()
            tap: TapProcess | TapThread | None = None
            try:
                tap = TapThread() if failures >= _FAILURES else TapProcess()
                self._tap = tap
                self._serve(tap)
            except Exception:
                _logger.debug("the DNS tap failed", exc_info=True)
            with self._lock:
                settled = self._linked and time.monotonic() - born > _SETTLED
                self._linked = False
            if tap is not None:
                tap.end(0.5)
            if not self._usable:  # not even once
                with self._lock:
                    self._hopeless = not self._channels
                self._started.set()
                if self._hopeless:
                    return
                failures = max(failures, _FAILURES - 1)  # channels wait for it: a thread, now
            failures = 0 if settled else failures + 1
            if failures == _FAILURES:
                _logger.warning(
                    "grpc_lb: the DNS tap does not stay or does not start; it goes on in a thread"
                )
            elif failures > _FAILURES:
                time.sleep(1)  # not even the thread stays: spare the application

    # --- serving ---

    def _serve(self, tap: TapProcess | TapThread) -> None:
        lines = link.Lines()
        tap.link.settimeout(_HELLO_LIMIT)
        while True:
            data = tap.link.recv(65536)
            if not data:
                return
            for message in lines.feed(data):
                if "hello" in message:
                    tap.link.settimeout(None)
                    self._greet()
                else:
                    self._take(message)

    def _greet(self) -> None:
        with self._lock:
            self._linked = True
            for port, listeners in self._channels.items():
                self._send_open(port, listeners)
        self._usable = True
        self._started.set()

    def _take(self, message: dict[str, Any]) -> None:
        try:
            if "resolution" in message:
                self._on_report(message["resolution"], link.read_report(message))
            elif "asked" in message:
                self._on_asked(message["asked"])
            elif "flushed" in message:
                self._flushed.set()
        except Exception:
            _logger.debug("a report of the DNS tap was lost", exc_info=True)

    def _send_open(self, port: int, listeners: _Listeners) -> None:
        authority = str(listeners.authority) if listeners.authority else None
        line = link.encode({"open": port, "authority": authority})
        if self._tap is not None:
            with contextlib.suppress(OSError):  # the tap is dead: the next one is told all of it
                socket.send_fds(self._tap.link, [line], [listeners.udp.fileno(), listeners.tcp.fileno()])

    def _send(self, message: dict[str, Any]) -> None:
        if self._tap is not None and self._linked:
            with contextlib.suppress(OSError):
                self._tap.link.sendall(link.encode(message))


def _bind(authority: Address | None) -> _Listeners:
    """UDP and TCP on one free port of 127.0.0.1. Raises OSError."""
    for attempt in range(8):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            udp.bind(("127.0.0.1", 0))
            tcp.bind(udp.getsockname())
            tcp.listen(64)
        except OSError:  # the port is free for UDP only: another one
            udp.close()
            tcp.close()
            if attempt == 7:
                raise
            continue
        prepare_listener(udp)
        return _Listeners(udp, tcp, authority)
    raise OSError(os.strerror(98))  # not reached
