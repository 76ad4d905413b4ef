"""The DNS server's process: sockets, log, and the control socket over which it gets its zone.

Control messages are JSON lines. It says ``{"ready": true, "port": …}`` once; then each
``{"serial": n, "addresses": {name: [IPv4, …]}, "troubles": {name: [[kind, seconds], …]}}`` replaces the zone
and the troubles of its names, and is acknowledged by ``{"serial": n, "time_unix_nano": …}``, the instant from
which answers follow it. The end of the control
socket ends the server.
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

IDLE_TIMEOUT = 10.0  # s that a TCP connection may be silent
MAX_CONNECTIONS = 1000


class DnsServer(asyncio.DatagramProtocol):
    """Answers over UDP and TCP from the zone that it has now, and logs every answer."""

    def __init__(self, zone: Zone, log: TextIO) -> None:
        self.zone = zone
        self._troubles: Mapping[str, Sequence[DnsTrouble]] = {}  # name → what goes wrong with its answers
        self._history = History()
        self._history.add(time.monotonic(), zone)
        self._log = log
        self._transport: asyncio.DatagramTransport | None = None
        self._connections = 0

    def follow(self, zone: Zone, troubles: Mapping[str, Sequence[DnsTrouble]]) -> None:
        """From now on, answer by these."""
        if zone != self.zone:
            self._history.add(time.monotonic(), zone)
        self.zone = zone
        self._troubles = troubles

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # it is one
        """Keep the transport to answer through."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a query over UDP."""
        reply = self._reply(data, addr, stream=False)
        transport = self._transport
        if reply is None or transport is None or not reply.sent:
            return
        if reply.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(reply.delay, lambda: transport.sendto(reply.answer.wire, addr))
        else:
            transport.sendto(reply.answer.wire, addr)

    def error_received(self, exc: Exception) -> None:
        """A client that has closed its socket is no concern of ours."""

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the queries of one TCP connection, each after its two bytes of length."""
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
                    reply = self._reply(packet, writer.get_extra_info("peername"), stream=True)
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

    def _reply(self, packet: bytes, peer: tuple[str, int], *, stream: bool) -> Reply | None:
        received = time.time_ns()
        found = answer(packet, self.zone, stream=stream)
        if found is None:
            return None
        reply = Reply(found)
        if troubles := self._troubles.get(found.name.lower()):
            reply = troubled(packet, found, troubles, self._history, time.monotonic(), stream=stream)
            found = reply.answer
        entry = {
            "time_unix_nano": received,
            "peer": f"{peer[0]}:{peer[1]}",
            "transport": "tcp" if stream else "udp",
            "name": found.name,
            "qtype": found.qtype,
            "rcode": found.rcode,
            "addresses": found.addresses,
            "truncated": found.truncated,
        }
        # A full disk must not stop answers; the gap in the log is told by whoever reads it.
        with contextlib.suppress(OSError):
            self._log.write(json.dumps(entry) + "\n")
        return reply


async def _serve(args: argparse.Namespace, control: socket.socket, log: TextIO) -> None:
    loop = asyncio.get_running_loop()
    server = DnsServer(Zone.of(args.origin, args.ttl, {}), log)
    udp, tcp = _bind(args.address)
    await loop.create_datagram_endpoint(lambda: server, sock=udp)
    await asyncio.start_server(server.stream, sock=tcp)
    reader, writer = await asyncio.open_connection(sock=control, limit=2**24)
    _tell(writer, {"ready": True, "port": udp.getsockname()[1]})
    while line := await reader.readline():
        message = json.loads(line)
        troubles = {
            name: [DnsTrouble(kind, seconds) for kind, seconds in found]
            for name, found in message["troubles"].items()
        }
        server.follow(Zone.of(args.origin, args.ttl, message["addresses"]), troubles)
        _tell(writer, {"serial": message["serial"], "time_unix_nano": time.time_ns()})


def _tell(writer: asyncio.StreamWriter, message: dict[str, object]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")


def _bind(address: str) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on the same free port of an address."""
    for _ in range(100):
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.bind((address, 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
            continue
        udp.setblocking(False)
        tcp.setblocking(False)
        return udp, tcp
    raise OSError(f"no port of {address} is free for both UDP and TCP")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the control socket ends."""
    parser = argparse.ArgumentParser(prog="lbstudy.platform.local.dns")
    parser.add_argument("--address", required=True)
    parser.add_argument("--origin", required=True)
    parser.add_argument("--ttl", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--control", type=int, required=True, help="the control socket's descriptor")
    parser.add_argument("--parent", type=int, required=True, help="the starting process's id")
    args = parser.parse_args(argv)
    die_with_parent(signal.SIGKILL, args.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the study, which ends us in its turn
    control = socket.socket(fileno=args.control)
    try:
        with args.log.open("a", buffering=1, encoding="utf-8") as log:
            asyncio.run(_serve(args, control, log))
    except OSError as error:
        sys.stderr.write(f"dns: {error}\n")
        return 1
    return 0
