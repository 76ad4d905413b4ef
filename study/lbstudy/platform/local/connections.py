"""Polls the kernel's table of TCP connections to see which client is connected to which server.

It shows the connections of clients that report none themselves. Like ``ss``, it uses sock_diag over netlink
(sock_diag(7)), which needs no privileges. A connection is logged when it is first seen, and when it is gone.
Either happened after the look before, which is the bound of its error. A connection that opens and closes
between two looks is not seen. The owner of a socket is looked up once, in /proc.
"""

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

PERIOD: Final = 0.1
"""s between two looks; more if there are so many sockets that looking would cost more than ``SHARE``."""
SHARE: Final = 0.02
"""The largest share of a core that looking may cost."""
_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
_DUMP_REQUEST: Final = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_DONE, _ERROR = 3, 2  # NLMSG_DONE, NLMSG_ERROR
_ESTABLISHED: Final = 1 << 1
_HEADER: Final = struct.Struct("=IHHII")
_REQUEST: Final = struct.Struct("=BBBxI48x")
# Family, state; then the source and destination port; the inode is at the end.
_MESSAGE: Final = struct.Struct("!BBxxHH16s16s")
_INODE: Final = struct.Struct("=I")
_INODE_AT: Final = 68


@dataclass(frozen=True, slots=True)
class Socket:
    """An established TCP connection over IPv4, seen from one of its ends.

    It may use an IPv6 socket, as gRPC's do: then its addresses are mapped (::ffff:127.0.0.1).
    """

    inode: int
    local: str  # "127.0.0.1:40000"
    remote: str


@dataclass(frozen=True, slots=True)
class ConnectionSeen:
    """A client's connection opened or closed."""

    at: int  # ns since the Unix epoch: when it was first seen, or first missing
    error: float  # s since the look before
    pod: str  # the client
    state: str  # "open", "closed"; "watched": looking begins, every ``error`` seconds
    local: str = ""
    remote: str = ""

    def line(self) -> str:
        """Return it as a line of the log."""
        return json.dumps(
            {
                "time_unix_nano": self.at,
                "error": round(self.error, 6),
                "pod": self.pod,
                "state": self.state,
                "local": self.local,
                "remote": self.remote,
            }
        )


class SocketTable:
    """The kernel's table for this network namespace. Raises OSError if the kernel refuses it."""

    def __init__(self) -> None:
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG)
        self._netlink.settimeout(1.0)
        self._buffer = bytearray(1 << 20)

    def close(self) -> None:
        """Close the socket to the kernel."""
        self._netlink.close()

    def to(self, remotes: AbstractSet[tuple[int, bytes]]) -> Iterator[Socket]:
        """Yield the established connections to these ports and addresses (in network order)."""
        for family in (socket.AF_INET, socket.AF_INET6):
            yield from self._of(family, remotes)

    def _of(self, family: int, remotes: AbstractSet[tuple[int, bytes]]) -> Iterator[Socket]:
        request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, _ESTABLISHED)
        within = slice(0, 4) if family == socket.AF_INET else slice(12, 16)
        size = _HEADER.size + len(request)
        self._netlink.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _DUMP_REQUEST, 1, 0) + request)
        view = memoryview(self._buffer)
        while True:
            end = self._netlink.recv_into(self._buffer)
            start = 0
            while start < end:
                length, kind, *_ = _HEADER.unpack_from(view, start)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError("the kernel does not list its sockets")
                body = start + _HEADER.size
                _, _, source, port, local, remote = _MESSAGE.unpack_from(view, body)
                if (port, remote[within]) in remotes:
                    (inode,) = _INODE.unpack_from(view, body + _INODE_AT)
                    yield Socket(inode, _text(local[within], source), _text(remote[within], port))
                start += (length + 3) & ~3


class SeenConnections:
    """Compares each look with the one before. No I/O, except for ``owners``."""

    def __init__(self, owners: Callable[[AbstractSet[int]], Mapping[int, str]]) -> None:
        self._owners = owners  # inodes → the client that owns each of them that a client owns
        self._open: dict[int, tuple[str, Socket]] = {}
        self._others: set[int] = set()  # inodes that belong to no client

    def look(self, present: Mapping[int, Socket], at: int, error: float) -> list[ConnectionSeen]:
        """Return what opened and closed since the look before, from all present connections to servers."""
        seen = []
        for inode in [inode for inode in self._open if inode not in present]:
            pod, gone = self._open.pop(inode)
            seen.append(ConnectionSeen(at, error, pod, "closed", gone.local, gone.remote))
        self._others &= present.keys()
        new = present.keys() - self._open.keys() - self._others
        if new:
            owners = self._owners(new)
            for inode in sorted(new):
                if inode in owners:
                    self._open[inode] = owners[inode], present[inode]
                    opened = present[inode]
                    seen.append(ConnectionSeen(at, error, owners[inode], "open", opened.local, opened.remote))
                else:
                    self._others.add(inode)
        return seen


class ConnectionWatch:
    """Polls the table, and writes each connection that opened or closed as a JSON line.

    Args:
        log: the file.
        clients: returns the running client pods, with their processes' ids.
        servers: returns the addresses of the server pods, "127.0.1.2:50051".
    """

    def __init__(
        self, log: Path, clients: Callable[[], Mapping[str, int]], servers: Callable[[], AbstractSet[str]]
    ) -> None:
        self._log = log
        self._clients = clients
        self._servers = servers
        self._connections = SeenConnections(lambda inodes: owners(inodes, self._clients()))
        self._watched: set[str] = set()
        self._last = time.monotonic()

    async def run(self) -> None:
        """Look until cancelled. If the kernel refuses, there is no log: connections are not observed."""
        with contextlib.suppress(OSError), contextlib.closing(SocketTable()) as table:
            list(table.to(set()))  # check whether the kernel allows it
            with self._log.open("a", buffering=1, encoding="utf-8") as log:
                while True:
                    begun = time.thread_time()
                    self.look(table, log)
                    await asyncio.sleep(max(PERIOD, (time.thread_time() - begun) / SHARE))

    def look(self, table: SocketTable, log: TextIO) -> None:
        """Look once."""
        clients = self._clients()
        if not clients and not self._watched:
            return
        connections = {
            connection.inode: connection
            for connection in table.to({_key(address) for address in self._servers()})
        }
        now, at = time.monotonic(), time.time_ns()
        seen = [ConnectionSeen(at, PERIOD, pod, "watched") for pod in clients if pod not in self._watched]
        self._watched |= clients.keys()
        seen += self._connections.look(connections, at, now - self._last)
        self._last = now
        log.writelines(f"{change.line()}\n" for change in seen)


def owners(inodes: AbstractSet[int], processes: Mapping[str, int]) -> dict[int, str]:
    """Return the pod that owns each of these sockets: by its process, or one that it has started."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    pods = {}
    for pod, pid in processes.items():
        for descendant in _family(pid):
            # A process may end meanwhile, or close a file.
            with contextlib.suppress(OSError):
                for file in Path(f"/proc/{descendant}/fd").iterdir():
                    with contextlib.suppress(OSError):
                        inode = wanted.get(str(file.readlink()))
                        if inode is not None:
                            pods[inode] = pod
    return pods


def _family(pid: int) -> Iterator[int]:
    """Yield a process and all its descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                children = (task / "children").read_text(encoding="ascii")
                for child in children.split():
                    yield from _family(int(child))


def _key(address: str) -> tuple[int, bytes]:
    host, _, port = address.rpartition(":")
    return int(port), socket.inet_aton(host)


def _text(host: bytes, port: int) -> str:
    return f"{socket.inet_ntoa(host)}:{port}"
