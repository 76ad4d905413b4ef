"""The control plane as a user meets it: arguments, health, reflection, its end."""

import socket
import sys

import grpc
import pytest
from endpoint_push.policy import Balancing, Policy, PolicyError, Retry
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.push.lab import LOOPBACK, Lab, Start

REPORTS = ("--reports", LOOPBACK)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "one of the arguments --kubernetes --reports is required"),
        (["--reports", LOOPBACK, "--kubernetes", "x"], "not allowed with argument"),
        (["--reports", "here:1"], "'here:1' is not IP:PORT"),
        ([*REPORTS, "--address", "127.0.0.1:70000"], "no port from 0 to 65535"),
        ([*REPORTS, "--policy", "{"], "argument --policy: not JSON"),
        ([*REPORTS, "--policy", '{"balance": 1}'], "policy: expected one of balancing, weights, retry"),
        ([*REPORTS, "--grace", "-1"], "'-1' is less than 0"),
        (["--kubernetes", ""], "argument --kubernetes: an empty name"),
        (["--kubernetes", "x", "--port-name", ""], "argument --port-name: an empty name"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
async def test_a_bad_argument_gets_one_clear_line(start: Start, args: list[str], said: str) -> None:
    program = await start("endpoint_push", *REPORTS[: 2 * (args == ["--colour"])], *args)
    errors = await program.errors()

    assert await program.end() == 2
    assert errors.count("\n") == 1
    assert said in errors


@pytest.mark.parametrize("option", ["--address", "--reports"])
async def test_an_address_in_use_gets_one_clear_line(start: Start, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = {"--address": LOOPBACK, "--reports": LOOPBACK, option: address}
        program = await start("endpoint_push", *(part for pair in arguments.items() for part in pair))
        errors = await program.errors()

        assert await program.end() == 1
    assert errors.splitlines()[-1] == (
        f"endpoint_push: cannot listen on {address}: it is in use, or not an address of this machine"
    )


async def test_without_a_cluster_there_is_one_clear_line(start: Start) -> None:
    program = await start("endpoint_push", "--address", LOOPBACK, "--kubernetes", "x", KUBECONFIG="/nowhere")
    errors = await program.errors()

    assert await program.end() == 1
    assert errors.startswith("endpoint_push: there is no cluster to watch")
    assert errors.count("\n") == 1


async def test_it_serves_health_and_reflection_and_ends_on_sigterm(lab: Lab) -> None:
    await lab.up()
    async with grpc.aio.insecure_channel(lab.address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        for service in ("", "envoy.service.discovery.v3.AggregatedDiscoveryService"):
            answer = await check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        info = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        call = info(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        (listed,) = [answer async for answer in call]
        assert "endpoint_push.v1.RemovalService" in {
            service.name for service in listed.list_services_response.service
        }
    lab.program.process.terminate()

    assert await lab.program.event("stopped")
    assert await lab.program.end() == 0


async def test_a_report_that_cannot_be_read_ends_its_stream_and_changes_nothing(lab: Lab) -> None:
    await lab.up()
    version = await lab.tell("127.0.0.1:1")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await lab.tell("127.0.0.1")
    await lab.end_reports()

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "'127.0.0.1' is not IP:PORT"
    assert await lab.tell("127.0.0.1:1") == version


async def test_just_after_its_start_it_acknowledges_no_removal(lab: Lab) -> None:
    """Clients of the control plane before still use the list that they had from it."""
    await lab.up("--settle=3600")
    await lab.tell("127.0.0.2:1")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await lab.removed("127.0.0.1:1", within=0.3)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_the_preStop_program_asks_and_says_what_is_wrong(lab: Lab, start: Start) -> None:  # noqa: N802
    await lab.up()
    await lab.tell("127.0.0.1:1", "127.0.0.2:1")
    module = ("endpoint_push.await_removed", "--control-plane", lab.address)
    listed = await start(*module, "--deadline", "0.2", POD_IP="127.0.0.1")
    assert await listed.errors() == (
        f"endpoint_push.await_removed: {lab.address}: DEADLINE_EXCEEDED: Deadline Exceeded\n"
    )
    assert await listed.end() == 1
    waiting = await start(*module, POD_IP="127.0.0.1")
    await lab.tell("127.0.0.2:1")
    assert await waiting.errors() == ""
    assert await waiting.end() == 0
    nowhere = await start(*module)
    assert await nowhere.errors() == "endpoint_push.await_removed: error: give --address, or set POD_IP\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "policy: expected an object"),
        (
            '{"balancing": "random"}',
            "balancing: expected round_robin or weighted_round_robin, found 'random'",
        ),
        ('{"retry": {"on": []}}', "retry.on: expected a list of some of"),
        ('{"retry": {"on": ["5xx"]}}', "retry.on: expected a list of some of"),
        ('{"retry": {"attempts": 6}}', "retry.attempts: expected 2 to 5"),
        ('{"retry": {"attempts": 2.5}}', "retry.attempts: expected a whole number"),
        ('{"retry": {"backoff": 1}}', "retry.backoff: expected at least"),
        ('{"weights": {"update": -1}}', "weights.update: expected a number from 0"),
        ('{"weights": {"update": true}}', "weights.update: expected a number from 0"),
        ('{"weights": {"update": NaN}}', "weights.update: expected a number from 0"),
        ('{"outlier_detection": {"failure_percentage": {"threshold": 101}}}', "from 0 to 100"),
        ('{"outlier_detection": {"consecutive_5xx": 5}}', "expected one of interval"),
    ],
)
def test_what_is_no_policy_is_told_in_one_line(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.parse(text)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_policy_is_read_as_it_is_written() -> None:
    policy = Policy.parse('{"balancing": "weighted_round_robin", "retry": {"attempts": 2}}')

    assert policy == Policy(Balancing.WEIGHTED_ROUND_ROBIN, retry=Retry(attempts=2))


def test_nothing_of_envoy_is_needed_or_in_the_way() -> None:
    import endpoint_push.program  # noqa: F401
    from google.protobuf import descriptor_pool

    assert not [name for name in sys.modules if name.split(".")[0] in {"envoy", "xds", "udpa"}]
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindFileByName("envoy/service/discovery/v3/discovery.proto")
