"""Finds which channels share connections in gRPC, and so which of them may have made a resolution. No I/O.

Within a process, channels with the same address, target and options share a connection (subchannel). The
nameserver is part of the target. So channels that share connections must use the same line of the tap, and
their resolutions cannot be distinguished.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from grpc_lb_instrumentor.discovery.history import ChannelHistory
from grpc_lb_instrumentor.discovery.targets import Address

LOCAL_POOL = "grpc.use_local_subchannel_pool"
_NOT_PART = frozenset({"grpc.service_config", "grpc.inhibit_health_checking", "grpc.server_uri"})
_NOT_PART_PREFIX = "grpc.internal.no_subchannel."
_REMEMBERED = 150_000_000_000  # ns; a channel's last resolution has been reported by then


def sharing_key(target: str, options: Sequence[tuple[str, Any]]) -> Hashable | None:
    """Return a key that is equal for channels that may share connections; None: it shares with no other.

    Measured with grpcio 1.85 (tests/discovery/test_sharing.py): if an option is given twice, the first
    counts.
    """
    first: dict[str, Any] = {}
    for name, value in options:
        first.setdefault(name, value)
    if first.get(LOCAL_POOL):
        return None
    chosen = frozenset(
        (name, _plain(value))
        for name, value in first.items()
        if name not in _NOT_PART and not name.startswith(_NOT_PART_PREFIX)
    )
    return (target if target[:4].lower() == "dns:" else f"dns:///{target}", chosen)


def _plain(value: object) -> Hashable:
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, Hashable) else id(value)


@dataclass(slots=True)
class LineGroup:
    """Channels that use the same line of the tap, or one channel that uses no line.

    `close` may be called by a finaliser at any moment, so the methods iterate over copies.
    """

    history: ChannelHistory
    key: Hashable | None = None
    line: Address | None = None
    asked: bool = False
    connected: bool = False
    opened: int = 0  # channels ever opened, closed ones included
    polled: int = 0  # ns since the Unix epoch: when channelz was last read for a resolution
    shut: set[int] = field(default_factory=set)  # channels that are closed; when is unknown
    _opened: dict[int, int] = field(default_factory=dict)  # channel → when it was opened
    _closed: dict[int, int] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        """Return whether a channel of the group is open."""
        return len(self._closed) < len(self._opened)

    def open(self, channel: int, at: int) -> None:
        """Add a channel, which sends no query before ``at``."""
        self.opened += 1
        for gone in [known for known, closed in list(self._closed.items()) if closed < at - _REMEMBERED]:
            del self._closed[gone], self._opened[gone]
        self._opened[channel] = at

    def close(self, channel: int, at: int) -> None:
        """Note that a channel was closed at ``at``."""
        if channel in self._opened:
            self._closed.setdefault(channel, at)

    def closed_by(self, channel: int, at: int) -> bool:
        """Return whether the channel was closed at this instant, or may have been."""
        return channel in self.shut or self._closed.get(channel, at + 1) <= at

    def candidates(self, at: int) -> tuple[int, ...]:
        """Return the channels that may have asked at this instant, in order of opening."""
        candidates = tuple(
            channel
            for channel, opened in list(self._opened.items())
            if opened <= at <= self._closed.get(channel, at)
        )
        return candidates or tuple(self._opened)

    def opened_by(self, at: int) -> int:
        """Return how many channels had been opened by then."""
        return self.opened - sum(opened > at for opened in list(self._opened.values()))
