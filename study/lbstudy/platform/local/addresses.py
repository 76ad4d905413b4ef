"""Loopback addresses for pods: a run uses each once, and no two studies use the same."""

import socket
from collections.abc import Iterator

from lbstudy.platform.interface import PlatformError

BLOCKS = range(1, 256)
"""127.0.1.0/24 to 127.0.255.0/24; 127.0.0.0/24 is left to other programs."""
BLOCK_SIZE = 254
_NOBODYS = "127.255.255.254"  # in no block: a program that listens on a port of it listens on every address


class AddressPool:
    """Hands out addresses of /24 blocks that it has claimed; never the same one twice.

    A claim is an abstract Unix socket. Like the loopback addresses, it belongs to the network namespace; and
    the kernel closes it with the process, however that ends.
    """

    def __init__(self) -> None:
        self._claims: list[socket.socket] = []
        self._unclaimed = iter(BLOCKS)
        self._addresses = self._generate()

    def take(self, *ports: int) -> str:
        """Return the next address on which nobody uses these TCP ports.

        Raises PlatformError if none is left, or a program listens to one of the ports on every address.
        """
        for address in self._addresses:
            taken = [port for port in ports if not is_free(address, port)]
            if not taken:
                return address
            for port in taken:
                if not is_free(_NOBODYS, port):
                    raise PlatformError(
                        f"port {port} is taken on every loopback address: a program listens on it on 0.0.0.0"
                    )
        raise PlatformError("no loopback address from 127.0.1.1 to 127.0.255.254 is free")

    def release(self) -> None:
        """Release the blocks for other studies."""
        self._addresses = iter(())
        for claim in self._claims:
            claim.close()
        self._claims.clear()

    def _generate(self) -> Iterator[str]:
        for block in self._unclaimed:
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                claim.bind(f"\0lbstudy-addresses-127.0.{block}")
            except OSError:
                claim.close()
                continue
            self._claims.append(claim)
            yield from (f"127.0.{block}.{host}" for host in range(1, BLOCK_SIZE + 1))


def is_free(address: str, port: int) -> bool:
    """Return whether nobody listens on a TCP port of an address, or on that port of every address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError:
            return False
    return True
