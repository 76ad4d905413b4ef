"""Ports that stay free until a program under test takes them, or while nobody is to be there."""

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000


def free_port() -> int:
    """A port that is free for TCP and UDP on every address, and that the kernel hands out to nobody.

    One of those that it hands out may be another program's before it is used, or when it is asked.
    """
    first = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    candidates = range(_LOWEST, first) or range(_LOWEST, 65_536)
    while True:
        port = random.choice(candidates)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            try:
                tcp.bind(("", port))
                udp.bind(("", port))
            except OSError:
                continue
        return port
