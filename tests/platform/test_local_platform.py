"""The platform as a whole: real pods, real DNS, seen through the interface."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.message
import dns.rcode
import grpc
import pytest
from greeter.v1 import greeter_pb2, greeter_pb2_grpc
from grpc_health.v1 import health_pb2
from lbstudy.platform.interface import Change, ChangeKind, ClientSpec, Manner, PlatformError, ServerSpec
from lbstudy.platform.local.platform import LocalPlatform

from tests.platform.programs import CLIENT, SERVER

StartPlatform = Callable[..., Awaitable[LocalPlatform]]  # conftest.start_platform
GUARD = 120.0  # s: no test waits this long unless something hangs


class Follower:
    """Reads changes up to what a test waits for, and keeps them all."""

    def __init__(self, platform: LocalPlatform) -> None:
        self._stream: AsyncIterator[Change] = platform.changes()
        self.seen: list[Change] = []

    async def until(self, kind: ChangeKind, count: int = 1) -> list[Change]:
        """Read until so many changes of a kind have been seen in all; returns them."""
        async with asyncio.timeout(GUARD):
            while len(self.of(kind)) < count:
                self.seen.append(await anext(self._stream))
        return self.of(kind)

    async def each(self, kind: ChangeKind, count: int) -> dict[str, Change]:
        """Read until a change of this kind has been seen of so many pods; returns each one's first."""
        first: dict[str, Change] = {}
        seen = 0
        while len(first) < count:
            seen += 1
            *_, change = (await self.until(kind, seen))[:seen]
            first.setdefault(str(change.pod), change)
        return first

    def of(self, kind: ChangeKind) -> list[Change]:
        return [change for change in self.seen if change.kind == kind]


def servers(replicas: int, name: str = "greeter-stock", **fields: Any) -> ServerSpec:  # noqa: ANN401
    values = {"work": 0.01, "drain_wait": 0.0, "drain_grace": 5.0, "program": SERVER, **fields}
    return ServerSpec(name, replicas, **values)


def earliest(change: Change) -> float:
    """When it may have been, at the earliest, in ns since the Unix epoch."""
    return change.at - change.error * 1e9


async def lookup(platform: LocalPlatform, service: str = "greeter-stock") -> set[str]:
    authority, name = platform.target(service).removeprefix("dns://").rsplit(":", 1)[0].split("/")
    host, port = authority.split(":")
    reply = await dns.asyncquery.udp(dns.message.make_query(name, "A"), host, timeout=120, port=int(port))
    return {f"{record.address}:50051" for rrset in reply.answer for record in rrset}


async def test_the_life_of_pods_scaled_up_and_down(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(servers(2))
    first = await follower.until(ChangeKind.PUBLISHED, 2)
    assert await lookup(platform) == {change.address for change in first}

    await platform.scale("greeter-stock", 4)
    published = await follower.until(ChangeKind.PUBLISHED, 4)
    assert await lookup(platform) == {change.address for change in published}
    pods = platform.pods("greeter-stock")
    assert len(pods) == len(set(pods)) == 4
    assert len({change.address for change in published}) == 4

    await platform.scale("greeter-stock", 1)
    gone = await follower.until(ChangeKind.EXITED, 3)
    unpublished = await follower.until(ChangeKind.UNPUBLISHED, 3)
    # The oldest stays; the youngest is told first.
    assert [change.pod for change in follower.of(ChangeKind.TERMINATING)] == pods[:0:-1]
    assert {change.pod for change in unpublished} == {change.pod for change in gone} == set(pods[1:])
    assert {change.detail for change in gone} == {"0"}
    remaining = next(change.address for change in published if change.pod == pods[0])
    assert await lookup(platform) == {remaining}

    assert [change.detail for change in follower.of(ChangeKind.SCALE)] == ["2", "4", "1"]
    for pod in pods:
        kinds = [change.kind for change in follower.seen if change.pod == pod]
        assert kinds[:4] == [ChangeKind.CREATED, ChangeKind.STARTED, ChangeKind.READY, ChangeKind.PUBLISHED]
        created, *later = [change for change in follower.seen if change.pod == pod]
        # Of what may have come earlier than it was seen, nothing came before the pod.
        assert all(0 <= change.error <= (change.at - created.at) / 1e9 for change in later)


@pytest.mark.parametrize("manner", [Manner.ROLLING_UPDATE, Manner.EVICT])
async def test_all_servers_are_replaced(start_platform: StartPlatform, manner: Manner) -> None:
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(servers(2))
    await follower.until(ChangeKind.PUBLISHED, 2)
    old = platform.pods("greeter-stock")

    await platform.replace("greeter-stock", manner)
    gone = await follower.until(ChangeKind.EXITED, 2)
    published = await follower.until(ChangeKind.PUBLISHED, 4)
    await follower.until(ChangeKind.UNPUBLISHED, 2)

    new = platform.pods("greeter-stock")[2:]
    assert {change.pod for change in gone} == set(old)
    assert [change.detail for change in follower.of(ChangeKind.REPLACE)] == [str(manner)]
    assert await lookup(platform) == {change.address for change in published if change.pod in new}
    order = [(change.kind, change.pod) for change in follower.seen]
    first_end = min(order.index((ChangeKind.TERMINATING, pod)) for pod in old)
    ready_before = [pod for pod in new if (ChangeKind.READY, pod) in order[:first_end]]
    # A rolling update of two takes no old pod away before a new one is Ready; an eviction takes both at once.
    assert len(ready_before) == (1 if manner is Manner.ROLLING_UPDATE else 0)


async def test_addresses_are_not_used_again(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(servers(2))
    await follower.until(ChangeKind.READY, 2)
    await platform.scale("greeter-stock", 1)
    await follower.until(ChangeKind.EXITED, 1)
    await platform.scale("greeter-stock", 2)
    created = await follower.until(ChangeKind.CREATED, 3)

    assert len({change.address for change in created}) == 3


async def test_ready_is_what_health_says_and_nothing_else(start_platform: StartPlatform) -> None:
    platform = await start_platform(propagation=0.0)
    follower = Follower(platform)
    await platform.create_servers(servers(1))
    (started,) = await follower.until(ChangeKind.STARTED)
    assert started.pod is not None
    pid = platform.pid(started.pod)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # its process runs, and its health says nothing
    try:
        await platform.scale("greeter-stock", 2)
        (ready,) = await follower.until(ChangeKind.READY)
        assert ready.pod != started.pod
        await follower.until(ChangeKind.PUBLISHED)
        assert await lookup(platform) == {ready.address}
    finally:
        resumed = time.time_ns()
        os.kill(pid, signal.SIGCONT)
    ready_now = await follower.until(ChangeKind.READY, 2)
    assert ready_now[1].pod == started.pod
    assert ready_now[1].at > resumed > ready.at > started.at

    serving = [
        json.loads((await platform.logs(pod)).read_text().splitlines()[0])
        for pod in platform.pods("greeter-stock")
    ]
    truth = {entry["address"]: entry["time_unix_nano"] for entry in serving}
    for change in ready_now:
        assert change.address is not None
        # At its last look before, the program did not serve; what it says itself comes after it does.
        assert change.at - change.error * 1e9 <= truth[change.address]


async def test_dns_follows_after_the_propagation_delay(start_platform: StartPlatform) -> None:
    platform = await start_platform(propagation=1.0)
    follower = Follower(platform)
    await platform.create_servers(servers(2))
    answers: list[tuple[int, set[str], int]] = []  # with the instants before and after

    async def look() -> None:
        answers.append((time.time_ns(), await lookup(platform), time.time_ns()))

    await follower.until(ChangeKind.READY, 2)
    await look()  # Ready, and not in DNS yet, but on a machine that stood still meanwhile
    await follower.until(ChangeKind.PUBLISHED, 2)
    await look()
    await platform.scale("greeter-stock", 1)
    await follower.until(ChangeKind.TERMINATING)
    await look()  # told to end, and in DNS still
    await follower.until(ChangeKind.UNPUBLISHED)
    await look()

    at = {(change.kind, change.pod): change.at / 1e9 for change in follower.seen}
    for published in follower.of(ChangeKind.PUBLISHED):
        assert published.at / 1e9 - at[ChangeKind.READY, published.pod] >= 0.999
    (unpublished,) = follower.of(ChangeKind.UNPUBLISHED)
    assert unpublished.at / 1e9 - at[ChangeKind.TERMINATING, unpublished.pod] >= 0.999
    gone = {unpublished.address: unpublished}
    for before, found, after in answers:
        for one in follower.of(ChangeKind.PUBLISHED):
            end = gone.get(one.address)
            if after < earliest(one) or (end is not None and before > end.at):
                assert one.address not in found
            elif before > one.at and (end is None or after < earliest(end)):
                assert one.address in found
    assert len(answers[1][1]) == 2
    assert len(answers[3][1]) == 1
    log = [json.loads(line) for line in platform.dns_log.read_text().splitlines()]
    assert [len(entry["addresses"]) for entry in log] == [len(found) for _, found, _ in answers]


async def test_no_rpc_in_flight_is_lost_when_a_pod_is_removed(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    follower = Follower(platform)
    # The wait is for gRPC to hand all that has arrived to the program, which works on it for longer.
    await platform.create_servers(servers(1, work=1.5, drain_wait=1.0))
    (ready,) = await follower.until(ChangeKind.READY)
    async with grpc.aio.insecure_channel(f"ipv4:{ready.address}") as channel:
        await channel.channel_ready()  # what waits for a connection is sent in no order
        stub = greeter_pb2_grpc.GreeterServiceStub(channel)
        calls = [asyncio.ensure_future(stub.SayHello(greeter_pb2.SayHelloRequest())) for _ in range(50)]
        # Answered after the fifty were sent.
        check: grpc.aio.UnaryUnaryMultiCallable[health_pb2.HealthCheckRequest, bytes] = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        )
        await check(health_pb2.HealthCheckRequest())
        await platform.aclose()
        answers = await asyncio.gather(*calls)
    assert {answer.pod_name for answer in answers} == {ready.pod}


async def test_a_client_finds_the_servers_and_is_waited_for(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(servers(3))
    await follower.until(ChangeKind.PUBLISHED, 3)
    spec = ClientSpec("client-stock", "greeter-stock", 2, 10.0, 20.0, time.time() + 1.5, 3.0, program=CLIENT)
    await platform.start_client(spec)
    assert await platform.wait_client("client-stock") == 0

    (pod,) = platform.pods("client-stock")
    last = json.loads((await platform.logs(pod)).read_text().splitlines()[-1])
    assert last["tally"]["by_code"] == {"OK": 60}
    assert set(last["tally"]["by_server"]) == set(platform.pods("greeter-stock"))
    queries = [json.loads(line) for line in platform.dns_log.read_text().splitlines()]
    assert {entry["name"] for entry in queries} == {"greeter-stock.lbstudy.svc.cluster.local"}
    with pytest.raises(PlatformError, match="client-x: no such client"):
        await platform.wait_client("client-x")


async def test_a_pod_that_dies_is_unpublished_and_replaced(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(servers(2))
    await follower.until(ChangeKind.PUBLISHED, 2)
    victim, survivor = platform.pods("greeter-stock")
    pid = platform.pid(victim)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    (exited,) = await follower.until(ChangeKind.EXITED)
    assert (exited.pod, exited.detail) == (victim, "-9")
    (unpublished,) = await follower.until(ChangeKind.UNPUBLISHED)
    assert unpublished.pod == victim
    await follower.until(ChangeKind.PUBLISHED, 3)
    _, _, replacement = platform.pods("greeter-stock")
    assert replacement not in (victim, survivor)
    assert len(await lookup(platform)) == 2


async def test_a_pod_that_does_not_end_is_killed(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(servers(2, drain_grace=0.0))
    await follower.until(ChangeKind.READY, 2)
    youngest = platform.pods("greeter-stock")[-1]
    pid = platform.pid(youngest)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await platform.scale("greeter-stock", 1)
    (exited,) = await follower.until(ChangeKind.EXITED)
    assert (exited.pod, exited.detail) == (youngest, "-9")


async def test_two_platforms_at_once_do_not_meet(start_platform: StartPlatform) -> None:
    platforms = [await start_platform(), await start_platform()]
    followers = [Follower(platform) for platform in platforms]
    for platform in platforms:
        await platform.create_servers(servers(2))
    published = [await follower.until(ChangeKind.PUBLISHED, 2) for follower in followers]

    addresses = [{change.address for change in changes} for changes in published]
    assert not addresses[0] & addresses[1]
    assert [await lookup(platform) for platform in platforms] == addresses
    # The same seed, and so the same names: only the addresses tell them apart.
    assert platforms[0].pods("greeter-stock") == platforms[1].pods("greeter-stock")


@pytest.mark.parametrize("replicas", [-1, 10**9])
async def test_numbers_that_can_not_be_get_one_clear_line(
    start_platform: StartPlatform, replicas: int
) -> None:
    platform = await start_platform()
    with pytest.raises(PlatformError, match=f"^greeter-stock: {replicas} servers asked for, .*$") as error:
        await platform.create_servers(servers(replicas))
    assert "\n" not in str(error.value)
    await platform.create_servers(servers(1))
    with pytest.raises(PlatformError, match=f"^greeter-stock: {replicas} servers asked for, .*$"):
        await platform.scale("greeter-stock", replicas)


async def test_a_deployment_begins_with_a_server_and_may_have_none_later(
    start_platform: StartPlatform,
) -> None:
    platform = await start_platform()
    with pytest.raises(
        PlatformError, match=r"^greeter-stock: 0 servers asked for, but at least 1 is needed$"
    ):
        await platform.create_servers(servers(0))
    await platform.create_servers(servers(1))
    await platform.scale("greeter-stock", 0)


async def test_names_that_can_not_be(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    await platform.create_servers(servers(1))
    with pytest.raises(PlatformError, match="greeter-stock: exists already"):
        await platform.create_servers(servers(1))
    with pytest.raises(PlatformError, match="'Not A Name' is not a name for pods"):
        await platform.create_servers(servers(1, name="Not A Name"))
    with pytest.raises(PlatformError, match="greeter-x: no such deployment"):
        await platform.scale("greeter-x", 1)
    with pytest.raises(PlatformError, match="client-x: calls greeter-x, which is not a deployment"):
        await platform.start_client(
            ClientSpec("client-x", "greeter-x", 1, 1.0, 1.0, 0.0, 1.0, program=CLIENT)
        )
    with pytest.raises(PlatformError, match="pod-x: no such pod"):
        await platform.logs("pod-x")


async def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    platform = LocalPlatform(tmp_path / "file" / "run", 1)
    with pytest.raises(PlatformError, match=r"cannot write .*: not a directory"):
        await platform.start()
    await platform.aclose()


async def test_the_end_of_the_node_is_told(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(servers(1))
    await follower.until(ChangeKind.READY)
    os.kill(platform.helper_pids[0], signal.SIGKILL)
    with pytest.raises(PlatformError, match="the node has ended unexpectedly"):
        await follower.until(ChangeKind.EXITED, 99)
    with pytest.raises(PlatformError, match="the node has ended unexpectedly"):
        await platform.scale("greeter-stock", 2)


async def test_closing_ends_the_changes_and_may_be_repeated(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    await platform.create_servers(servers(2))
    await asyncio.gather(platform.aclose(), platform.aclose())
    await platform.aclose()
    async with asyncio.timeout(GUARD):
        changes = [change async for change in platform.changes()]

    assert len([change for change in changes if change.kind == ChangeKind.EXITED]) == 2
    with pytest.raises(PlatformError, match="the platform is not running"):
        await platform.scale("greeter-stock", 3)
