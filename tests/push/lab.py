"""A control plane under test with its servers and its clients, as processes, and who tells it of servers."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from endpoint_push.v1 import push_pb2, push_pb2_grpc

from benchmarks.push.load import PROGRAM, Load

LOOPBACK = "127.0.0.1:0"
GUARD = 120.0  # s: no test waits this long unless something hangs
Start = Callable[..., Awaitable[Any]]  # tests.services.conftest.start


class Lab:
    """One control plane with endpoints by report."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self.program: Any = None
        self.address = self.reports = LOOPBACK
        self.health = ""  # where probes ask in plain text
        self.uri = ""  # by which clients find control planes, where it is not this one alone
        self._channel: grpc.aio.Channel | None = None
        self._call: Any = None
        self._clients: list[asyncio.subprocess.Process] = []

    async def up(self, *args: str) -> None:
        """Start it, or start it again on the same ports."""
        self.program = await self._start(
            "endpoint_push", "--address", self.address, "--reports", self.reports, "--settle=0", *args
        )
        serving = await self.program.event("serving")
        self.address, self.reports = serving["address"], serving["reports"]
        self.health = serving.get("health", "")

    async def kill(self) -> None:
        """SIGKILL."""
        self.program.process.kill()
        await self.program.end()
        await self.end_reports()

    async def tell(self, *addresses: str) -> int:
        """Report the servers of ``greeter``; returns the version."""
        if self._call is None:
            self._channel = grpc.aio.insecure_channel(self.reports)
            self._call = push_pb2_grpc.EndpointServiceStub(self._channel).ReportEndpoints(wait_for_ready=True)
        await self._call.write(push_pb2.ReportEndpointsRequest(service="greeter", addresses=addresses))
        answer = await asyncio.wait_for(self._call.read(), GUARD)
        assert isinstance(answer, push_pb2.ReportEndpointsResponse)
        return answer.version

    async def removed(self, address: str, within: float = GUARD) -> str:
        """What AwaitRemoved says of an address; raises AioRpcError."""
        async with grpc.aio.insecure_channel(self.address) as channel:
            stub = push_pb2_grpc.RemovalServiceStub(channel)
            answer = await stub.AwaitRemoved(push_pb2.AwaitRemovedRequest(address=address), timeout=within)
            return push_pb2.Removal.Name(answer.removal)

    async def server(self, pod: str, *args: str) -> tuple[Any, str]:
        """A server, and its address."""
        program = await self._start("greeter.server", "--address", LOOPBACK, *args, POD_NAME=pod)
        return program, (await program.event("serving"))["address"]

    async def load(self, rate: float = 100.0) -> Load:
        """A client of xds:///greeter under load, until its ``finish``."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(PROGRAM), "xds:///greeter", str(rate)),
            env={"PATH": os.environ["PATH"], "GRPC_XDS_BOOTSTRAP_CONFIG": self.bootstrap},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._clients.append(process)
        assert process.stdout is not None

        async def end() -> None:
            process.terminate()

        return Load(process.stdout, end)

    @property
    def bootstrap(self) -> str:
        """What gRPC is told of the control plane; it must be in the environment before gRPC is imported."""
        server = {
            "server_uri": self.uri or self.address,
            "channel_creds": [{"type": "insecure"}],
            "server_features": ["xds_v3", "ignore_resource_deletion"],
        }
        return json.dumps({"xds_servers": [server], "node": {"id": "client-a"}})

    async def close(self) -> None:
        """End the clients that still run, and the reports."""
        for process in self._clients:
            if process.returncode is None:
                process.kill()
            await process.wait()
        await self.end_reports()

    async def end_reports(self) -> None:
        """End the stream of reports; the next report opens another."""
        if self._call is not None:
            self._call.cancel()
            assert self._channel is not None
            await self._channel.close()
            self._call = None


async def answers(program: Any) -> dict[str, int]:  # noqa: ANN401  # a Program
    """End a server; what it has counted by code."""
    program.process.terminate()
    answered: dict[str, int] = (await program.event("stopped"))["answered"]
    return answered
