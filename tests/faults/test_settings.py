"""Two settings on two real servers of this process, whose own counts tell what the clients' policies do.

The setting files are the ones that come with the package.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import grpc
import pytest
from greeter.server.faults import Faults
from greeter.server.load_report import LoadReporter
from greeter.server.servicer import Greeter
from greeter.v1 import control_pb2, greeter_pb2, greeter_pb2_grpc
from lbstudy.config import load_setting

GUARD: Final = 120.0  # s: no test waits this long unless something hangs
LISTENING: Final = "127.0.0.1:0"


@dataclass
class Server:
    """A server of the study, in this process."""

    greeter: Greeter
    faults: Faults
    address: str

    @property
    def worked(self) -> int:
        """RPCs that it has worked on, by its own count."""
        return sum(self.greeter.answered.values())


async def _nobody(ready: bool) -> None:
    """Nobody asks for its health here."""


@pytest.fixture
async def servers() -> AsyncIterator[list[Server]]:
    async with AsyncExitStack() as stack:
        made = []
        for name in ("troubled", "untouched"):
            faults = Faults(_nobody)
            greeter = Greeter(name, 0.0, faults)
            greeter.reporter = faults.reporter = LoadReporter(greeter.answered)
            server = grpc.aio.server()
            greeter_pb2_grpc.add_GreeterServiceServicer_to_server(greeter, server)
            port = server.add_insecure_port(LISTENING)
            await server.start()
            stack.push_async_callback(server.stop, None)
            made.append(Server(greeter, faults, f"127.0.0.1:{port}"))
        yield made


class Client:
    """A client under a setting; its addresses are given, so that DNS plays no part."""

    def __init__(self, setting: str, servers: list[Server]) -> None:
        loaded = load_setting(setting)
        options = [
            ("grpc.service_config", loaded.service_config_json),
            ("grpc.use_local_subchannel_pool", 1),
            *loaded.channel.items(),
        ]
        target = "ipv4:" + ",".join(server.address for server in servers)
        self.channel = grpc.aio.insecure_channel(target, options=options)
        self._stub = greeter_pb2_grpc.GreeterServiceStub(self.channel)

    async def send(self, count: int) -> int:
        """Send RPCs one after the other; returns how many failed."""
        failed = 0
        for _ in range(count):
            call = self._stub.SayHello(greeter_pb2.SayHelloRequest(name="you"), timeout=GUARD)
            try:
                await call
            except grpc.aio.AioRpcError:
                failed += 1
            await asyncio.sleep(0.005)  # intervals are of time: a burst would lie within one
        return failed


async def test_outlier_detection_ejects_a_server_that_errs_and_takes_it_back(servers: list[Server]) -> None:
    troubled, untouched = servers
    client = Client("outlier-detection", servers)
    async with client.channel, asyncio.timeout(GUARD):
        while min(troubled.worked, untouched.worked) <= 5:
            assert await client.send(20) == 0  # until both are connected
        error = control_pb2.Error(code=grpc.StatusCode.UNAVAILABLE.value[0], rate=1)
        await troubled.faults.inject(control_pb2.InjectFaultRequest(id="e", error=error))
        while await client.send(20):
            pass  # until an interval has ended, and the server that errs is left out
        before = troubled.worked, untouched.worked
        assert await client.send(50) == 0
        assert (troubled.worked, untouched.worked) == (before[0], before[1] + 50)
        await troubled.faults.lift("e")
        while troubled.worked == before[0]:
            assert await client.send(20) == 0  # until its time is over
        before = troubled.worked, untouched.worked
        assert await client.send(100) == 0
        assert min(troubled.worked - before[0], untouched.worked - before[1]) > 40


async def test_orca_weights_shift_load_as_grfc_a58_says(servers: list[Server]) -> None:
    """A weight is RPC/s ÷ utilisation: at the same RPC/s, CPU 0.9 against 0.3 is 1 : 3."""
    for server, cpu in zip(servers, (0.9, 0.3), strict=True):
        report = control_pb2.LoadReport(cpu_utilization=cpu, rps_fractional=100)
        await server.faults.inject(control_pb2.InjectFaultRequest(id="r", load_report=report))
    client = Client("weighted-round-robin", servers)
    async with client.channel, asyncio.timeout(GUARD):
        while (await _shares(client, servers, 40))[0] > 0.35:
            pass  # until the reports are used
        assert await _shares(client, servers, 400) == pytest.approx([0.25, 0.75], abs=0.04)


async def _shares(client: Client, servers: list[Server], count: int) -> list[float]:
    before = [server.worked for server in servers]
    assert await client.send(count) == 0
    return [(server.worked - one) / count for server, one in zip(servers, before, strict=True)]
