"""gRPC's own xDS client follows the control plane; errors are counted by servers and client themselves."""

import asyncio
import json
import os
import sys

import grpc
import pytest

from benchmarks.push.load import Load
from tests.push.lab import Lab, answers


async def gets_traffic(load: Load, *pods: str) -> None:
    for pod in pods:
        assert await load.first(pod) is not None, f"{pod} got no RPC"


async def test_a_client_follows_additions_and_removals_without_an_error(lab: Lab) -> None:
    await lab.up()
    servers = {pod: await lab.server(pod) for pod in ("a", "b", "c")}
    address = {pod: address for pod, (_, address) in servers.items()}
    await lab.tell(address["a"])
    load = await lab.load()
    await gets_traffic(load, "a")
    await lab.tell(address["a"], address["b"])
    await gets_traffic(load, "b")
    # In the order that loses nothing: removal pushed and acknowledged, then the server stops.
    await lab.tell(address["b"], address["c"])
    assert await lab.removed(address["a"]) == "REMOVAL_ACKNOWLEDGED"
    counted = {"a": await answers(servers["a"][0])}
    await gets_traffic(load, "c")
    await load.finish()
    counted |= {pod: await answers(servers[pod][0]) for pod in ("b", "c")}

    assert load.codes.keys() == {"OK"}
    assert all(by_code.keys() == {"OK"} for by_code in counted.values())
    assert load.servers == {pod: by_code["OK"] for pod, by_code in counted.items()}


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"balancing": "weighted_round_robin", "weights": {"blackout": 1.0}},
        {"retry": {"on": ["unavailable", "cancelled"], "attempts": 5}},
        {"outlier_detection": {"interval": 0.5, "failure_percentage": {"threshold": 50}, "success_rate": {}}},
    ],
)
async def test_the_client_takes_every_policy(lab: Lab, policy: dict[str, object]) -> None:
    await lab.up("--policy", json.dumps(policy))
    server, address = await lab.server("a")
    await lab.tell(address)
    load = await lab.load()
    await gets_traffic(load, "a")
    await load.finish()
    assert load.codes.keys() == {"OK"}
    lab.program.process.terminate()
    records = (await lab.program.event("stopped"))["records"]

    assert records["Acked"] == records["VersionSent"] == 4
    assert "Nacked" not in records
    assert (await answers(server)).keys() == {"OK"}


async def test_the_client_may_have_any_number_of_rpcs_in_flight(lab: Lab) -> None:
    await lab.up()
    # A gRPC server refuses some (CANCELLED) while more than 1000 wait for it: that limit is not meant here.
    pending = "grpc.server.max_pending_requests=2000"
    server, address = await lab.server("a", "--work", "2", "--channel-arg", pending)
    await lab.tell(address)
    program = """
import asyncio, grpc
from greeter.v1 import greeter_pb2, greeter_pb2_grpc

async def main():
    async with grpc.aio.insecure_channel("xds:///greeter") as channel:
        stub = greeter_pb2_grpc.GreeterServiceStub(channel)
        calls = [stub.SayHello(greeter_pb2.SayHelloRequest()) for _ in range(1100)]
        await asyncio.gather(*calls)

asyncio.run(main())
"""
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        env={"PATH": os.environ["PATH"], "GRPC_XDS_BOOTSTRAP_CONFIG": lab.bootstrap},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await client.communicate()

    assert client.returncode == 0, said.decode()[-500:]
    assert await answers(server) == {"OK": 1100}


async def test_retries_reach_another_server_when_one_is_killed(lab: Lab) -> None:
    await lab.up("--policy", json.dumps({"retry": {"on": ["unavailable"], "attempts": 5}}))
    (killed, first), (server, second) = await lab.server("a"), await lab.server("b")
    await lab.tell(first, second)
    load = await lab.load()
    await gets_traffic(load, "a", "b")
    killed.process.kill()
    await killed.end()
    await lab.tell(second)
    await lab.removed(first)
    await load.finish()

    assert load.codes.keys() == {"OK"}
    assert (await answers(server))["OK"] >= load.servers["b"]


async def test_traffic_goes_on_while_the_control_plane_is_dead_and_follows_it_when_it_is_back(
    lab: Lab,
) -> None:
    await lab.up()
    (_, first), (_, second) = await lab.server("a"), await lab.server("b")
    version = await lab.tell(first)
    load = await lab.load()
    await gets_traffic(load, "a")
    await lab.kill()
    await lab.up()
    assert await lab.tell(first, second) > version  # never the same number for another list
    await gets_traffic(load, "b")
    await load.finish()

    assert load.codes.keys() == {"OK"}


async def test_the_other_replica_takes_over_when_one_is_killed(lab: Lab, other_lab: Lab) -> None:
    await asyncio.gather(lab.up(), other_lab.up())
    (_, first), (_, second) = await lab.server("a"), await lab.server("b")
    await lab.tell(first)
    await other_lab.tell(first)
    lab.uri = f"ipv4:{lab.address},{other_lab.address}"
    load = await lab.load()
    await gets_traffic(load, "a")
    await lab.kill()
    await other_lab.tell(first, second)
    await gets_traffic(load, "b")
    await load.finish()

    assert load.codes.keys() == {"OK"}


async def test_the_end_of_a_control_plane_is_no_error_of_its_clients(lab: Lab) -> None:
    await lab.up()
    _, address = await lab.server("a")
    await lab.tell(address)
    load = await lab.load()
    await gets_traffic(load, "a")
    lab.program.process.terminate()
    assert (await lab.program.event("stopped"))["records"]["ClientDisconnected"] == 1
    assert await lab.program.end() == 0
    await load.finish()

    assert load.codes.keys() == {"OK"}


async def test_the_last_server_is_never_taken_away(lab: Lab) -> None:
    await lab.up()
    server, address = await lab.server("a")
    await lab.tell(address)
    load = await lab.load()
    await gets_traffic(load, "a")
    await lab.tell()

    assert await lab.removed(address) == "REMOVAL_WITHHELD"
    assert (await lab.program.event("withheld"))["kept"] == [address]
    await load.finish()
    assert load.codes.keys() == {"OK"}
    assert (await answers(server)).keys() == {"OK"}


async def test_a_server_that_is_listed_waits_for_its_removal(lab: Lab) -> None:
    await lab.up()
    await lab.tell("127.0.0.1:1", "127.0.0.1:2")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await lab.removed("127.0.0.1:1", within=0.1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    waiting = asyncio.create_task(lab.removed("127.0.0.1:1"))
    await lab.tell("127.0.0.1:2")

    assert await waiting == "REMOVAL_ACKNOWLEDGED"


@pytest.mark.parametrize("address", ["here", "127.0.0.1:0", "127.0.0.1:70000", "::1:50051"])
async def test_what_is_no_address_is_refused(lab: Lab, address: str) -> None:
    await lab.up()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await lab.removed(address)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
