"""The DNS server's process: its sockets, its log, and the control socket on which it gets its zone.

Control messages are JSON lines. The server sends ``{"ready": true, "port": …}`` once. Then each ``{"serial":
n, "addresses": {name: [IPv4, …]}, "troubles": {name: [[kind, seconds, family], …]}}`` replaces the zone and
the troubles of its names, and is acknowledged by ``{"serial": n, "time_unix_nano": …}``: from that instant
on, answers follow it. An additional ``"listen": [[address, port], …]`` names further addresses to answer on
(port 0: any free one). Then the acknowledgement has ``"listening"``: for each the port, or why it is not
available. When the control socket is closed, the server ends.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from lbstudy.platform.local.dns.answer import Zone, answer
from lbstudy.platform.local.dns.trouble import DnsTrouble, History, Reply, troubled
from lbstudy.platform.local.parent import die_with_parent

IDLE_TIMEOUT = 10.0  # s of silence after which a TCP connection is closed
MAX_CONNECTIONS = 1000


class DnsServer:
    """Answers over UDP and TCP from its present zone, and logs every answer."""

    def __init__(self, zone: Zone, log: TextIO) -> None:
        self.zone = zone
        self._troubles: Mapping[str, Sequence[DnsTrouble]] = {}  # name → what is wrong with its answers
        self._history = History()
        self._history.add(time.monotonic(), zone)
        self._log = log
        self._connections = 0

    def follow(self, zone: Zone, troubles: Mapping[str, Sequence[DnsTrouble]]) -> None:
        """Use this zone and these troubles from now on."""
        if zone != self.zone:
            self._history.add(time.monotonic(), zone)
        self.zone = zone
        self._troubles = troubles

    async def listen(self, address: str, port: int = 0) -> int:
        """Answer on an address; returns the port. Raises OSError."""
        udp, tcp = _bind(address, port)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Datagrams(self), sock=udp)
        await asyncio.start_server(self.stream, sock=tcp)
        bound: int = udp.getsockname()[1]
        return bound

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the queries of one TCP connection, each of which follows two bytes with its length."""
        if self._connections >= MAX_CONNECTIONS:
            writer.close()
            return
        self._connections += 1
        try:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                while True:
                    async with asyncio.timeout(IDLE_TIMEOUT):
                        size = int.from_bytes(await reader.readexactly(2))
                        packet = await reader.readexactly(size)
                    names = [writer.get_extra_info(name) for name in ("peername", "sockname")]
                    reply = self.reply(packet, *names, stream=True)
                    if reply is None:
                        break
                    if reply.sent:
                        if reply.delay:
                            await asyncio.sleep(reply.delay)
                        writer.write(len(reply.answer.wire).to_bytes(2) + reply.answer.wire)
                        await writer.drain()
        finally:
            self._connections -= 1
            writer.close()

    def reply(
        self, packet: bytes, peer: tuple[str, int], asked: tuple[str, int], *, stream: bool
    ) -> Reply | None:
        """Return the answer to a query from ``peer`` to ``asked``; it is in the log already."""
        received = time.time_ns()
        dns_reply = answer(packet, self.zone, stream=stream)
        if dns_reply is None:
            return None
        reply = Reply(dns_reply)
        if troubles := self._troubles.get(dns_reply.name.lower()):
            reply = troubled(packet, dns_reply, troubles, self._history, time.monotonic(), stream=stream)
            dns_reply = reply.answer
        entry = {
            "time_unix_nano": received,
            "peer": f"{peer[0]}:{peer[1]}",
            "authority": f"{asked[0]}:{asked[1]}",
            "transport": "tcp" if stream else "udp",
            "name": dns_reply.name,
            "qtype": dns_reply.qtype,
            "rcode": dns_reply.rcode,
            "addresses": dns_reply.addresses,
            "truncated": dns_reply.truncated,
        }
        # A full disk must not stop answers; the reader of the log reports the gap.
        with contextlib.suppress(OSError):
            self._log.write(json.dumps(entry) + "\n")
        return reply


class _Datagrams(asyncio.DatagramProtocol):
    """One UDP socket of the server."""

    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # it is one
        """Keep the transport, to answer through it."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a query."""
        transport = self._transport
        if transport is None:
            return
        reply = self._server.reply(data, addr, transport.get_extra_info("sockname"), stream=False)
        if reply is None or not reply.sent:
            return
        if reply.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(reply.delay, lambda: transport.sendto(reply.answer.wire, addr))
        else:
            transport.sendto(reply.answer.wire, addr)

    def error_received(self, exc: Exception) -> None:
        """Ignore it: a client has closed its socket."""


async def _serve(args: argparse.Namespace, control: socket.socket, log: TextIO) -> None:
    server = DnsServer(Zone.of(args.origin, args.ttl, {}, args.families), log)
    port = await server.listen(args.address)
    reader, writer = await asyncio.open_connection(sock=control, limit=2**24)
    _tell(writer, {"ready": True, "port": port})
    while line := await reader.readline():
        message = json.loads(line)
        troubles = {
            name: [DnsTrouble(kind, seconds, family) for kind, seconds, family in entries]
            for name, entries in message["troubles"].items()
        }
        server.follow(Zone.of(args.origin, args.ttl, message["addresses"], args.families), troubles)
        now = time.time_ns()
        listening = [await _listened(server, *where) for where in message.get("listen", ())]
        _tell(writer, {"serial": message["serial"], "time_unix_nano": now, "listening": listening})


async def _listened(server: DnsServer, address: str, port: int) -> int | str:
    """Return the port that is listened on now, or why it is not available."""
    try:
        return await server.listen(address, port)
    except OSError as error:
        return (error.strerror or str(error)).lower()


def _tell(writer: asyncio.StreamWriter, message: dict[str, object]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")


def _bind(address: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Bind UDP and TCP to the same port of an address: to this port, or to a free one if it is 0."""
    for _ in range(100):
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            tcp.bind((address, port))
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
            if port:
                raise
            continue
        udp.setblocking(False)
        tcp.setblocking(False)
        return udp, tcp
    raise OSError(f"no port of {address} is free for both UDP and TCP")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the control socket is closed."""
    parser = argparse.ArgumentParser(prog="lbstudy.platform.local.dns")
    parser.add_argument("--address", required=True)
    parser.add_argument("--origin", required=True)
    parser.add_argument("--ttl", type=int, required=True)
    parser.add_argument("--families", choices=("ipv4", "ipv6", "both"), default="ipv4")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--control", type=int, required=True, help="the control socket's descriptor")
    parser.add_argument("--parent", type=int, required=True, help="the starting process's id")
    args = parser.parse_args(argv)
    die_with_parent(signal.SIGKILL, args.parent)
    # Ctrl-C is meant for the study, which then ends this process
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=args.control)
    try:
        with args.log.open("a", buffering=1, encoding="utf-8") as log:
            asyncio.run(_serve(args, control, log))
    except OSError as error:
        sys.stderr.write(f"dns: {error}\n")
        return 1
    return 0
