"""A platform with many servers: no connection for each of them, and every wait ends, also by Ctrl-C."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import pytest
from lbstudy.platform.interface import ClientSpec, PlatformError, ServerSpec
from lbstudy.platform.kubernetes import platform as module
from lbstudy.platform.kubernetes import watching
from lbstudy.platform.kubernetes.clock import Offset, local_offset
from lbstudy.platform.kubernetes.platform import KubernetesPlatform
from lbstudy.platform.kubernetes.pod_logs import KEPT_AT_MOST
from lbstudy.platform.kubernetes.workloads import Workloads
from lbstudy.run.changes import ChangeLog
from lbstudy.run.interrupt import finished, interruptible
from lbstudy.run.logs import server_tally

from tests.kubernetes.fake_api import FakeApi, cluster_of
from tests.kubernetes.fake_cluster import FakeCluster
from tests.kubernetes.named import orders, service
from tests.platform.programs import CLIENT, SERVER

MANY = 500 if os.environ.get("LBSTUDY_SLOW") else 130
"""More than the connections that a client of the API has, which are 100."""
SERVERS = ServerSpec("greeter-stock", MANY, 0.0, 0.0, 0.0, program=SERVER)
FEW = ServerSpec("greeter-stock", 2, 0.0, 0.0, 0.0, program=SERVER)


def client(duration: float = 0.0) -> ClientSpec:
    load = (1, 1.0, 1.0, time.time(), duration)
    return ClientSpec("client-stock", "greeter-stock", *load, program=CLIENT)


@pytest.fixture(autouse=True)
def _no_pods_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    async def measure(*_: object) -> Offset:
        return local_offset()

    monkeypatch.setattr(watching, "measure", measure)


@asynccontextmanager
async def started(
    fake: FakeCluster,
    folder: Path,
    tell: Callable[[str], None] = lambda _: None,
    workloads: Mapping[str, Workloads] = MappingProxyType({}),
) -> AsyncIterator[KubernetesPlatform]:
    async with fake.serve(), cluster_of(FakeApi(address=fake.url)) as cluster:
        made = KubernetesPlatform(cluster, folder, "run-1", ["greeter-stock"], tell, workloads=workloads)
        await made.start()
        try:
            yield made
        finally:
            await made.abandon()


async def test_many_servers_need_no_connection_each_and_every_count_is_there(tmp_path: Path) -> None:
    fake = FakeCluster()
    async with asyncio.timeout(120), started(fake, tmp_path) as platform:
        changes = ChangeLog(lambda _: None)
        following = asyncio.create_task(changes.follow(platform.changes()))
        await platform.create_servers(SERVERS)
        await changes.published("greeter-stock", MANY)
        await platform.start_client(client())
        assert await platform.wait_client("client-stock") == 0
        await platform.aclose()
        await following
    assert len(platform.pods("greeter-stock")) == MANY
    # Their logs were gone with them: each told its own count by its termination message.
    tallies = [server_tally(pod, tmp_path / "logs" / f"{pod}.out") for pod in platform.pods("greeter-stock")]
    assert [tally.by_code for tally in tallies] == [{"OK": 7}] * MANY
    # Six watches, the observer's log, and what is read at the same time by each of the two clients.
    assert fake.most <= 50
    assert not fake.objects["leases"]


async def test_many_servers_of_a_deployment_that_was_named_need_no_connection_each(tmp_path: Path) -> None:
    """As it was: each log was followed, none of the 100 connections was left, and the run waited for DNS."""
    fake = FakeCluster()
    named = {"greeter-stock": Workloads("shop", orders(), None, (service(),))}
    async with asyncio.timeout(120), started(fake, tmp_path, workloads=named) as platform:
        changes = ChangeLog(lambda _: None)
        following = asyncio.create_task(changes.follow(platform.changes()))
        await platform.create_servers(SERVERS)
        await changes.published("greeter-stock", MANY)
        await platform.abandon()
        await following
    assert fake.most <= KEPT_AT_MOST + 50


async def test_a_client_whose_job_has_ended_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_POD_WITHIN", 0.2)
    async with asyncio.timeout(60), started(FakeCluster(tells_of_clients=False), tmp_path) as platform:
        await platform.create_servers(FEW)
        await platform.start_client(client(3600))
        with pytest.raises(
            PlatformError, match="client-stock ended, and its exit status is unknown; its Job says: Complete"
        ):
            await platform.wait_client("client-stock")


async def test_a_client_that_does_not_end_is_given_up_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CLIENT_WITHIN", 0.5)
    async with asyncio.timeout(60), started(FakeCluster(client_ends=False), tmp_path) as platform:
        await platform.create_servers(FEW)
        await platform.start_client(client())
        with pytest.raises(
            PlatformError, match=r"^waited \d+ s for client-stock to end, after its last answer was"
        ):
            await platform.wait_client("client-stock")


async def test_ctrl_c_ends_a_run_that_waits_and_leaves_nothing(tmp_path: Path) -> None:
    fake = FakeCluster(client_ends=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever this process inherited

    async def run() -> None:
        async with started(fake, tmp_path) as platform:
            await platform.create_servers(FEW)
            await platform.start_client(client(3600))
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
            await platform.wait_client("client-stock")

    async with asyncio.timeout(60):
        with pytest.raises(KeyboardInterrupt):
            await interruptible(run(), lambda: None)
    assert not fake.objects["leases"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


async def test_the_next_ctrl_c_ends_the_waiting_for_the_end(tmp_path: Path) -> None:
    fake = FakeCluster(client_ends=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    fake._deleted = lambda *_: None  # type: ignore[method-assign]  # this cluster takes its time
    told: list[str] = []
    platforms: list[KubernetesPlatform] = []

    def tell(line: str) -> None:
        told.append(line)
        if line == "removing what the run made":
            asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGINT)

    def hurry() -> None:
        platforms[0].hurry()

    async def run() -> None:
        async with started(fake, tmp_path, tell) as platform:
            platforms.append(platform)
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()

    async with asyncio.timeout(60):
        with pytest.raises(KeyboardInterrupt):
            await interruptible(run(), hurry)
    assert told[-1] == "not waiting any longer: the cluster goes on removing what the run made"


async def test_ctrl_c_while_a_failed_run_is_removed_does_not_break_that_off() -> None:
    """As it was: the connections to the API were closed while the removing still used them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    is_hurried, done = asyncio.Event(), []

    async def remove() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
        await is_hurried.wait()
        await asyncio.sleep(0)
        done.append("removed")

    async with asyncio.timeout(60):
        with pytest.raises(KeyboardInterrupt):
            await interruptible(finished(asyncio.ensure_future(remove()), is_hurried.set), lambda: None)
    assert done == ["removed"]


def test_what_a_server_that_was_started_again_had_counted_is_not_known(tmp_path: Path) -> None:
    log = tmp_path / "a.out"
    lines = [{"event": "restarted"}, {"event": "serving"}, {"event": "stopped", "answered": {"OK": 1}}]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert server_tally("a", log).by_code is None
