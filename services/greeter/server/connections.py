"""Network faults that need no privileges, as the server makes them on its own sockets (Linux).

``reset`` disconnects each connection, so that the kernel sends a TCP reset. A blackhole is a socket filter
(``SO_ATTACH_FILTER``, classic BPF) that drops every incoming packet: the handshake of a new connection, data,
and acknowledgements of what the server sent. The other end sees a network that loses packets. There is no
proxy, so nothing is slower while there is no fault.
"""

import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_SO_ATTACH_FILTER = 26  # from asm-generic/socket.h; Python's socket module lacks them
_SO_DETACH_FILTER = 27
_BPF_RET_K = 0x06  # BPF_RET | BPF_K: return the constant, here 0 bytes of the packet

_libc = ctypes.CDLL(None, use_errno=True)


def reset(port: int) -> int:
    """Reset every connection that this process accepted on a port; returns how many.

    ``connect`` to AF_UNSPEC dissolves a TCP socket's association (connect(2)), and Linux then sends RST.
    """
    count = 0
    for connection in _sockets(port):
        if not connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            count += _libc.connect(connection.fileno(), bytes(16), 16) == 0  # sa_family 0 is AF_UNSPEC
    return count


def drop(port: int) -> int:
    """Drop every packet to a port of this process, for new connections too; returns the number of sockets."""
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RET_K, 0, 0, 0))
    program = struct.pack("HL", 1, ctypes.addressof(instruction))
    count = 0
    for connection in _sockets(port):
        connection.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        count += 1
    return count


def pass_on(port: int) -> None:
    """Stop dropping packets."""
    for connection in _sockets(port):
        with contextlib.suppress(OSError):  # the socket has no filter
            connection.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


def _sockets(port: int) -> Iterator[socket.socket]:
    """Yield this process's TCP sockets on a local port, as duplicates that are closed again."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            descriptor = os.dup(int(entry.name))
            try:
                connection = socket.socket(fileno=descriptor)
            except OSError:  # not a socket
                os.close(descriptor)
                continue
            with connection:
                is_tcp = (
                    connection.family in (socket.AF_INET, socket.AF_INET6)
                    and connection.type == socket.SOCK_STREAM
                )
                if is_tcp and connection.getsockname()[1] == port:
                    yield connection
