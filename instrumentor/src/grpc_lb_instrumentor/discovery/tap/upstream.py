"""Sends one question to the nameservers and the answer back, over UDP and TCP."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Sequence

from grpc_lb_instrumentor.discovery.tap.nameservers import Turn, failure_answer
from grpc_lb_instrumentor.discovery.targets import Address

_TCP_LIMIT = 5.0  # s to connect to one nameserver over TCP and to get its answer
_NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_AGAIN = 0.01  # s until a descriptor may be free


class Inquiry:
    """One question of a client over UDP. Asks the nameservers in turn until an answer can be delivered.

    The socket to each nameserver stays open until the resolution is over, as a slow answer still counts.
    """

    def __init__(self, servers: Sequence[Address], deliver: Callable[[bytes], None]) -> None:
        self._turn = Turn(servers)
        self._deliver = deliver
        self._sockets: list[socket.socket] = []
        self._query = b""
        self._failure: bytes | None = None
        self._closed = False

    def ask(self, query: bytes) -> None:
        """Forward the client's query or retry."""
        self._query = query
        self._failure = None
        self._send(self._turn.begin())

    def close(self) -> None:
        """Close all sockets: no more answers are wanted."""
        self._closed = True
        for upstream in self._sockets:
            asyncio.get_running_loop().remove_reader(upstream)
            upstream.close()
        self._sockets.clear()

    def _send(self, server: Address | None) -> None:
        while server is not None and not self._closed:
            family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
            try:
                upstream = socket.socket(family, socket.SOCK_DGRAM)
            except OSError as error:
                # out of descriptors, which is not the nameserver's fault: the query waits
                if error.errno in _NO_DESCRIPTOR:
                    asyncio.get_running_loop().call_later(_AGAIN, self._send, server)
                    return
                server = self._turn.failed()
                continue
            try:
                upstream.setblocking(False)
                upstream.connect((server.host, server.port))
                upstream.send(self._query)
            except OSError:
                upstream.close()
                server = self._turn.failed()
                continue
            self._sockets.append(upstream)
            asyncio.get_running_loop().add_reader(upstream, self._readable, upstream)
            return
        if not self._closed:
            self._deliver(self._failure or failure_answer(self._query))

    def _readable(self, upstream: socket.socket) -> None:
        try:
            answer = upstream.recv(65535)
        except BlockingIOError:
            return
        except OSError:  # ECONNREFUSED: no server there
            self._drop(upstream)
            self._send(self._turn.failed())
            return
        if len(answer) < 12 or answer[:2] != self._query[:2]:
            return
        if self._turn.passes_on(answer):
            self._failure = answer
            self._drop(upstream)
            self._send(self._turn.failed())
            return
        self._deliver(answer)

    def _drop(self, upstream: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(upstream)
        self._sockets.remove(upstream)
        upstream.close()


async def ask_over_tcp(servers: Sequence[Address], query: bytes) -> bytes | None:
    """Ask the nameservers in turn over TCP; None if none of them answered."""
    turn = Turn(servers)
    server = turn.begin()
    failure: bytes | None = None
    while server is not None:
        answer = None
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            async with asyncio.timeout(_TCP_LIMIT):
                answer = await _exchange(server, query)
        if answer is not None and (len(answer) < 12 or not turn.passes_on(answer)):
            return answer
        failure = answer or failure
        server = turn.failed()
    return failure


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """Read one DNS message from a TCP stream (RFC 1035 4.2.2). Raises EOFError or OSError at its end."""
    length = int.from_bytes(await reader.readexactly(2))
    return await reader.readexactly(length)


def framed(message: bytes) -> bytes:
    """Return a DNS message with the length prefix that TCP needs."""
    return len(message).to_bytes(2) + message


async def _exchange(server: Address, query: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(framed(query))
        return await read_message(reader)
    finally:
        writer.close()
