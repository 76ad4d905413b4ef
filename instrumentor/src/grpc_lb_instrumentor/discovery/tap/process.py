"""The tap as a program: takes listeners from its parent, reports to it, and ends when it ends."""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from typing import Any

from grpc_lb_instrumentor.discovery.tap import link
from grpc_lb_instrumentor.discovery.tap.kernel import OpenPorts
from grpc_lb_instrumentor.discovery.tap.listener import Listener
from grpc_lb_instrumentor.discovery.tap.nameservers import ResolvConf
from grpc_lb_instrumentor.discovery.tap.resolution import Report
from grpc_lb_instrumentor.discovery.targets import Address

_SWEEP = 0.005  # s between two looks at which sockets are open, in a resolution's first moments
_SWEEP_LATER = 0.01
_EARLY = 0.1  # s
_PR_SET_PDEATHSIG = 1


class Tap:
    """All channels' listeners, and the link to the parent. Runs until the parent hangs up."""

    def __init__(self, parent: socket.socket) -> None:
        self._parent = parent
        self._lines = link.Lines()
        self._fds: list[int] = []
        self._listeners: dict[int, Listener] = {}
        self._resolv_conf = ResolvConf()
        self._open_ports = OpenPorts()
        self._out = bytearray()
        self._writing = False
        self._over = asyncio.Event()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the parent hangs up."""
        loop = asyncio.get_running_loop()
        self._parent.setblocking(False)
        loop.add_reader(self._parent, self._readable)
        self._tell({"hello": os.getpid()})
        sweeper = asyncio.create_task(self._sweep())
        await self._over.wait()
        sweeper.cancel()
        loop.remove_reader(self._parent)
        loop.remove_writer(self._parent)
        for listener in self._listeners.values():
            listener.close()
        self._parent.close()

    # --- the link ---

    def _readable(self) -> None:
        try:
            data, fds = link.receive(self._parent)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        self._fds += fds
        if not data:
            self._over.set()
            return
        for message in self._lines.feed(data):
            self._obey(message)

    def _obey(self, message: dict[str, Any]) -> None:
        if "open" in message:
            udp, tcp = (socket.socket(fileno=fd) for fd in (self._fds.pop(0), self._fds.pop(0)))
            task = asyncio.create_task(self._open(message["open"], message["authority"], udp, tcp))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif "close" in message:
            listener = self._listeners.pop(message["close"], None)
            if listener is not None:
                listener.flush()
                listener.close()
        elif "flush" in message:
            for listener in self._listeners.values():
                listener.flush()
            self._tell({"flushed": message["flush"]})

    async def _open(self, port: int, authority: str | None, udp: socket.socket, tcp: socket.socket) -> None:
        named = Address.parse(authority) if authority else None

        def servers() -> tuple[Address, ...]:
            return (named,) if named else self._resolv_conf.servers()

        asked = False

        def asks() -> None:
            nonlocal asked
            if not asked:
                asked = True
                self._tell({"asked": port})

        def report(resolution: Report) -> None:
            self._tell(link.report_message(port, resolution))

        listener = self._listeners[port] = Listener(udp, tcp, servers, self._wake.set, asks, report)
        await listener.start()

    def _tell(self, message: dict[str, Any]) -> None:
        self._out += link.encode(message)
        if not self._writing:
            self._write()

    def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            sent = self._parent.send(self._out)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._over.set()
            return
        del self._out[:sent]
        if self._out and not self._writing:
            loop.add_writer(self._parent, self._write)
        elif not self._out and self._writing:
            loop.remove_writer(self._parent)
        self._writing = bool(self._out)

    # --- what is over ---

    async def _sweep(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            since = time.monotonic()
            while any(listener.busy for listener in self._listeners.values()):
                await asyncio.sleep(_SWEEP if time.monotonic() - since < _EARLY else _SWEEP_LATER)
                # Ports first: what is asked after this look is not judged by it.
                now, open_ports = time.time_ns(), self._open_ports.read()
                for listener in list(self._listeners.values()):
                    listener.sweep(now, open_ports)


def main(link_fd: int, parent_pid: int) -> None:
    """Run as a process; everything that the application's signals mean is told by the link's end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        return
    asyncio.run(Tap(socket.socket(fileno=link_fd)).run())


def run_in_thread(parent: socket.socket) -> None:
    """Run beside the application, for when no process can be had."""
    asyncio.run(Tap(parent).run())
