"""What the tests of the languages' clients start; nothing of it outlives its test."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import grpc
import pytest
from greeter.server.faults import Faults
from greeter.server.servicer import Greeter
from greeter.v1 import greeter_pb2, greeter_pb2_grpc

from tests.services.conftest import Program, start
from tests.subjects.programs import Dns

__all__ = ["start"]  # the fixture

Run = Callable[..., Awaitable[Program]]
GUARD = 120.0  # s, against hanging only: a JVM with xDS takes five of CPU to start


class Served(Greeter):
    """The Python server's own servicer, which tells of its first RPC."""

    def __init__(self, pod_name: str) -> None:
        async def set_ready(ready: bool) -> None:  # there is no health service here
            pass

        super().__init__(pod_name, 0.0, Faults(set_ready))
        self.pod_name = pod_name
        self.port = 0
        self.trace_parents: list[str] = []
        self._called = asyncio.Event()
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])

    async def listen(self, address: str) -> None:
        """Serve on IP:PORT."""
        greeter_pb2_grpc.add_GreeterServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(address)
        await self._server.start()

    async def SayHello(  # noqa: N802  # the stub's name
        self,
        request: greeter_pb2.SayHelloRequest,
        context: grpc.aio.ServicerContext[greeter_pb2.SayHelloRequest, greeter_pb2.SayHelloResponse],
    ) -> greeter_pb2.SayHelloResponse:
        """Answer, and tell of it."""
        self._called.set()
        for key, value in context.invocation_metadata() or ():
            if key == "traceparent":
                self.trace_parents.append(str(value))
        return await super().SayHello(request, context)

    async def called(self) -> None:
        """Wait for an RPC from now on."""
        self._called.clear()
        await asyncio.wait_for(self._called.wait(), GUARD)

    async def stop(self) -> None:
        """End it; it has counted all then."""
        await self._server.stop(5)
        await self.counted()


Serve = Callable[[str, str], Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server of a pod's name at an address; its port is any free one unless it is told."""
    servers: list[Served] = []

    async def serve_at(pod_name: str, address: str) -> Served:
        server = Served(pod_name)
        servers.append(server)
        await server.listen(address)
        return server

    yield serve_at
    for server in servers:
        await server.stop()


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    """Start a command with its arguments, in an environment of its own."""
    programs: list[Program] = []

    async def run_command(
        command: Sequence[str], *args: str, env: Mapping[str, str] | None = None
    ) -> Program:
        program = Program(
            await asyncio.create_subprocess_exec(
                *command,
                *args,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={"PATH": os.environ["PATH"], **(env or {})},
                start_new_session=True,
            )
        )
        programs.append(program)
        return program

    yield run_command
    for program in programs:
        if program.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.process.pid, signal.SIGKILL)
            await program.process.wait()


@pytest.fixture
async def dns(tmp_path: Path) -> AsyncIterator[Dns]:
    """The study's DNS server."""
    server = Dns(tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def net() -> str:
    """Three octets of loopback addresses that no other test has: each is a pod's."""
    return f"127.{random.randint(64, 126)}.{random.randint(0, 255)}"
