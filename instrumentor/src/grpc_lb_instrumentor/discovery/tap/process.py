"""The tap as a program: gets its sockets from the program that it watches, reports to it, ends with it."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import time
from typing import Any

from grpc_lb_instrumentor.discovery.tap import link
from grpc_lb_instrumentor.discovery.tap.kernel import OpenPorts
from grpc_lb_instrumentor.discovery.tap.listener import Line, Listener
from grpc_lb_instrumentor.discovery.tap.nameservers import ResolvConf
from grpc_lb_instrumentor.discovery.tap.resolution import Report
from grpc_lb_instrumentor.discovery.targets import Address

_SWEEP = 0.005  # s between two looks at which ports are open, while a resolution is young
_SWEEP_LATER = 0.01
_EARLY = 0.1  # s for which a resolution is young
_GATHERED = 0.02  # s; reports are sent together, as each message wakes a thread of the application


class TapProgram:
    """All lines, and the link to the parent. It runs until the parent closes the link or ends.

    `parent_fd` becomes readable when the parent's process ends. The link alone does not show that: a process
    that C code forked may hold a copy of it.
    """

    def __init__(self, parent: socket.socket, parent_fd: int | None = None) -> None:
        self._parent = parent
        self._parent_fd = parent_fd
        self._messages = link.MessageReader()
        self._fds: list[int] = []
        self._lines: dict[int, dict[str, Line]] = {}  # by port, then by host
        self._listeners: dict[int, Listener] = {}
        self._resolv_conf = ResolvConf()
        self._open_ports = OpenPorts()
        self._out = bytearray()
        self._writing = False
        self._gathering: asyncio.TimerHandle | None = None  # sends the gathered reports when it is due
        self._over = asyncio.Event()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the parent closes the link."""
        loop = asyncio.get_running_loop()
        self._parent.setblocking(False)
        loop.add_reader(self._parent, self._readable)
        if self._parent_fd is not None:
            loop.add_reader(self._parent_fd, self._over.set)
        self._tell({"hello": os.getpid()})
        sweeper = asyncio.create_task(self._sweep())
        await self._over.wait()
        if self._gathering is not None:
            self._write()
        sweeper.cancel()
        loop.remove_reader(self._parent)
        loop.remove_writer(self._parent)
        if self._parent_fd is not None:
            loop.remove_reader(self._parent_fd)
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
        for message in self._messages.feed(data):
            self._obey(message)

    def _obey(self, message: dict[str, Any]) -> None:
        if "open" in message:
            self._open(message["open"], message["authority"])
        elif "listen" in message:
            port = message["listen"]
            udp, tcp = (socket.socket(fileno=fd) for fd in (self._fds.pop(0), self._fds.pop(0)))
            listener = Listener(udp, tcp, self._lines.setdefault(port, {}), self._wake.set)
            self._listeners[port] = listener
            task = asyncio.create_task(listener.start())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif "close" in message:
            self._close(message["close"])
        elif "unlisten" in message:
            closed = self._listeners.pop(message["unlisten"], None)
            if closed is not None:
                closed.close()
        elif "flush" in message:
            for listener in self._listeners.values():
                listener.flush()
            self._tell({"flushed": message["flush"]})

    def _open(self, line: str, authority: str | None) -> None:
        named = Address.parse(authority) if authority else None
        host, _, port = line.rpartition(":")

        def servers() -> tuple[Address, ...]:
            return (named,) if named else self._resolv_conf.servers()

        reported = False

        def asked() -> None:
            nonlocal reported
            if not reported:
                reported = True
                self._tell({"asked": line})

        def report(resolution: Report) -> None:
            self._out += link.encode(link.report_message(line, resolution))
            if self._gathering is None and not self._writing:
                self._gathering = asyncio.get_running_loop().call_later(_GATHERED, self._write)

        self._lines.setdefault(int(port), {})[host] = Line(servers, asked, report)

    def _close(self, line: str) -> None:
        host, _, port = line.rpartition(":")
        listener = self._listeners.get(int(port))
        if listener is not None:
            listener.drop(host)
        self._lines.get(int(port), {}).pop(host, None)
        self._tell({"closed": line})

    def _tell(self, message: dict[str, Any]) -> None:
        self._out += link.encode(message)
        if not self._writing:
            self._write()

    def _write(self) -> None:
        loop = asyncio.get_running_loop()
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
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
                # Queries that come after this are judged at the next sweep: their port was not open yet.
                under_way = {item: item.under_way() for item in self._listeners.values() if item.busy}
                wanted = {port for ports in under_way.values() for port in ports if port > 0}
                now, open_ports = time.time_ns(), self._open_ports.read(wanted)
                for listener, ports in under_way.items():
                    listener.sweep(ports, now, open_ports)


def main(link_fd: int, parent_pid: int) -> None:
    """Run as a process. It ignores signals, which are meant for the application; the link's end ends it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")  # so that no file system stays in use
    _allow_many_descriptors()
    parent = socket.socket(fileno=link_fd)
    parent_fd = _watch(parent_pid)
    if _hung_up(parent):  # the parent's id may have been reused since
        return
    asyncio.run(TapProgram(parent, parent_fd).run())
    os._exit(0)  # the parent sees the link's end


def run_in_thread(parent: socket.socket) -> None:
    """Run in a thread of the application, if no process can be started."""
    asyncio.run(TapProgram(parent).run())


def _allow_many_descriptors() -> None:
    """Raise the descriptor limit: each question has a socket, and a thousand channels may ask at once."""
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _watch(pid: int) -> int | None:
    """Return a descriptor that is readable once the process has ended; None if the kernel has no pidfd."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _hung_up(parent: socket.socket) -> bool:
    try:
        return parent.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
