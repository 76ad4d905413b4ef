"""An endpoint: the address of a server."""

import ipaddress
from typing import NamedTuple, Self


class Endpoint(NamedTuple):
    """An IP address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``IP:PORT`` or ``[IP6]:PORT``; raises ValueError, whose message is one line."""
        host, _, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        try:
            address = ipaddress.ip_address(bare)
        except ValueError:
            raise ValueError(f"{text!r:.80} is not IP:PORT") from None
        if (address.version == 6) != host.startswith("["):
            raise ValueError(f"{text!r:.80} is not IP:PORT")
        if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError(f"{text!r:.80} has no port from 1 to 65535")
        return cls(str(address), int(port))
