"""The tap's sockets and the lines on them. The program binds them, and they stay open when a tap is replaced.

On Linux one port serves any number of lines. Its sockets receive what arrives over the loopback device for
any address of 127.0.0.0/8, and the kernel says which address a packet was sent to. Nothing from outside
reaches them. The port is above the kernel's ephemeral ports, so that no server wants it. On other systems
each line has its own port of 127.0.0.1, and there are fewer lines.
"""

import contextlib
import ipaddress
import itertools
import os
import random
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from grpc_lb_instrumentor.discovery.tap import kernel
from grpc_lb_instrumentor.discovery.targets import Address

MOST_OF_THEIR_OWN = 200
"""Most lines with a port of their own. Each costs two descriptors, which the application may need."""
_FIRST = int(ipaddress.IPv4Address("127.0.0.1"))
_HOSTS = (1 << 24) - 3
_LOOPBACK = b"lo\0"
_SO_BINDTODEVICE = 25
_TEST = b"grpc-lb: does the kernel tell where this was sent to?"
_TEST_HOST = "127.0.0.2"
_TEST_LIMIT = 1.0  # s
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_HIGHEST = 65_535
_TRIES = 32


@dataclass(frozen=True, slots=True)
class Port:
    """A UDP and a TCP socket on the same port."""

    number: int
    udp: socket.socket
    tcp: socket.socket
    shared: bool  # serves all lines

    def close(self) -> None:
        """Close both sockets."""
        self.udp.close()
        self.tcp.close()


class LinePorts:
    """The port of each line. Not thread-safe; `open_line` raises OSError."""

    def __init__(self) -> None:
        self._hosts = itertools.cycle(range(_FIRST, _FIRST + _HOSTS))
        self._shared: Port | None = None
        self._can_share = sys.platform == "linux"
        self.open: dict[int, Port] = {}
        self.lines: dict[Address, Address | None] = {}
        """The nameserver behind each line. None is the system's."""

    def open_line(self, authority: Address | None) -> tuple[Address, Port | None]:
        """Return a new line, and its port if one had to be opened."""
        opened: Port | None = None
        if self._can_share and self._shared is None:
            opened = self._shared = _bind_shared()
            self._can_share = opened is not None
        if self._shared is not None:
            line = self._free_line(self._shared.number)
        else:
            if len(self.open) >= MOST_OF_THEIR_OWN:
                raise OSError(os.strerror(24))
            opened = _bind("127.0.0.1", [0] * 8, shared=False)
            line = Address("127.0.0.1", opened.number)
        if opened is not None:
            self.open[opened.number] = opened
        self.lines[line] = authority
        return line, opened

    def close_line(self, line: Address) -> Port | None:
        """Close a line; returns its port if no other line uses it."""
        self.lines.pop(line, None)
        port = self.open.get(line.port)
        if port is None or port.shared:
            return None
        del self.open[line.port]
        port.close()
        return port

    def close(self) -> None:
        """Close all ports."""
        for port in self.open.values():
            port.close()
        self.open.clear()
        self.lines.clear()
        self._shared = None

    def _free_line(self, port: int) -> Address:
        while True:
            line = Address(str(ipaddress.IPv4Address(next(self._hosts))), port)
            if line not in self.lines:
                return line


def _bind_shared() -> Port | None:
    """Bind a port for all lines; None if the kernel lacks a feature that this needs."""
    port: Port | None = None
    with contextlib.suppress(OSError):
        # receives from the loopback device only, see `_sockets`
        port = _bind("0.0.0.0", _out_of_the_way(), shared=True)
        if _tells_destination(port.udp, port.number):
            return port
    if port is not None:
        port.close()
    return None


def _out_of_the_way() -> list[int]:
    """Return ports to try, in order: some above the kernel's ephemeral ports, then any (0).

    A port that is taken on all of 127.0.0.0/8 cannot be used by a server on any of these addresses. Servers
    usually have ports below the ephemeral ones, or, like gRPC's own 50051, among them.
    """
    try:
        _, last = map(int, _EPHEMERAL.read_text().split())
    except (OSError, ValueError):
        last = _HIGHEST
    above = range(last + 1, _HIGHEST + 1)
    return [*random.sample(above, min(_TRIES, len(above))), *[0] * 8]


def _bind(host: str, numbers: Iterable[int], *, shared: bool) -> Port:
    """Bind UDP and TCP to the first of these ports that is free for both. Raises OSError if none is."""
    error = OSError(os.strerror(98))
    for number in numbers:
        udp, tcp = _sockets(shared=shared)
        try:
            udp.bind((host, number))
            tcp.bind(udp.getsockname())
            tcp.listen(128)
        except OSError as failed:
            udp.close()
            tcp.close()
            error = failed
            continue
        kernel.prepare_listener(udp)
        return Port(udp.getsockname()[1], udp, tcp, shared)
    raise error


def _sockets(*, shared: bool) -> tuple[socket.socket, socket.socket]:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if shared:
        try:
            for made in (udp, tcp):
                made.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, _LOOPBACK)
        except OSError:
            udp.close()
            tcp.close()
            raise
    return udp, tcp


def _tells_destination(udp: socket.socket, port: int) -> bool:
    """Send a datagram to ourselves and check that the kernel names its destination; raises OSError if not."""
    udp.settimeout(_TEST_LIMIT)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(_TEST_LIMIT)
        client.connect((_TEST_HOST, port))
        client.send(_TEST)
        packet, way = kernel.receive(udp)
        kernel.send(udp, packet, way.peer, way.local)
        return way.local == _TEST_HOST and client.recv(len(_TEST)) == _TEST
