"""Trouble on the way to a server, made where it can be made without privileges: on its own sockets (Linux).

``reset`` disconnects each connection, so that the kernel sends a TCP reset. A blackhole is a socket filter
(``SO_ATTACH_FILTER``, classic BPF) that drops whatever comes in: the handshake of a new connection, data, and
the acknowledgement of what the server sent before. To the other end, that is a way on which packets get lost.
No proxy stands between, so nothing is slower while there is no fault.
"""

import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h; the module socket has no names for them
_SO_DETACH_FILTER = 27
_BPF_RET_K = 0x06  # BPF_RET | BPF_K: return the constant, here 0 bytes of the packet

_libc = ctypes.CDLL(None, use_errno=True)


def reset(port: int) -> int:
    """Reset every connection that this process accepted on a port; returns how many.

    ``connect`` to AF_UNSPEC dissolves a TCP socket's association (connect(2)), which on Linux sends RST.
    """
    count = 0
    for one in _sockets(port):
        if not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            count += _libc.connect(one.fileno(), bytes(16), 16) == 0  # sa_family 0 is AF_UNSPEC
    return count


def drop(port: int) -> int:
    """Drop every packet to a port of this process, also of new connections; returns the sockets."""
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RET_K, 0, 0, 0))
    program = struct.pack("HL", 1, ctypes.addressof(instruction))
    count = 0
    for one in _sockets(port):
        one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        count += 1
    return count


def pass_on(port: int) -> None:
    """Drop nothing any more."""
    for one in _sockets(port):
        with contextlib.suppress(OSError):  # it has no filter
            one.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


def _sockets(port: int) -> Iterator[socket.socket]:
    """This process's TCP sockets on a local port, as duplicates that are closed again."""
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            descriptor = os.dup(int(one.name))
            try:
                found = socket.socket(fileno=descriptor)
            except OSError:  # no socket
                os.close(descriptor)
                continue
            with found:
                is_tcp = (
                    found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM
                )
                if is_tcp and found.getsockname()[1] == port:
                    yield found
