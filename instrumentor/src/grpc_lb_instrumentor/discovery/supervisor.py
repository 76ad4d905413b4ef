"""The program's side of the tap: opens lines, restarts the tap when it dies, and passes its reports on.

The program binds the sockets and keeps them open. If the tap dies, queries wait in the kernel's queue, and
the next tap gets the same sockets and nameservers. The tap, the thread that listens to it and the sockets end
when there has been no line for a while.
"""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from grpc_lb_instrumentor.discovery.ports import LinePorts, Port
from grpc_lb_instrumentor.discovery.tap import link
from grpc_lb_instrumentor.discovery.tap.adoption import adopts_orphans, handles_sigchld
from grpc_lb_instrumentor.discovery.tap.resolution import Report
from grpc_lb_instrumentor.discovery.tap.spawn import Tap, TapProcess, TapThread, limit_receiving
from grpc_lb_instrumentor.discovery.targets import Address

_logger = logging.getLogger("grpc_lb_instrumentor")

START_LIMIT = 2.0
"""Seconds that the first channel waits for the tap. If the tap is slower, its queries wait for it."""
LINGER = 3.0
"""Seconds without a line after which the tap ends. A program that opens channels in turn keeps its tap."""
_HELLO_LIMIT = 6.0  # s without a hello: the tap is given up, and replaced by a thread
_FAILURES = 3  # starts that fail in a row: the tap is replaced by a thread
_SETTLED = 5.0  # s; a tap that lived longer counts as started
_END_LIMIT = 2.0  # s


class TapSupervisor:
    """Keeps one tap for all channels of the process.

    A thread of its own calls `on_report(line, report)`, and `on_asked(line)` at a line's first query. With
    `in_thread` the tap is a thread from the start: see `spawn`.
    """

    def __init__(
        self,
        on_report: Callable[[Address, Report], None],
        on_asked: Callable[[Address], None],
        *,
        in_thread: bool = False,
    ) -> None:
        self._on_report = on_report
        self._on_asked = on_asked
        self._in_thread = in_thread
        self._lock = threading.Lock()
        self._ports = LinePorts()
        self._tap: Tap | None = None
        self._pid: int | None = None
        self._linked = False  # the tap has sent its hello
        self._started = threading.Event()  # it has sent its hello, or could not be started
        self._usable = False  # it has sent a hello at least once
        self._promised = False  # a channel needs the tap
        self._hopeless = False  # it could not be started, and no channel needs it
        self._deadline: float | None = None
        self._linger = LINGER
        self._thread: threading.Thread | None = None
        self._closing = False
        self._flushed = threading.Event()

    @property
    def pid(self) -> int | None:
        """The tap's process id; None while there is none."""
        return self._pid

    @property
    def idle(self) -> bool:
        """Whether no channel needs the tap."""
        return not self._ports.lines

    def listen(self, authority: Address | None) -> Address | None:
        """Open a line to this nameserver (None: the system's); returns None if there is no tap for it."""
        with self._lock:
            if self._closing or self._hopeless:
                return None
            try:
                line, opened = self._ports.open_line(authority)
            except OSError:
                return None
            if self._linked:
                self._send_open(line)
                self._send_listen(opened)
            self._start()
        assert self._deadline is not None
        self._started.wait(max(0.0, self._deadline - time.monotonic()))
        with self._lock:
            if self._hopeless:
                self._ports.close_line(line)
                return None
            self._promised = True
        return line

    def release(self, line: Address) -> None:
        """Close a line that no channel needs any more."""
        with self._lock:
            if line in self._ports.lines:
                closed = self._ports.close_line(line)
                self._send({"close": str(line)})
                if closed is not None:
                    self._send({"unlisten": closed.number})

    def flush(self) -> bool:
        """Have all finished resolutions reported. Waits up to half a second; returns whether that is done."""
        with self._lock:
            linked = self._linked
            self._flushed.clear()
            self._send({"flush": 0})
        if not linked or self._thread is threading.current_thread():
            return False
        return self._flushed.wait(0.5)

    def finish(self) -> None:
        """End the tap as soon as no channel needs it."""
        self._linger = 0.0
        if self.idle:
            self.close()

    def close(self) -> None:
        """Report all finished resolutions, then end the tap. Waits at most about three seconds."""
        self.flush()
        with self._lock:
            self._closing = True
            thread, tap = self._thread, self._tap
            if tap is not None:
                tap.hang_up()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_END_LIMIT)
            if thread.is_alive() and tap is not None:
                tap.end()
        with self._lock:
            self._ports.close()

    def forget(self) -> None:
        """Drop everything, in the child after a fork: it belongs to the parent."""
        self._closing = True
        if self._tap is not None:
            self._tap.forget()
        self._ports.close()

    # --- starting and ending ---

    def _start(self) -> None:
        if self._thread is not None:
            return
        if self._deadline is None:
            self._deadline = time.monotonic() + START_LIMIT
        # Here and not in the thread: for a moment, the process that is started is a child of the application.
        tap = self._make_tap(0)
        self._thread = threading.Thread(target=self._run, args=(tap,), name="grpc-lb-tap", daemon=True)
        self._thread.start()

    def _make_tap(self, failures: int) -> Tap | None:
        try:
            # the application would see the tap as its child
            seen = self._in_thread or adopts_orphans() or handles_sigchld()
            if seen or failures >= _FAILURES:
                self._tap = TapThread()
            else:
                self._tap = TapProcess(START_LIMIT)
        except Exception:
            _logger.debug("the DNS tap did not start", exc_info=True)
            self._tap = None
        return self._tap

    def _run(self, tap: Tap | None) -> None:
        failures = 0
        while True:
            born = time.monotonic()
            retired = tap is not None and self._serve_guarded(tap)
            if retired:
                return
            with self._lock:
                settled = self._linked and time.monotonic() - born > _SETTLED
                self._linked = False
                self._pid = None
            if self._closing:
                return
            if not self._usable:  # it has never sent a hello
                with self._lock:
                    self._hopeless = not self._promised
                self._started.set()
                if self._hopeless:
                    return
                failures = max(failures, _FAILURES - 1)  # channels wait: start a thread next
            failures = 0 if settled else failures + 1
            if failures == _FAILURES:
                _logger.warning(
                    "grpc_lb: the DNS tap cannot be started or keeps dying; from now on it runs in a thread"
                )
            elif failures > _FAILURES:
                time.sleep(1)  # not even the thread works: do not keep the application busy
            tap = self._make_tap(failures)

    def _serve_guarded(self, tap: Tap) -> bool:
        """Serve a tap until it ends; returns whether it ended because there were no channels."""
        retired = False
        try:
            retired = self._serve(tap)
        except Exception:
            _logger.debug("the DNS tap failed", exc_info=True)
        with contextlib.suppress(OSError):
            tap.end()
        return retired

    # --- serving ---

    def _serve(self, tap: Tap) -> bool:
        lines = link.MessageReader()
        limit_receiving(tap.link, _HELLO_LIMIT)
        greeted = retired = False
        while True:
            try:
                data = tap.link.recv(65536)
            except BlockingIOError:
                if not greeted or retired:
                    return retired
                retired = self._retire(tap)
                continue
            if not data:
                return retired
            for message in lines.feed(data):
                if "hello" in message:
                    greeted = True
                    self._greet(message["hello"])
                else:
                    self._take(message)
            if greeted and not retired:
                limit_receiving(tap.link, max(self._linger, 0.001) if self.idle else None)

    def _retire(self, tap: Tap) -> bool:
        """End the tap if there has been no line for a while and none was opened just now."""
        with self._lock:
            if self._ports.lines or self._closing:
                limit_receiving(tap.link, None)
                return False
            self._ports.close()
            self._thread = self._tap = self._pid = None  # the next line starts everything anew
            self._linked = False
            limit_receiving(tap.link, _END_LIMIT)
            tap.hang_up()
            return True

    def _greet(self, pid: int) -> None:
        with self._lock:
            self._linked = True
            self._pid = pid if isinstance(self._tap, TapProcess) else None
            for line in self._ports.lines:
                self._send_open(line)
            for port in self._ports.open.values():
                self._send_listen(port)
        self._usable = True
        self._started.set()

    def _take(self, message: dict[str, Any]) -> None:
        try:
            if "resolution" in message:
                line = Address.parse(message["resolution"])
                if line is not None:
                    self._on_report(line, link.read_report(message))
            elif "asked" in message:
                line = Address.parse(message["asked"])
                if line is not None:
                    self._on_asked(line)
            elif "flushed" in message:
                self._flushed.set()
        except Exception:
            _logger.debug("a report of the DNS tap was lost", exc_info=True)

    def _send_open(self, line: Address) -> None:
        authority = self._ports.lines[line]
        self._send({"open": str(line), "authority": str(authority) if authority else None})

    def _send_listen(self, port: Port | None) -> None:
        if port is not None and self._tap is not None:
            message = link.encode({"listen": port.number})
            try:
                socket.send_fds(self._tap.link, [message], [port.udp.fileno(), port.tcp.fileno()])
            except OSError:
                self._tap.hang_up()

    def _send(self, message: dict[str, Any]) -> None:
        if self._tap is not None and self._linked:
            try:
                self._tap.link.sendall(link.encode(message))
            except OSError:  # dead, or stuck in half a message: the next tap is told everything anew
                self._tap.hang_up()
