"""Programs that are not the study's own, on the local platform."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest
from lbstudy.config.command import ArgumentGroup
from lbstudy.platform.interface import ChangeKind, ClientSpec, PlatformError, ServerSpec
from lbstudy.platform.local.log_limit import cut
from lbstudy.platform.local.platform import LocalPlatform
from lbstudy.platform.program import ClientProgram, Look, Readiness, ServerProgram

from tests.platform.programs import SERVER
from tests.platform.test_local_platform import Follower
from tests.ports import free_port

StartPlatform = Callable[..., Awaitable[LocalPlatform]]  # conftest.start_platform
BAD = str(Path(__file__).parents[1] / "subjects" / "bad_server.py")


def spec(how: str, look: Look = Look.TCP) -> ServerSpec:
    program = ServerProgram(
        ("{python}", BAD, how, "{address}"), port=free_port(), readiness=Readiness(look), patience=0.5
    )
    return ServerSpec("foreign", 1, 0.0, 0.0, 0.0, program=program)


async def test_a_server_that_listens_elsewhere_is_told(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    await platform.create_servers(spec("elsewhere"))
    await _until_it_listens(platform)

    assert ":40404 instead of 127.0." in await platform.obstacle("foreign")


async def test_a_server_on_every_address_ends_the_run(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    await platform.create_servers(spec("everywhere"))
    with pytest.raises(PlatformError, match=r"of every address, and not on 127\.0"):
        await Follower(platform).until(ChangeKind.READY)


async def test_a_server_in_the_background_ends_with_its_first_process(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    follower = Follower(platform)
    await platform.create_servers(spec("background", Look.HTTP))
    (ended, *_) = await follower.until(ChangeKind.EXITED)

    assert ended.detail == "0"
    assert "ended with status 0 (it has to stay in the foreground)" in await platform.obstacle("foreign")
    mark = f"POD_NAME={ended.pod}".encode()
    assert [one for one in psutil.pids() if mark in _environment(one)] == []


async def _until_it_listens(platform: LocalPlatform) -> None:
    """It tells nobody, so it is asked again and again."""
    async with asyncio.timeout(60):
        while "instead of" not in await platform.obstacle("foreign"):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


CLIENT = """
import json, socket, sys
print(json.dumps({"resolved": [a[4][0] for a in socket.getaddrinfo(sys.argv[1], 1, socket.AF_INET)]}))
print(sys.argv[2:])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace takes root")
async def test_a_client_of_the_systems_resolver_asks_a_dns_server_of_its_own(
    start_platform: StartPlatform,
) -> None:
    platform = await start_platform()
    await platform.create_servers(ServerSpec("greeter-stock", 1, 0.0, 0.0, 1.0, program=SERVER))
    (published,) = await Follower(platform).until(ChangeKind.PUBLISHED)
    options = ArgumentGroup(("{key}={value}",), each="channel_options")
    program = ClientProgram(("{python}", "-c", CLIENT, "{name}", "{target}", options), system_resolver=True)
    rates = (1, 1.0, 1.0, time.time(), 1.0)
    clients = [
        ClientSpec(name, "greeter-stock", *rates, channel_args={"grpc.a": True}, program=program)
        for name in ("client-a", "client-b")
    ]
    for client in clients:
        await platform.start_client(client)
    for client in clients:
        assert await platform.wait_client(client.name) == 0

    assert published.address is not None
    host = published.address.partition(":")[0]
    for client in clients:
        (pod,) = platform.pods(client.name)
        resolved, rest = (await platform.logs(pod)).read_text().splitlines()
        assert set(json.loads(resolved)["resolved"]) == {host}
        assert rest == "['dns:///greeter-stock.lbstudy.svc.cluster.local:50051', 'grpc.a=1']"
    asked = {json.loads(line)["authority"] for line in platform.dns_log.read_text().splitlines()}
    assert len(asked) == 2
    assert all(authority.endswith(":53") for authority in asked)


def test_a_log_that_grew_too_large_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    log = tmp_path / "pod.out"
    with log.open("ab") as pod:
        for number in range(1000):
            pod.write(b"line %d\n" % number)
        pod.flush()
        cut(log, kept=100)
        pod.write(b"and on\n")
    lines = log.read_text().splitlines()

    assert lines[0] == "line 0"
    assert lines[-2:] == ["line 999", "and on"]
    assert any(line.endswith("bytes were cut out here: this log grew too large]") for line in lines)
    assert log.stat().st_size < 400
