"""The nameservers behind the tap, and in which turn they are asked."""

import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from grpc_lb_instrumentor.discovery.targets import Address

SERVFAIL, NOTIMP, REFUSED = 2, 4, 5
_PASS_ON = frozenset({SERVFAIL, NOTIMP, REFUSED})  # rcodes at which a resolver asks its next nameserver


def parse_resolv_conf(text: str) -> tuple[Address, ...]:
    """The nameservers of a resolv.conf(5), at most three as the C library takes; none: 127.0.0.1."""
    found: list[Address] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        try:
            ipaddress.ip_address(words[1])
        except ValueError:
            continue
        found.append(Address(words[1], 53))
    return tuple(found[:3]) or (Address("127.0.0.1", 53),)


class ResolvConf:
    """The system's nameservers, read again whenever the file has changed."""

    def __init__(self, path: Path = Path("/etc/resolv.conf")) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._servers: tuple[Address, ...] = (Address("127.0.0.1", 53),)

    def servers(self) -> tuple[Address, ...]:
        """The nameservers now; an unreadable file leaves the last ones."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 - one call a resolution, kept cheap
            if (status.st_mtime_ns, status.st_ino) != self._seen:
                self._servers = parse_resolv_conf(self._path.read_text(encoding="utf-8", errors="replace"))
                self._seen = (status.st_mtime_ns, status.st_ino)
        except OSError:
            pass
        return self._servers


class Turn:
    """Whom to ask about one question: the next nameserver on a failure, and on the client's own retry.

    Within one try each nameserver is asked at most once; a retry of the client goes on with the one after
    that asked last, since it comes when that one did not answer.
    """

    def __init__(self, servers: Sequence[Address]) -> None:
        self._servers = tuple(servers)
        self._at = -1
        self._left = 0

    def begin(self) -> Address | None:
        """The client asks, for the first time or again."""
        self._left = len(self._servers)
        return self.failed()

    def failed(self) -> Address | None:
        """The nameserver asked last refused or failed; None when this try has asked all of them."""
        if self._left == 0:
            return None
        self._left -= 1
        self._at = (self._at + 1) % len(self._servers)
        return self._servers[self._at]

    def passes_on(self, answer: bytes) -> bool:
        """Whether an answer is a failure that another nameserver may do better than."""
        return self._left > 0 and answer[3] & 0x0F in _PASS_ON


def failure_answer(query: bytes) -> bytes:
    """SERVFAIL to a query, for when no nameserver can be reached: the channel fails at once, as it would."""
    flags = bytes(((query[2] & 0x79) | 0x80, 0x80 | SERVFAIL))
    return query[:2] + flags + query[4:]
