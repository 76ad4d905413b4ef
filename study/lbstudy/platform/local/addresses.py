"""Loopback addresses for pods: each used once in a run, and by one study at a time."""

import socket
from collections.abc import Iterator

from lbstudy.platform.interface import PlatformError

BLOCKS = range(1, 256)
"""127.0.1.0/24 to 127.0.255.0/24; 127.0.0.0/24 is left to the rest of the machine."""
BLOCK_SIZE = 254


class AddressPool:
    """Hands out addresses of /24 blocks that it has claimed; never the same one twice.

    A claim is an abstract Unix socket, which belongs to the network namespace as the loopback addresses do,
    and which the kernel gives up with the process, however that ends.
    """

    def __init__(self) -> None:
        self._claims: list[socket.socket] = []
        self._unclaimed = iter(BLOCKS)
        self._addresses = self._generate()

    def take(self, *ports: int) -> str:
        """The next address of which nobody has these TCP ports; raises PlatformError when none is left."""
        for address in self._addresses:
            if all(_is_free(address, port) for port in ports):
                return address
        raise PlatformError("no loopback address from 127.0.1.1 to 127.0.255.254 is free")

    def release(self) -> None:
        """Give the blocks up, for other studies."""
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


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError:
            return False
    return True
