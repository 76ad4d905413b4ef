"""When does each language's client call new servers, over DNS and with its library's defaults?

    scripts/build-subjects && .venv/bin/python -m benchmarks.languages [python go java node node-cares]

All languages at once, each with servers, a DNS server and one channel (20 RPC/s, round_robin) of its own:

- scale-up: three servers, two more after 5 s, whose addresses are in DNS at once; 45 s are watched;
- rolling restart: then, every 5 s, one more server is started and published and an old one is taken out of
  DNS, serves for a second, and ends with GOAWAY, until the first five are replaced; 90 s are watched.

It prints each server's first RPC, as the server itself saw it, counted from the instant at which DNS had its
address, and every look-up in the DNS server's log. Times are seconds from the load's start.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from greeter.v1 import greeter_pb2, greeter_pb2_grpc

from tests.subjects.programs import GO, JAVA, NODE, PYTHON, Dns, Language

NODE_CARES = Language(
    "node-cares", NODE.command, NODE.built, env={"GRPC_NODE_USE_ALTERNATIVE_RESOLVER": "true"}
)
LANGUAGES = {one.name: one for one in (PYTHON, GO, JAVA, NODE, NODE_CARES)}
RATE = 20.0
SCALE_UP, ROLLING, END = 5.0, 50.0, 140.0  # s after the load's start
ROLLING_EVERY = 5.0


class Server(greeter_pb2_grpc.GreeterServiceServicer):
    """A server that knows when its first RPC came."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.published = self.first = self.ended = 0.0  # Unix time; 0: not yet
        self.count = 0
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        greeter_pb2_grpc.add_GreeterServiceServicer_to_server(self, self._server)

    async def listen(self, address: str) -> int:
        """Serve on IP:PORT; returns the port."""
        port = self._server.add_insecure_port(address)
        await self._server.start()
        return port

    async def SayHello(  # noqa: N802  # the stub's name
        self,
        request: greeter_pb2.SayHelloRequest,  # noqa: ARG002
        context: grpc.aio.ServicerContext[greeter_pb2.SayHelloRequest, greeter_pb2.SayHelloResponse],  # noqa: ARG002
    ) -> greeter_pb2.SayHelloResponse:
        """Answer at once."""
        self.first = self.first or time.time()
        self.count += 1
        return greeter_pb2.SayHelloResponse(pod_name=self.name)

    async def stop(self) -> None:
        """GOAWAY, and 5 s for what is open."""
        self.ended = time.time()
        await self._server.stop(5)


@dataclass
class Experiment:
    """One language's clients, servers and DNS server."""

    language: Language
    net: str
    folder: Path
    servers: list[Server] = field(default_factory=list)
    listed: dict[str, Server] = field(default_factory=dict)  # address → server
    port: int = 0
    began: float = 0.0
    tally: dict[str, object] = field(default_factory=dict)

    async def run(self) -> None:
        """All of it."""
        self.dns = Dns(self.folder)
        await self.dns.start()
        for _ in range(3):
            await self.add()
        await self.publish()
        command, target = self.language.over_dns(self.dns.authority, self.port)
        self.began = time.time() + 15.0  # a JVM on a busy machine
        client = await asyncio.create_subprocess_exec(
            *command,
            *("--target", target, "--rate", str(RATE), "--duration", str(END)),
            *("--start-at", str(self.began)),
            env={"PATH": os.environ["PATH"], **self.language.env},
            stdout=asyncio.subprocess.PIPE,
        )
        await self.until(SCALE_UP)
        await self.add()
        await self.add()
        await self.publish()
        for number in range(5):
            await self.until(ROLLING + ROLLING_EVERY * number)
            await self.replace()
        out, _ = await client.communicate()
        self.tally = json.loads(out.splitlines()[-1])["tally"]
        for server in self.servers:
            await server.stop()
        await self.dns.stop()

    async def until(self, at: float) -> None:
        """Wait until seconds after the load's start."""
        await asyncio.sleep(self.began + at - time.time())

    async def add(self) -> None:
        """Start a server; it is not published yet."""
        server = Server(f"server-{len(self.servers) + 1}")
        address = f"{self.net}.{len(self.servers) + 1}"
        self.port = await server.listen(f"{address}:{self.port}")
        self.servers.append(server)
        self.listed[address] = server

    async def publish(self) -> None:
        """Have DNS tell the servers as they are now."""
        at = await self.dns.publish(*self.listed) / 1e9
        for server in self.listed.values():
            server.published = server.published or at

    async def replace(self) -> None:
        """One step of the rolling restart."""
        await self.add()
        del self.listed[next(iter(self.listed))]
        old = next(one for one in self.servers if not one.ended)
        await self.publish()
        await asyncio.sleep(1.0)
        await old.stop()

    def report(self) -> str:
        """What is printed."""
        lines = [f"== {self.language.name}: {json.dumps(self.tally)}"]
        for server in self.servers:
            published = server.published - self.began
            first = f"{server.first - server.published:7.2f} s later" if server.first else "never"
            ended = f", ended at {server.ended - self.began:.2f}" if server.ended else ""
            lines.append(
                f"{server.name:10} in DNS at {published:7.2f}, first RPC {first}, {server.count} RPCs{ended}"
            )
        queries = [json.loads(line) for line in self.dns.log.read_text().splitlines()]
        lines += [
            f"   {query['time_unix_nano'] / 1e9 - self.began:7.2f} {query['qtype']:5} {query['rcode']:9}"
            f" {len(query['addresses'])} addresses {query['peer']} {query['name']}"
            for query in queries
        ]
        return "\n".join(lines)


async def main(names: list[str]) -> None:
    """Run them side by side, and print what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        experiments = []
        for number, name in enumerate(names):
            own = Path(folder, name)
            own.mkdir()  # noqa: ASYNC240  # nothing runs beside it yet
            experiments.append(Experiment(LANGUAGES[name], f"127.90.{number + 1}", own))
        await asyncio.gather(*(one.run() for one in experiments))
        for one in experiments:
            sys.stdout.write(one.report() + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("languages", nargs="*", default=list(LANGUAGES), help=", ".join(LANGUAGES))
    asyncio.run(main(parser.parse_args().languages))
