"""A control plane of the local platform: told of servers in place of DNS, started again when it dies."""

import asyncio
from collections.abc import Awaitable, Callable

import psutil
from lbstudy.platform.interface import ChangeKind, PushSpec, ServerSpec
from lbstudy.platform.local.platform import LocalPlatform

from benchmarks.push.local import LocalLab
from tests.platform.programs import SERVER

StartPlatform = Callable[..., Awaitable[LocalPlatform]]  # conftest.start_platform
GUARD = 120.0  # s: no test waits this long unless something hangs


async def test_clients_get_each_server_and_lose_nothing_when_the_control_plane_is_killed() -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    async with LocalLab.running(rate=50, work=0.01) as lab:
        first, _ = await lab.add()
        assert await lab.load.first(first) is not None
        await lab.remove()
        await lab.kill_control_plane()
        second, _ = await lab.add()
        assert await lab.load.first(second) is not None
        await lab.load.finish()

        assert lab.load.codes.keys() == {"OK"}
        assert {first, second} < lab.load.servers.keys()
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


async def test_the_control_plane_is_told_at_once_and_dns_never(start_platform: StartPlatform) -> None:
    platform = await start_platform(propagation=60.0)  # DNS would have it only after the test's end
    push = PushSpec('{"balancing": "round_robin"}')
    await platform.create_servers(ServerSpec("greeter-push", 1, 0.0, 0.0, 1.0, push=push, program=SERVER))
    async with asyncio.timeout(GUARD):
        published = await anext(c async for c in platform.changes() if c.kind is ChangeKind.PUBLISHED)

    assert [published.pod] == platform.pods("greeter-push")
    assert platform.target("greeter-push") == "xds:///greeter-push"
    assert platform.client_env("greeter-push").keys() == {"GRPC_XDS_BOOTSTRAP_CONFIG"}
