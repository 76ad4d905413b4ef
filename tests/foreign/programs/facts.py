"""What a program can see of itself; Linux."""

import os
import time
from pathlib import Path


def children() -> int:
    """Processes whose parent this one is, those included that have ended and were not waited for."""
    found = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            found += int(status.read_text().rpartition(")")[2].split()[1]) == os.getpid()
        except OSError:
            pass
    return found


def descriptors() -> int:
    """Open descriptors."""
    return len(os.listdir("/proc/self/fd"))


def settled_descriptors(most):
    """Open descriptors, once they are no more than that and no resolver asks any more.

    gRPC closes a resolver's socket on a thread of its own, after the answer.
    """
    end = time.monotonic() + 20
    while (asks() or descriptors() > most) and time.monotonic() < end:
        time.sleep(0.01)
    return descriptors()


def asks():
    """Whether this process has a UDP socket that is connected, as resolvers' are."""
    own = _sockets()
    return any(fields[3] == "01" and f"socket:[{fields[9]}]" in own for fields in _table("udp"))


def connections(port: int) -> int:
    """Established TCP connections of this process that go to a port."""
    own = _sockets()
    found = 0
    for fields in (*_table("tcp"), *_table("tcp6")):
        to_port = int(fields[2].rpartition(":")[2], 16) == port
        found += to_port and fields[3] == "01" and f"socket:[{fields[9]}]" in own
    return found


def _sockets():
    own = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            own.add(os.readlink(entry))
        except OSError:
            pass
    return own


def _table(name):
    path = Path(f"/proc/self/net/{name}")  # there is no tcp6 where the kernel has no IPv6
    return [line.split() for line in path.read_text().splitlines()[1:]] if path.exists() else []
