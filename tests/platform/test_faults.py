"""Faults on the local platform, each by its effect on a bare client, the kernel, or the DNS server.

Where there are two servers, the oldest is in trouble and the other one untouched.
"""

import asyncio
import json
import signal
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import grpc
import psutil
import pytest
from greeter.v1 import control_pb2, control_pb2_grpc, greeter_pb2, greeter_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from lbstudy.platform.interface import ChangeKind, Fault, PlatformError, Probe, ServerSpec
from lbstudy.platform.local.platform import LocalPlatform

from tests.platform.programs import SERVER
from tests.platform.test_local_platform import GUARD, Follower, lookup

StartPlatform = Callable[..., Awaitable[LocalPlatform]]  # conftest.start_platform
Greeter: TypeAlias = "greeter_pb2_grpc.GreeterServiceAsyncStub"  # only for the type checker
NAME = "greeter-stock"
QUICK = Probe(period=0.05, timeout=0.6, failures=2)


def spec(replicas: int, **fields: Any) -> ServerSpec:  # noqa: ANN401
    values: dict[str, Any] = {
        "work": 0.0,
        "drain_wait": 0.0,
        "drain_grace": 0.5,
        "control": True,
        "probe": QUICK,
    }
    values |= {"program": SERVER, **fields}
    return ServerSpec(NAME, replicas, **values)


def fault(kind: str, servers: int | None = 1, **options: float | str) -> Fault:
    return Fault(f"{kind} {options}", kind, servers, options)


def channel(address: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


async def greet(stub: Greeter, timeout: float = GUARD) -> str:  # noqa: ASYNC109
    """The status of one RPC."""
    call = stub.SayHello(greeter_pb2.SayHelloRequest(name="you"), timeout=timeout)
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def took(stub: Greeter) -> float:
    begun = time.monotonic()
    assert await greet(stub) == "OK"
    return time.monotonic() - begun


def counted(platform: LocalPlatform, pod: str, event: str) -> list[dict[str, Any]]:
    """What a server said of itself."""
    log = platform._run_dir / "logs" / f"{pod}.out"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(GUARD):
        while not true():  # noqa: ASYNC110  # the kernel's figures have no event
            await asyncio.sleep(0.01)


@dataclass
class Two:
    """Two servers; the first is the one in trouble."""

    platform: LocalPlatform
    follower: Follower
    pods: list[str]
    troubled: Greeter
    untouched: Greeter
    control: "control_pb2_grpc.ControlServiceAsyncStub"  # by the port that serves
    health: Any  # of the first; the stub has no types

    @asynccontextmanager
    async def lasting(self, one: Fault) -> AsyncIterator[None]:
        """While it lasts; told of on the oldest server, and on no other."""
        begun = len(self.follower.of(ChangeKind.FAULT))
        await self.platform.inject(NAME, one)
        *_, told = await self.follower.until(ChangeKind.FAULT, begun + 1)
        assert (told.pod, told.detail) == (self.pods[0], one.label)
        yield
        await self.platform.lift(NAME, one)
        *_, told = await self.follower.until(ChangeKind.LIFTED, begun + 1)
        assert (told.pod, told.detail) == (self.pods[0], one.label)


@pytest.fixture
async def two(start_platform: StartPlatform) -> AsyncIterator[Two]:
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(spec(2))
    at = {pod: str(change.address) for pod, change in (await follower.each(ChangeKind.READY, 2)).items()}
    pods = platform.pods(NAME)
    async with channel(at[pods[0]]) as first, channel(at[pods[1]]) as second:
        troubled, untouched = (greeter_pb2_grpc.GreeterServiceStub(one) for one in (first, second))
        control = control_pb2_grpc.ControlServiceStub(first)
        yield Two(platform, follower, pods, troubled, untouched, control, health_pb2_grpc.HealthStub(first))


async def test_what_servers_do_to_rpcs(two: Two) -> None:
    async with two.lasting(fault("latency", seconds=0.3)):
        assert await took(two.troubled) >= 0.3
        assert await greet(two.untouched) == "OK"
    # The fastest of some: what was taken away is gone, whatever the machine does meanwhile.
    assert min([await took(two.troubled) for _ in range(20)]) < 0.3

    async with two.lasting(fault("error", code="RESOURCE_EXHAUSTED", rate=0.5)):
        codes = Counter([await greet(two.troubled) for _ in range(40)])
        assert set(codes) == {"OK", "RESOURCE_EXHAUSTED"}
        assert {await greet(two.untouched) for _ in range(10)} == {"OK"}
    assert {await greet(two.troubled) for _ in range(10)} == {"OK"}

    async with two.lasting(fault("hang", rate=1.0)):
        given_up = two.troubled.SayHello(greeter_pb2.SayHelloRequest(), timeout=GUARD)
        for _ in range(2):  # asked on the same connection after the call: its handler has begun before theirs
            await two.health.Check(health_pb2.HealthCheckRequest(), timeout=GUARD)
        assert not given_up.done()
        given_up.cancel()
        waiting = asyncio.create_task(greet(two.troubled))
        assert await greet(two.untouched) == "OK"
        assert not waiting.done()
    assert await waiting == "OK"  # what hung is answered

    with pytest.raises(PlatformError, match="cannot do quake"):
        await two.platform.inject(NAME, fault("quake"))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await two.control.LiftFault(control_pb2.LiftFaultRequest(id="x"), timeout=GUARD)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED

    await two.platform.aclose()
    (told,) = counted(two.platform, two.pods[0], "stopped")
    assert told["answered"]["RESOURCE_EXHAUSTED"] == codes["RESOURCE_EXHAUSTED"]
    assert told["answered"]["CANCELLED"] == 1  # the one that was given up
    (told,) = counted(two.platform, two.pods[1], "stopped")
    assert set(told["answered"]) == {"OK"}


async def test_what_servers_do_to_themselves(two: Two) -> None:
    """By the kernel's figures."""
    pid = two.platform.pid(two.pods[0])
    assert pid is not None
    process = psutil.Process(pid)
    before = process.memory_info().rss
    async with two.lasting(fault("memory", mebibytes=100)):
        assert process.memory_info().rss - before > 95 << 20
    await until(lambda: process.memory_info().rss - before < 20 << 20)

    assert await greet(two.troubled) == "OK"
    before_it = {thread.id for thread in process.threads()}  # gRPC's own come and go

    def burning() -> set[int]:
        found = (thread for thread in process.threads() if thread.id not in before_it)
        return {thread.id for thread in found if thread.user_time + thread.system_time > 0.3}

    async with two.lasting(fault("cpu", cores=0.5)):
        await until(lambda: len(burning()) > 0)
        burners = burning()
        assert await greet(two.troubled) == "OK"
    await until(lambda: burners.isdisjoint(thread.id for thread in process.threads()))

    too_much = psutil.virtual_memory().total >> 20
    with pytest.raises(PlatformError, match=r"memory.* GiB asked for"):
        await two.platform.inject(NAME, fault("memory", mebibytes=too_much))


async def test_connections_are_reset_and_packets_are_lost(start_platform: StartPlatform) -> None:
    """By the kernel's word: a bare TCP connection hears of the reset, and a new one is never answered."""
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(spec(1))
    (ready,) = await follower.until(ChangeKind.READY)
    host, port = str(ready.address).split(":")
    loop = asyncio.get_running_loop()

    async def heard(connection: socket.socket) -> None:
        async with asyncio.timeout(GUARD):
            while await loop.sock_recv(connection, 4096):
                pass

    @asynccontextmanager
    async def connected() -> AsyncIterator[socket.socket]:
        with socket.socket() as connection:
            connection.setblocking(False)
            await loop.sock_connect(connection, (host, int(port)))
            await loop.sock_recv(connection, 1)  # the server's settings: it is accepted
            yield connection

    async with connected() as connection:
        reset = fault("reset")
        await platform.inject(NAME, reset)
        with pytest.raises(ConnectionResetError):
            await heard(connection)
        await platform.lift(NAME, reset)
    again = fault("reset", period=0.1)
    await platform.inject(NAME, again)
    for _ in range(3):
        with pytest.raises(ConnectionResetError):  # or before the server's settings have come
            async with connected() as connection:
                await heard(connection)
    await platform.lift(NAME, again)

    async with channel(f"{host}:{port}") as known:
        stub = greeter_pb2_grpc.GreeterServiceStub(known)
        assert await greet(stub) == "OK"
        blackhole = fault("blackhole")
        await platform.inject(NAME, blackhole)
        assert await greet(stub, timeout=0.3) == "DEADLINE_EXCEEDED"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), connected():
                pass
        await follower.until(ChangeKind.UNPUBLISHED)  # its probes get nowhere either
        await platform.lift(NAME, blackhole)
        assert await greet(stub) == "OK"  # TCP sends again what was lost
        await follower.until(ChangeKind.PUBLISHED, 2)
        async with connected():
            pass


async def test_readiness_comes_and_goes(start_platform: StartPlatform) -> None:
    platform = await start_platform(propagation=0.0)
    follower = Follower(platform)
    await platform.create_servers(spec(2))
    published = await follower.each(ChangeKind.PUBLISHED, 2)
    pods = platform.pods(NAME)
    at = {pod: change.address for pod, change in published.items()}
    both, other = set(at.values()), {at[pods[1]]}

    not_ready = fault("not-ready")
    await platform.inject(NAME, not_ready)
    (unready,) = await follower.until(ChangeKind.UNREADY)
    await follower.until(ChangeKind.UNPUBLISHED)
    assert unready.pod == pods[0]
    assert await lookup(platform) == other
    async with channel(str(at[pods[0]])) as known:
        assert await greet(greeter_pb2_grpc.GreeterServiceStub(known)) == "OK"  # it serves all the same
    await platform.lift(NAME, not_ready)
    await follower.until(ChangeKind.PUBLISHED, 3)
    assert await lookup(platform) == both

    stop = fault("stop")
    await platform.inject(NAME, stop)
    await follower.until(ChangeKind.UNPUBLISHED, 2)
    assert await lookup(platform) == other
    pid = platform.pid(pods[0])
    assert pid is not None
    assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
    latency = fault("latency", servers=None, seconds=0.01)
    await platform.inject(NAME, latency)  # on the one that is Ready
    *_, told = await follower.until(ChangeKind.FAULT, 3)
    assert told.pod == pods[1]
    await platform.lift(NAME, latency)
    await platform.lift(NAME, stop)
    await follower.until(ChangeKind.PUBLISHED, 4)
    assert psutil.Process(pid).status() != psutil.STATUS_STOPPED

    flap = fault("flap", period=1.0)
    await platform.inject(NAME, flap)
    await follower.until(ChangeKind.UNREADY, 4)
    await platform.lift(NAME, flap)
    await follower.until(ChangeKind.READY, 2 + 4)
    assert {change.pod for change in follower.of(ChangeKind.UNREADY)} == {pods[0]}


async def test_a_fault_is_lifted_from_a_stopped_server_once_it_goes_on(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(spec(1, probe=Probe()))
    (ready,) = await follower.until(ChangeKind.READY)
    latency, stop = fault("latency", seconds=0.3), fault("stop")
    await platform.inject(NAME, latency)
    await platform.inject(NAME, stop)
    await follower.until(ChangeKind.FAULT, 2)
    await platform.lift(NAME, latency)  # at once, though the server can't be told
    await platform.lift(NAME, stop)
    lifted = await follower.until(ChangeKind.LIFTED, 2)
    assert [change.detail for change in lifted] == [stop.label, latency.label]
    async with channel(str(ready.address)) as known:
        stub = greeter_pb2_grpc.GreeterServiceStub(known)
        assert min([await took(stub) for _ in range(20)]) < 0.3


async def test_servers_are_killed_crash_and_start_slowly(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(spec(2))
    await follower.until(ChangeKind.READY, 2)
    pods = platform.pods(NAME)
    crash = Fault("crash", "crash-at-start", 1)
    slow = Fault("slow", "slow-start", None, {"seconds": 0.5})
    kill = Fault("kill", "kill", 1)
    await platform.inject(NAME, crash)
    await platform.inject(NAME, slow)
    await platform.inject(NAME, kill)
    killed, crashed = await follower.until(ChangeKind.EXITED, 2)
    assert (killed.pod, killed.detail) == (pods[0], str(-signal.SIGKILL))
    assert crashed.detail == "1"
    *_, third = await follower.until(ChangeKind.READY, 3)
    created, _, replaced, last = platform.pods(NAME)
    assert (created, replaced, last) == (pods[0], crashed.pod, third.pod)
    started = next(c.at for c in follower.of(ChangeKind.STARTED) if c.pod == last)
    assert third.at - started >= 0.5e9
    await platform.lift(NAME, slow)
    await platform.lift(NAME, crash)
    await platform.lift(NAME, kill)
    # Each fault on a pod is over with the pod, or with its start.
    on = [(c.kind, c.pod, c.detail) for c in follower.seen if c.detail in {"crash", "kill"} and c.pod]
    assert on == [
        (ChangeKind.FAULT, pods[0], "kill"),
        (ChangeKind.LIFTED, pods[0], "kill"),
        (ChangeKind.FAULT, replaced, "crash"),
        (ChangeKind.LIFTED, replaced, "crash"),
    ]
    await platform.scale(NAME, 3)  # nothing is wrong with it any more
    *_, fourth = await follower.until(ChangeKind.READY, 4)
    assert fourth.pod not in {c.pod for c in follower.of(ChangeKind.FAULT)}


async def test_dns_and_its_log(start_platform: StartPlatform) -> None:
    platform = await start_platform(propagation=0.0)
    follower = Follower(platform)
    await platform.create_servers(spec(1))
    await follower.until(ChangeKind.PUBLISHED)
    authority, name = platform.target(NAME).removeprefix("dns://").rsplit(":", 1)[0].split("/")
    host, port = authority.split(":")

    async def ask(timeout: float = GUARD) -> dns.message.Message:  # noqa: ASYNC109
        query = dns.message.make_query(name, "A")
        return await dns.asyncquery.udp(query, host, timeout=timeout, port=int(port))

    for kind, rcode in (("dns-nxdomain", dns.rcode.NXDOMAIN), ("dns-servfail", dns.rcode.SERVFAIL)):
        one = fault(kind, None)
        await platform.inject(NAME, one)
        assert (await ask()).rcode() == rcode
        await platform.lift(NAME, one)
    silent = fault("dns-silent", None)
    await platform.inject(NAME, silent)
    with pytest.raises(dns.exception.Timeout):
        await ask(0.2)
    await platform.lift(NAME, silent)
    late = fault("dns-late", None, seconds=0.3)
    await platform.inject(NAME, late)
    begun = time.monotonic()
    assert len((await ask()).answer) == 1
    assert time.monotonic() - begun >= 0.3
    await platform.lift(NAME, late)
    truncated = fault("dns-truncated", None)
    await platform.inject(NAME, truncated)
    query = dns.message.make_query(name, "A")
    reply, is_tcp = await dns.asyncquery.udp_with_fallback(query, host, timeout=GUARD, port=int(port))
    assert is_tcp
    assert len(reply.answer) == 1
    await platform.lift(NAME, truncated)
    stale = fault("dns-stale", None, seconds=3600)
    await platform.inject(NAME, stale)
    assert (await ask()).rcode() == dns.rcode.NXDOMAIN  # there was no server so long ago
    await platform.lift(NAME, stale)
    assert (await ask()).rcode() == dns.rcode.NOERROR

    rcodes = [json.loads(line)["rcode"] for line in platform.dns_log.read_text().splitlines()]
    assert rcodes == ["NXDOMAIN", "SERVFAIL", "NONE", *["NOERROR"] * 3, "NXDOMAIN", "NOERROR"]
    for change in await follower.until(ChangeKind.LIFTED, 6):
        assert (change.deployment, change.pod) == (NAME, None)


async def test_stopped_servers_end_in_order(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(spec(2))
    await follower.until(ChangeKind.READY, 2)
    await platform.inject(NAME, fault("stop", None))
    await platform.aclose()
    assert {change.detail for change in await follower.until(ChangeKind.EXITED, 2)} == {"0"}
