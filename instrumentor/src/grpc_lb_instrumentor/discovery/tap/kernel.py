"""What the kernel knows of the tap's sockets: when a query came, what was delivered, which ports are open."""

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

_SO_TIMESTAMPNS = 35  # Linux; Python's socket module does not name it before 3.14
_IP_RECVERR = 11
_IP_PKTINFO = 8
_TIMESPEC = struct.Struct("@qq")
_PKTINFO = struct.Struct("@i4s4s")  # interface, the address to answer from, the address that it was sent to
_ANCILLARY = (
    socket.CMSG_SPACE(_TIMESPEC.size) + socket.CMSG_SPACE(_PKTINFO.size)
    if hasattr(socket, "CMSG_SPACE")
    else 0
)
_MOST = 65535
_LOOKS = 3

Peer = tuple[str, int]


class Way(NamedTuple):
    """Where a datagram came from, and the address of this host that it was sent to (None: unknown)."""

    peer: Peer
    local: str | None


def prepare_listener(udp: socket.socket) -> None:
    """Have the kernel timestamp what arrives, name its destination, and report what was not delivered.

    Does nothing on systems other than Linux.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        udp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        udp.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        udp.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def received(udp: socket.socket) -> Iterator[tuple[int, bytes, Way]]:
    """Yield all waiting datagrams, each with its arrival in ns since the Unix epoch."""
    while True:
        try:
            packet, ancillary, _, peer = udp.recvmsg(_MOST, _ANCILLARY)
        except BlockingIOError:
            return
        except OSError:
            # An earlier failed delivery is reported here once and then cleared; the datagrams still wait.
            continue
        yield _stamp(ancillary), packet, Way(peer, _destination(ancillary))


def receive(udp: socket.socket) -> tuple[bytes, Way]:
    """Receive one datagram, blocking if the socket does. Raises OSError."""
    packet, ancillary, _, peer = udp.recvmsg(_MOST, _ANCILLARY)
    return packet, Way(peer, _destination(ancillary))


def undelivered(udp: socket.socket) -> Iterator[tuple[bytes, Peer]]:
    """Yield all datagrams that were sent to a closed port (on loopback, the kernel knows at once)."""
    if sys.platform != "linux":
        return
    while True:
        try:
            packet, _, _, peer = udp.recvmsg(_MOST, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return
        yield packet, peer


def send(udp: socket.socket, packet: bytes, peer: Peer, local: str | None = None) -> None:
    """Send a datagram from this address of the host.

    If the kernel reports an earlier delivery's error instead of sending, send once more.
    """
    source = (
        [(socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO.pack(0, socket.inet_aton(local), bytes(4)))]
        if local is not None
        else []
    )
    for _ in range(2):
        try:
            udp.sendmsg([packet], source, 0, peer)
        except OSError:
            continue
        return


class OpenPorts:
    """The UDP ports of this network namespace that are open on IPv4, from /proc/net/udp."""

    def __init__(self, path: Path = Path("/proc/net/udp")) -> None:
        self._path = path

    def read(self, wanted: Collection[int] = ()) -> frozenset[int] | None:
        """Return the open ports; None if the kernel does not list them.

        The kernel lists about thirty sockets at a time, and continues by their position in its list: if a
        socket closes in between, an open one may be left out. So if a wanted port is missing, the list is
        read again.
        """
        ports: set[int] = set()
        for _ in range(_LOOKS):
            try:
                lines = self._path.read_bytes().splitlines()[1:]
            except OSError:
                return None
            # A line of the file: "sl local_address …" or "  123: 0100007F:A3C1 …"
            ports.update(int(line.split(None, 2)[1].rpartition(b":")[2], 16) for line in lines)
            if ports.issuperset(wanted):
                break
        return frozenset(ports)


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()


def _destination(ancillary: list[tuple[int, int, bytes]]) -> str | None:
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO and len(data) >= _PKTINFO.size:
            return socket.inet_ntoa(_PKTINFO.unpack_from(data)[2])
    return None
