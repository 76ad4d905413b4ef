"""One channel's side of the tap: its UDP and TCP listener, and the resolutions under way on them."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Sequence

from grpc_lb_instrumentor.discovery.tap import kernel
from grpc_lb_instrumentor.discovery.tap.resolution import Key, Report, Resolution, key_of
from grpc_lb_instrumentor.discovery.tap.upstream import Inquiry, ask_over_tcp, framed, read_message
from grpc_lb_instrumentor.discovery.targets import Address

_QUIET = 1_000_000_000  # ns without a packet, nothing open: over, although the client keeps its socket
_QUIET_BLIND = 250_000_000  # the same where the kernel does not tell what is open
_LONGEST = 150_000_000_000  # ns; gRPC gives a resolution up after 120 s


class _Visit:
    """A resolution under way, with its questions to the nameservers."""

    def __init__(self, started: int, servers: Sequence[Address]) -> None:
        self.resolution = Resolution(started)
        self.servers = servers
        self.inquiries: dict[Key, Inquiry] = {}
        self.streams = 0  # open TCP connections of the client
        self.gone = False  # an answer came to its closed socket

    def over(self, now: int, port: int, open_ports: frozenset[int] | None) -> bool:
        """Whether the client is through with it."""
        resolution = self.resolution
        quiet = now - resolution.quiet_since
        if self.streams or (resolution.awaits_tcp and quiet < _QUIET):
            return False
        if self.gone:
            return True
        if open_ports is None:
            return quiet > (_LONGEST if resolution.open else _QUIET_BLIND)
        return port not in open_ports or quiet > (_LONGEST if resolution.open else _QUIET)

    def close(self) -> None:
        for inquiry in self.inquiries.values():
            inquiry.close()


class Listener:
    """Serves one channel.

    `begun` is called when a resolution begins, `asked` when one asks for addresses, and `report` gets every
    resolution once it is over.
    """

    def __init__(
        self,
        udp: socket.socket,
        tcp: socket.socket,
        servers: Callable[[], Sequence[Address]],
        begun: Callable[[], None],
        asked: Callable[[], None],
        report: Callable[[Report], None],
    ) -> None:
        self._udp = udp
        self._tcp = tcp
        self._servers = servers
        self._begun = begun
        self._asked = asked
        self._report = report
        self._visits: dict[int, _Visit] = {}  # by the client's port; TCP without a UDP query before: negative
        self._server: asyncio.Server | None = None
        self._streams: set[asyncio.StreamWriter] = set()

    @property
    def busy(self) -> bool:
        """Whether a resolution is under way."""
        return bool(self._visits)

    async def start(self) -> None:
        """Begin with what already waits."""
        self._udp.setblocking(False)
        asyncio.get_running_loop().add_reader(self._udp, self._readable)
        self._server = await asyncio.start_server(self._serve_stream, sock=self._tcp)

    def close(self) -> None:
        """End; the resolutions under way are not reported."""
        asyncio.get_running_loop().remove_reader(self._udp)
        self._udp.close()
        if self._server is not None:
            self._server.close()
        for writer in list(self._streams):
            writer.close()
        for visit in self._visits.values():
            visit.close()
        self._visits.clear()

    def sweep(self, now: int, open_ports: frozenset[int] | None) -> None:
        """Report what is over at this instant."""
        if self._visits:
            self._readable()  # a query that waits must not pass for a resolution of its own afterwards
        for port, visit in list(self._visits.items()):
            if visit.over(now, port, open_ports):
                del self._visits[port]
                visit.close()
                report = visit.resolution.end(now)
                if report is not None:
                    self._report(report)

    def flush(self) -> None:
        """Report what has all its answers: the client is about to end."""
        for visit in self._visits.values():
            if not visit.resolution.open:
                visit.gone, visit.streams = True, 0
        self.sweep(time.time_ns(), frozenset())

    # --- UDP ---

    def _readable(self) -> None:
        self._note_undelivered()
        for at, packet, peer in kernel.received(self._udp):
            self._query(at, packet, peer)

    def _query(self, at: int, packet: bytes, peer: kernel.Peer) -> None:
        key = key_of(packet) or (int.from_bytes(packet[:2]), -1)
        if len(packet) < 12:
            return
        visit = self._visits.get(peer[1])
        if visit is None:
            visit = self._visits[peer[1]] = _Visit(at, self._servers())
            self._begun()
        inquiry = visit.inquiries.get(key)
        if inquiry is None:
            inquiry = Inquiry(visit.servers, lambda answer: self._deliver(answer, peer))
            visit.inquiries[key] = inquiry
        visit.resolution.query(at, packet)
        if visit.resolution.asks_addresses:
            self._asked()
        inquiry.ask(packet)

    def _deliver(self, answer: bytes, peer: kernel.Peer) -> None:
        kernel.send(self._udp, answer, peer)
        at = time.time_ns()
        visit = self._visits.get(peer[1])
        if visit is not None:
            visit.resolution.answer(at, answer)
        self._note_undelivered()

    def _note_undelivered(self) -> None:
        for packet, peer in kernel.undelivered(self._udp):
            visit = self._visits.get(peer[1])
            if visit is not None:
                visit.resolution.undelivered(packet)
                visit.gone = True

    # --- TCP ---

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit: _Visit | None = None
        self._streams.add(writer)
        try:
            while True:
                query = await read_message(reader)
                at = time.time_ns()
                if visit is None:
                    visit = self._visit_of_stream(at, query, writer.get_extra_info("peername")[1])
                    visit.streams += 1
                visit.resolution.query(at, query)
                answer = await ask_over_tcp(visit.servers, query)
                if answer is None:
                    return
                writer.write(framed(answer))
                await writer.drain()
                visit.resolution.answer(time.time_ns(), answer)
        except (OSError, EOFError):
            return
        finally:
            if visit is not None:
                visit.streams -= 1
            self._streams.discard(writer)
            with contextlib.suppress(OSError):
                writer.close()

    def _visit_of_stream(self, at: int, query: bytes, port: int) -> _Visit:
        key = key_of(query)
        for visit in self._visits.values():
            if key is not None and visit.resolution.awaits(key):
                return visit
        # A client that asks over TCP from the start (RES_OPTIONS=use-vc): its connection is the resolution.
        visit = self._visits[-port] = _Visit(at, self._servers())
        self._begun()
        self._asked()
        return visit
