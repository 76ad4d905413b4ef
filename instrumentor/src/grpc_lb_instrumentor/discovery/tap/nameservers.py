"""The nameservers behind the tap, and the order in which they are asked."""

import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from grpc_lb_instrumentor.discovery.targets import Address

SERVFAIL, NOTIMP, REFUSED = 2, 4, 5
_PASS_ON = frozenset({SERVFAIL, NOTIMP, REFUSED})  # codes after which a resolver asks its next nameserver


def parse_resolv_conf(text: str) -> tuple[Address, ...]:
    """Return the nameservers of a resolv.conf(5), at most three like the C library; 127.0.0.1 if none."""
    nameservers: list[Address] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        try:
            ipaddress.ip_address(words[1])
        except ValueError:
            continue
        nameservers.append(Address(words[1], 53))
    return tuple(nameservers[:3]) or (Address("127.0.0.1", 53),)


class ResolvConf:
    """The system's nameservers; the file is read again whenever it has changed."""

    def __init__(self, path: Path = Path("/etc/resolv.conf")) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._servers: tuple[Address, ...] = (Address("127.0.0.1", 53),)

    def servers(self) -> tuple[Address, ...]:
        """Return the nameservers now; if the file is unreadable, the last ones."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 - one call a resolution, kept cheap
            if (status.st_mtime_ns, status.st_ino) != self._seen:
                self._servers = parse_resolv_conf(self._path.read_text(encoding="utf-8", errors="replace"))
                self._seen = (status.st_mtime_ns, status.st_ino)
        except OSError:
            pass
        return self._servers


class Turn:
    """Chooses the nameserver for one question: the next after a failure, and after the client's own retry.

    Within one try each nameserver is asked at most once. A retry of the client starts with the nameserver
    after the one asked last, because that one did not answer.
    """

    def __init__(self, servers: Sequence[Address]) -> None:
        self._servers = tuple(servers)
        self._at = -1
        self._left = 0

    def begin(self) -> Address | None:
        """Begin a try, the client's first or a retry; returns the nameserver to ask."""
        self._left = len(self._servers)
        return self.failed()

    def failed(self) -> Address | None:
        """Return the next nameserver after a failure; None if this try has asked all of them."""
        if self._left == 0:
            return None
        self._left -= 1
        self._at = (self._at + 1) % len(self._servers)
        return self._servers[self._at]

    def passes_on(self, answer: bytes) -> bool:
        """Return whether an answer is a failure, so that the next nameserver should be asked."""
        return self._left > 0 and answer[3] & 0x0F in _PASS_ON


def failure_answer(query: bytes) -> bytes:
    """Return SERVFAIL for a query, for when no nameserver can be reached: the channel then fails at once."""
    flags = bytes(((query[2] & 0x79) | 0x80, 0x80 | SERVFAIL))
    return query[:2] + flags + query[4:]
