"""Finds the address at which a pod was reached, from what the server and the kernel say.

gRPC for Python does not show a call's peer. A server sees its client's address, and sends it a few times for
each connection. The client looks up which of its own connections begins at that address, and where it ends.
If a proxy or address translation lies between them, no connection matches, and no address is reported.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final

import psutil

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.rpc.shapes import Attributes, host_and_port

_logger = logging.getLogger(__name__)

_LOOKS_APART: Final = 0.25  # s; one look at the kernel's table costs milliseconds if there are many sockets
_KNOWN: Final = 4096
_NONE: Final[Attributes] = {}

Address = tuple[str, int]
Connections = Callable[[], Iterable[tuple[Address, Address]]]
"""Returns this process's TCP connections: their own address, and the peer's."""


def own_connections() -> Iterable[tuple[Address, Address]]:
    """Read this process's connections from the kernel's table."""
    for connection in psutil.Process().net_connections("tcp"):
        if connection.raddr:
            yield _plain(connection.laddr), _plain(connection.raddr)


class Peers:
    """The address at which each pod was reached; a pod with several addresses has none that is certain."""

    __slots__ = ("_addresses", "_connections", "_lock", "_looked_at", "_waiting")

    def __init__(self, connections: Connections = own_connections) -> None:
        """Look up connections with ``connections``."""
        self._connections = connections
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._addresses: dict[str, tuple[Address, Attributes] | None] = {}
        self._waiting: dict[Address, str] = {}  # our own address → the pod at the other end

    def told(self, pod: str, peer: str) -> None:
        """Note that ``pod`` sees this process at ``peer``."""
        own = host_and_port(peer)
        if own is not None and len(self._waiting) < _KNOWN:
            self._waiting[own] = pod

    def of(self, pod: str) -> Attributes:
        """Return, as attributes, where the pod was reached; empty if that is unknown."""
        if self._waiting and monotonic() - self._looked_at >= _LOOKS_APART:
            self._look()
        address = self._addresses.get(pod)
        return _NONE if address is None else address[1]

    def _look(self) -> None:
        if not self._lock.acquire(blocking=False):
            return  # another thread reads the table
        try:
            self._looked_at = monotonic()
            other_end = dict(self._connections())
            for own in list(self._waiting):
                pod = self._waiting.pop(own)
                if own in other_end:
                    self._reached(pod, other_end[own], open_ends=other_end.values())
        except Exception:
            _logger.debug("this process's connections could not be read", exc_info=True)
        finally:
            self._lock.release()

    def _reached(self, pod: str, address: Address, open_ends: Iterable[Address]) -> None:
        if len(self._addresses) >= _KNOWN:
            self._addresses.clear()
        known = self._addresses.get(pod)
        if known is not None and known[0] != address and known[0] in open_ends:
            self._addresses[pod] = None
        elif pod not in self._addresses or known is not None:  # a restarted pod has another address
            attributes: Attributes = {
                names.NETWORK_PEER_ADDRESS: address[0],
                names.NETWORK_PEER_PORT: address[1],
            }
            self._addresses[pod] = (address, attributes)


def _plain(address: tuple[str, int]) -> Address:
    return address[0].removeprefix("::ffff:"), address[1]
