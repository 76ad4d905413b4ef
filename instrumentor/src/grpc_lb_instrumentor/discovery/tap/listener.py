"""One port of the tap: its UDP and TCP listener, the lines on it, and the resolutions under way."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from grpc_lb_instrumentor.discovery.tap import kernel
from grpc_lb_instrumentor.discovery.tap.resolution import Key, Report, Resolution, key_of
from grpc_lb_instrumentor.discovery.tap.upstream import Inquiry, ask_over_tcp, framed, read_message
from grpc_lb_instrumentor.discovery.targets import Address

_QUIET = 1_000_000_000  # ns without a packet or an open question: over, even if the client keeps its socket
_QUIET_BLIND = 250_000_000  # ns; the same if the kernel does not list open ports
_LONGEST = 150_000_000_000  # ns; gRPC gives up a resolution after 120 s
_UNKNOWN_TRIES = 8  # a query may be read just before the message that opens its line
_UNKNOWN_PAUSE = 0.005  # s


@dataclass(frozen=True, slots=True)
class Line:
    """An address of the tap, which channels use as their nameserver.

    `servers` returns the nameservers behind it, `asked` is called when a resolution asks for addresses, and
    `report` is called with every finished resolution.
    """

    servers: Callable[[], Sequence[Address]]
    asked: Callable[[], None]
    report: Callable[[Report], None]


class _Visit:
    """A resolution under way, with its questions to the nameservers."""

    def __init__(self, started: int, host: str, line: Line) -> None:
        self.resolution = Resolution(started)
        self.host = host
        self.line = line
        self.servers = line.servers()
        self.inquiries: dict[Key, Inquiry] = {}
        self.streams = 0  # the client's open TCP connections
        self.gone = False  # an answer was sent to its socket after that was closed

    def over(self, now: int, port: int, open_ports: frozenset[int] | None) -> bool:
        """Return whether the client is done with it."""
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
    """Serves the lines of one port.

    `lines` has the lines by the host of their address; the owner adds to it. `begun` is called when a
    resolution begins.
    """

    def __init__(
        self, udp: socket.socket, tcp: socket.socket, lines: Mapping[str, Line], begun: Callable[[], None]
    ) -> None:
        self._udp = udp
        self._tcp = tcp
        self._lines = lines
        self._begun = begun
        # by the client's port; a resolution that began over TCP: a negative number
        self._visits: dict[int, _Visit] = {}
        self._server: asyncio.Server | None = None
        self._streams: set[asyncio.StreamWriter] = set()
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a resolution is under way."""
        return bool(self._visits)

    async def start(self) -> None:
        """Start to serve, beginning with the queries that already wait."""
        self._udp.setblocking(False)
        asyncio.get_running_loop().add_reader(self._udp, self._readable)
        self._server = await asyncio.start_server(self._serve_stream, sock=self._tcp, backlog=128)

    def close(self) -> None:
        """Stop; resolutions under way are not reported."""
        self._closed = True
        asyncio.get_running_loop().remove_reader(self._udp)
        self._udp.close()
        if self._server is not None:
            self._server.close()
        for writer in list(self._streams):
            writer.close()
        for visit in self._visits.values():
            visit.close()
        self._visits.clear()

    def under_way(self) -> frozenset[int]:
        """Return the clients' ports of all resolutions that have begun."""
        self._readable()
        return frozenset(self._visits)

    def sweep(self, ports: frozenset[int], now: int, open_ports: frozenset[int] | None) -> None:
        """Report those of these resolutions that are over at ``now``; `open_ports` were read after that.

        They are reported in the order in which they began, as each is compared with the one before it. Such a
        resolution ends at the present instant: its client may have closed the socket up to now.
        """
        self._readable()  # waiting queries first, so that they are not taken for new resolutions later
        for port, visit in list(self._visits.items()):
            if port in ports and visit.over(now, port, open_ports):
                self._end(port, visit, time.time_ns())

    def flush(self, host: str | None = None) -> None:
        """Report what has all its answers, on one line or on all: the client is about to end."""
        if self._visits:
            self._readable()
        now = time.time_ns()
        for port, visit in list(self._visits.items()):
            if host in (None, visit.host) and not visit.resolution.open:
                self._end(port, visit, now)

    def drop(self, host: str) -> None:
        """Close a line: report what is answered, and drop the rest."""
        self.flush(host)
        for port, visit in list(self._visits.items()):
            if visit.host == host:
                del self._visits[port]
                visit.close()

    def _end(self, port: int, visit: _Visit, now: int) -> None:
        del self._visits[port]
        visit.close()
        report = visit.resolution.end(now)
        if report is not None:
            visit.line.report(report)

    # --- UDP ---

    def _readable(self) -> None:
        self._note_undelivered()
        # Empty the kernel's queue first, as it is short: many channels may ask at once.
        for at, packet, way in list(kernel.received(self._udp)):
            self._query(at, packet, way)

    def _line(self, local: str | None) -> tuple[str, Line] | None:
        if local is None:  # the kernel does not say: then the port has one line only
            return next(iter(self._lines.items()), None)
        line = self._lines.get(local)
        return None if line is None else (local, line)

    def _query(self, at: int, packet: bytes, way: kernel.Way, tries: int = _UNKNOWN_TRIES) -> None:
        if len(packet) < 12 or self._closed:
            return
        port = way.peer[1]
        visit = self._visits.get(port)
        if visit is None:
            line = self._line(way.local)
            if line is None:
                if tries:
                    later = asyncio.get_running_loop().call_later
                    later(_UNKNOWN_PAUSE, self._query, at, packet, way, tries - 1)
                return
            visit = self._visits[port] = _Visit(at, *line)
            self._begun()
        key = key_of(packet) or (int.from_bytes(packet[:2]), -1)
        inquiry = visit.inquiries.get(key)
        if inquiry is None:
            inquiry = Inquiry(visit.servers, lambda answer: self._deliver(answer, way))
            visit.inquiries[key] = inquiry
        inquiry.ask(packet)  # first, since the client waits
        visit.resolution.query(at, packet)
        if visit.resolution.asks_addresses:
            visit.line.asked()

    def _deliver(self, answer: bytes, way: kernel.Way) -> None:
        at = time.time_ns()  # before it is sent: what the client does with it comes after
        kernel.send(self._udp, answer, way.peer, way.local)
        visit = self._visits.get(way.peer[1])
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
                    local, peer = (writer.get_extra_info(name) for name in ("sockname", "peername"))
                    visit = self._visit_of_stream(at, query, local[0], peer[1])
                    if visit is None:
                        return
                    visit.streams += 1
                visit.resolution.query(at, query)
                answer = await ask_over_tcp(visit.servers, query)
                if answer is None:
                    return
                at = time.time_ns()
                writer.write(framed(answer))
                await writer.drain()
                visit.resolution.answer(at, answer)
        except (OSError, EOFError):
            return
        finally:
            if visit is not None:
                visit.streams -= 1
            self._streams.discard(writer)
            with contextlib.suppress(OSError):
                writer.close()

    def _visit_of_stream(self, at: int, query: bytes, local: str, port: int) -> _Visit | None:
        line = self._line(local)
        if line is None:
            return None
        key = key_of(query)
        for visit in self._visits.values():
            if key is not None and visit.host == line[0] and visit.resolution.awaits(key):
                return visit
        # A client that uses TCP from the start (RES_OPTIONS=use-vc): its connection is the resolution.
        visit = self._visits[-port] = _Visit(at, *line)
        self._begun()
        visit.line.asked()
        return visit
