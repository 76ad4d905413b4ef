"""A small real DNS server whose answers a test sets."""

import asyncio
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass(slots=True)
class Behaviour:
    """How one name is answered."""

    addresses: tuple[str, ...] = ()
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    dropped: frozenset[str] = frozenset()  # qtypes without any answer
    delay: float = 0.0  # s


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that came."""

    at: int
    name: str
    qtype: str
    tcp: bool


@dataclass(slots=True)
class DnsServer:
    """UDP and TCP on one port of 127.0.0.1; unknown names are NXDOMAIN."""

    port: int = 0
    names: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    def start(self) -> "DnsServer":
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        assert started.wait(30)
        return self

    def stop(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(30)
            self._loop = None

    def set(self, name: str, *addresses: str, **behaviour: object) -> None:
        self.names[name] = Behaviour(addresses, **behaviour)  # type: ignore[arg-type]  # a test's shorthand

    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def _serve(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        for _ in range(8):
            transport, _ = await self._loop.create_datagram_endpoint(
                lambda: _Udp(self), local_addr=("127.0.0.1", self.port)
            )
            port = transport.get_extra_info("sockname")[1]
            try:
                server = await asyncio.start_server(self._tcp, "127.0.0.1", port)
            except OSError:
                transport.close()
                continue
            break
        self.port = port
        started.set()
        await self._over.wait()
        transport.close()
        server.close()

    async def _tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                answer = await self.answer(await reader.readexactly(length), tcp=True)
                if answer is not None:
                    writer.write(struct.pack("!H", len(answer)) + answer)
        except (EOFError, OSError):
            writer.close()

    async def answer(self, packet: bytes, *, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(packet)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        qtype = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(Asked(time.time_ns(), name, qtype, tcp))
        behaviour = self.names.get(name, Behaviour(rcode=dns.rcode.NXDOMAIN))
        if qtype in behaviour.dropped:
            return None
        if behaviour.delay:
            await asyncio.sleep(behaviour.delay)
        answer = dns.message.make_response(query)
        answer.set_rcode(behaviour.rcode)
        fitting = [one for one in behaviour.addresses if (":" in one) == (qtype == "AAAA")]
        if qtype in {"A", "AAAA"} and fitting:
            answer.answer.append(dns.rrset.from_text(question.name, 5, "IN", qtype, *fitting))
        wire = answer.to_wire(max_size=65535)
        if not tcp and len(wire) > 512:
            answer.answer.clear()
            answer.flags |= dns.flags.TC
            wire = answer.to_wire()
        return wire


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        task = asyncio.ensure_future(self._answer(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = await self._server.answer(data, tcp=False)
        if answer is not None:
            self._transport.sendto(answer, addr)
