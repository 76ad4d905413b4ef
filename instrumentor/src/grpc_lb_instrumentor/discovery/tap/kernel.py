"""What the kernel tells of the tap's sockets: when a query came, whether an answer arrived, what is open."""

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_SO_TIMESTAMPNS = 35  # Linux; Python's socket module does not name it before 3.14
_IP_RECVERR = 11
_TIMESPEC = struct.Struct("@qq")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0
_MOST = 65535

Peer = tuple[str, int]


def prepare_listener(udp: socket.socket) -> None:
    """Have the kernel stamp what arrives and report what could not be delivered; elsewhere: do without."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        udp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        udp.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def received(udp: socket.socket) -> Iterator[tuple[int, bytes, Peer]]:
    """All waiting datagrams, each with the instant of its arrival in ns since the Unix epoch."""
    while True:
        try:
            packet, ancillary, _, peer = udp.recvmsg(_MOST, _ANCILLARY)
        except BlockingIOError:
            return
        except OSError:
            # A delivery that failed earlier is reported here once and then cleared; the datagrams still wait.
            continue
        yield _stamp(ancillary), packet, peer


def undelivered(udp: socket.socket) -> Iterator[tuple[bytes, Peer]]:
    """All datagrams that were sent to a port that nobody listens on (on loopback this is known at once)."""
    if sys.platform != "linux":
        return
    while True:
        try:
            packet, _, _, peer = udp.recvmsg(_MOST, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return
        yield packet, peer


def send(udp: socket.socket, packet: bytes, peer: Peer) -> None:
    """Send a datagram. An earlier delivery's error may come up here, instead of sending: then once more."""
    for _ in range(2):
        try:
            udp.sendto(packet, peer)
        except OSError:
            continue
        return


class OpenPorts:
    """Which UDP ports of this network namespace are open on IPv4, from /proc/net/udp."""

    def __init__(self, path: Path = Path("/proc/net/udp")) -> None:
        self._path = path

    def read(self) -> frozenset[int] | None:
        """The ports; None where the kernel does not tell."""
        try:
            lines = self._path.read_bytes().splitlines()[1:]
        except OSError:
            return None
        # sl local_address …: "  123: 0100007F:A3C1 …"
        return frozenset(int(line.split(None, 2)[1].rpartition(b":")[2], 16) for line in lines)


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()
