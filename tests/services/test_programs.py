"""The two programs as a user meets them: real processes, real RPCs."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from greeter.client.schedule import Schedule
from greeter.v1 import greeter_pb2, greeter_pb2_grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

LOOPBACK = "127.0.0.1:0"
Start = Callable[..., Awaitable[Any]]  # conftest.start
CHECK = "/grpc.health.v1.Health/Check"


async def serve(start: Start, *args: str, pod: str = "pod-a") -> tuple[Any, str]:
    server = await start("greeter.server", "--address", LOOPBACK, *args, POD_NAME=pod)
    return server, (await server.event("serving"))["address"]


async def health(channel: grpc.aio.Channel, service: str) -> str:
    check = channel.unary_unary(
        CHECK,
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    status = (await check(health_pb2.HealthCheckRequest(service=service))).status
    return health_pb2.HealthCheckResponse.ServingStatus.Name(status)


@pytest.mark.parametrize(
    ("module", "args", "said"),
    [
        ("greeter.server", ["--work", "-1"], "argument --work: '-1' is less than 0"),
        ("greeter.server", ["--address", "here:50051"], "'here:50051' is not IP:PORT"),
        ("greeter.server", ["--address", "127.0.0.1:70000"], "no port from 0 to 65535"),
        ("greeter.server", ["--channel-arg", "grpc.max"], "'grpc.max' is not KEY=VALUE"),
        ("greeter.server", ["--colour"], "unrecognized arguments: --colour"),
        ("greeter.client", [], "the following arguments are required: --target"),
        ("greeter.client", ["--target", "x", "--rate", "nan"], "'nan' is not finite"),
        ("greeter.client", ["--target", "x", "--clients", "0"], "'0' is not from 1 to 100000"),
        ("greeter.client", ["--target", "x", "--service-config", "{"], "not JSON"),
        ("greeter.client", ["--target", "x", "--channel-arg", "a=99999999999"], "32-bit"),
    ],
)
async def test_a_bad_argument_gets_one_clear_line(
    start: Start, module: str, args: list[str], said: str
) -> None:
    program = await start(module, *args)
    errors = await program.errors()

    assert await program.end() == 2
    assert errors.count("\n") == 1
    assert said in errors


async def test_an_address_in_use_gets_one_clear_line(start: Start) -> None:
    _, address = await serve(start)
    second = await start("greeter.server", "--address", address)
    errors = await second.errors()

    assert await second.end() == 1
    assert errors == f"greeter.server: cannot listen on {address}: address already in use\n"


async def test_health_reflection_and_the_pods_name(start: Start) -> None:
    _, address = await serve(start, pod="pod-7")
    async with grpc.aio.insecure_channel(address) as channel:
        assert await health(channel, "") == "SERVING"
        assert await health(channel, "greeter.v1.GreeterService") == "SERVING"

        reply = await greeter_pb2_grpc.GreeterServiceStub(channel).SayHello(
            greeter_pb2.SayHelloRequest(name="you")
        )
        assert (reply.message, reply.pod_name) == ("Hello, you!", "pod-7")

        reflect = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        call = reflect(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        names = {one.name async for reply in call for one in reply.list_services_response.service}
    assert names == {
        "greeter.v1.GreeterService",
        "greeter.v1.StreamService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


async def test_sigterm_drains_in_order_and_loses_no_rpc_in_flight(start: Start) -> None:
    server, address = await serve(start, "--work", "1", "--drain-wait", "2", "--drain-grace", "20")
    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()  # what waits for a connection is sent in no order
        stub = greeter_pb2_grpc.GreeterServiceStub(channel)
        before = [asyncio.ensure_future(stub.SayHello(greeter_pb2.SayHelloRequest())) for _ in range(20)]
        assert await health(channel, "") == "SERVING"  # answered after the twenty were sent
        server.process.send_signal(signal.SIGTERM)
        await server.event("draining")
        # Within the wait the server answers as before, and says that it goes.
        assert await health(channel, "") == "NOT_SERVING"
        during = asyncio.ensure_future(stub.SayHello(greeter_pb2.SayHelloRequest()))
        answers = await asyncio.gather(*before, during)

    assert len(answers) == 21
    stopped = await server.event("stopped")
    assert stopped["answered"] == {"OK": 21}
    assert await server.end() == 0


async def test_what_outlasts_the_grace_is_counted_as_cancelled(start: Start, tmp_path: Path) -> None:
    words = tmp_path / "termination-log"
    server, address = await serve(
        start, "--work", "60", "--drain-wait", "0.5", "--drain-grace", "0.2", "--last-words", str(words)
    )
    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        stub = greeter_pb2_grpc.GreeterServiceStub(channel)
        call = asyncio.ensure_future(stub.SayHello(greeter_pb2.SayHelloRequest()))
        await health(channel, "")  # answered after the call was sent
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    assert (await server.event("stopped"))["answered"] == {"CANCELLED": 1}
    assert await server.end() == 0
    assert json.loads(words.read_text())["answered"] == {"CANCELLED": 1}


async def test_sigterm_before_serving_ends_in_order(start: Start) -> None:
    # Blocked from the start, as the node blocks it, and pending before the program has run a line.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        server = await start("greeter.server", "--address", LOOPBACK)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    server.process.send_signal(signal.SIGTERM)

    assert (await server.event("stopped"))["answered"] == {}
    assert await server.end() == 0


async def test_two_servers_can_not_share_an_address_even_if_told_to(start: Start) -> None:
    _, address = await serve(start, "--channel-arg", "grpc.so_reuseport=1")
    second = await start("greeter.server", "--address", address, "--channel-arg", "grpc.so_reuseport=1")

    assert await second.end() == 1


async def test_server_channel_arguments_reach_the_server(start: Start) -> None:
    _, address = await serve(start, "--channel-arg", "grpc.max_connection_age_ms=200", "--work", "0")
    client = await start(
        "greeter.client",
        "--target",
        f"ipv4:{address}",
        "--rate",
        "20",
        "--duration",
        "1.5",
        GRPC_TRACE="http",
        GRPC_VERBOSITY="debug",
    )
    errors = asyncio.ensure_future(client.errors())
    await client.event("finished")
    assert "max_age" in await errors


async def test_the_clients_tally_closes_and_agrees_with_the_servers(start: Start) -> None:
    servers = [await serve(start, "--work", "0.005", pod=f"pod-{number}") for number in range(3)]
    target = "ipv4:" + ",".join(address for _, address in servers)
    begin = time.time() + 1.5
    client = await start(
        "greeter.client",
        "--target",
        target,
        "--clients",
        "2",
        "--rate",
        "60",
        "--duration",
        "1",
        "--start-at",
        repr(begin),
        "--max-lateness=60",
    )
    tally = (await client.event("finished"))["tally"]

    assert await client.end() == 0
    assert tally["scheduled"] == tally["sent"] == 120
    assert tally["not_sent"] == 0
    assert tally["by_code"] == {"OK": 120}
    assert tally["offered_rate"] == tally["achieved_rate"] == 120
    assert 0 <= tally["lateness_p50"] <= tally["lateness_p99"] <= tally["lateness_max"]
    counted = {}
    for number, (server, _) in enumerate(servers):
        server.process.send_signal(signal.SIGTERM)
        counted[f"pod-{number}"] = (await server.event("stopped"))["answered"]["OK"]
    assert tally["by_server"] == counted
    # round_robin is what it uses unless told otherwise: the two would call at most two servers by pick_first.
    assert all(count > 0 for count in counted.values())


async def test_each_client_has_connections_of_its_own(start: Start) -> None:
    server, address = await serve(start)
    port = address.rpartition(":")[2]
    client = await start(
        "greeter.client", "--target", f"ipv4:{address}", "--clients", "5", "--rate", "20", "--duration", "30"
    )
    await client.event("started")
    async with asyncio.timeout(120):
        while True:
            found = [
                one
                for one in psutil.Process(server.process.pid).net_connections("tcp")
                if one.status == psutil.CONN_ESTABLISHED and one.laddr[1] == int(port)
            ]
            if len(found) >= 5:
                break
            await asyncio.sleep(0.05)
    client.process.send_signal(signal.SIGTERM)
    await client.event("finished")
    assert len(found) == 5


async def test_the_schedule_goes_on_while_the_server_hangs(start: Start) -> None:
    server, address = await serve(start)
    client = await start(
        "greeter.client", "--target", f"ipv4:{address}", "--rate", "50", "--duration", "3", "--timeout", "0.5"
    )
    await client.event("started")
    server.process.send_signal(signal.SIGSTOP)
    try:
        tally = (await client.event("finished"))["tally"]
    finally:
        server.process.send_signal(signal.SIGCONT)

    assert tally["sent"] + tally["not_sent"] == tally["scheduled"] == 150
    # A closed loop with this time-out would have sent no more than two a second.
    assert tally["sent"] >= 100
    assert tally["by_code"]["DEADLINE_EXCEEDED"] >= 50
    assert sum(tally["by_code"].values()) == tally["sent"]


async def test_no_more_than_max_in_flight(start: Start) -> None:
    server, address = await serve(start)
    server.process.send_signal(signal.SIGSTOP)
    client = await start(
        *("greeter.client", "--target", f"ipv4:{address}", "--rate", "100", "--duration", "1"),
        *("--timeout", "3", "--max-in-flight", "7"),
    )
    tally = (await client.event("finished"))["tally"]

    # The first seven are in flight for longer than the schedule lasts.
    assert (tally["scheduled"], tally["sent"], tally["not_sent"]) == (100, 7, 93)


async def test_what_was_due_long_ago_is_not_sent(start: Start) -> None:
    _, address = await serve(start)
    client = await start(
        "greeter.client",
        "--target",
        f"ipv4:{address}",
        "--rate",
        "10",
        "--duration",
        "1000",
        "--start-at",
        repr(time.time() - 999),
    )
    tally = (await client.event("finished"))["tally"]

    assert tally["scheduled"] == 10_000
    assert tally["not_sent"] >= 9_900
    assert tally["sent"] == sum(tally["by_code"].values()) == 10_000 - tally["not_sent"]


async def test_sigterm_ends_the_schedule_and_waits_for_what_is_in_flight(start: Start) -> None:
    _, address = await serve(start, "--work", "0.5")
    client = await start("greeter.client", "--target", f"ipv4:{address}", "--rate", "20", "--duration", "600")
    await client.event("started")
    async with grpc.aio.insecure_channel(address) as channel:
        await health(channel, "")
    await asyncio.sleep(1)  # some RPCs: the program tells of none
    client.process.send_signal(signal.SIGTERM)
    tally = (await client.event("finished"))["tally"]

    assert await client.end() == 0
    assert 0 < tally["scheduled"] < 1200
    assert tally["by_code"] == {"OK": tally["sent"]}
    assert 2 < tally["offered_rate"] < 38  # of the time until it was ended, and not of 600 s


async def test_rpcs_end_with_their_deadline_when_nobody_listens(start: Start) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: refused
        client = await start(
            "greeter.client",
            "--target",
            f"ipv4:127.0.0.1:{unused.getsockname()[1]}",
            "--rate",
            "20",
            "--duration",
            "0.5",
            "--timeout",
            "60",
            "--max-lateness=60",
        )
        tally = (await client.event("finished"))["tally"]
    assert tally["by_code"] == {"UNAVAILABLE": 10}
    assert tally["by_server"] == {}


async def test_each_rpc_tells_when_it_was_due(start: Start) -> None:
    seen: list[int] = []

    class Recorder(greeter_pb2_grpc.GreeterServiceServicer):
        async def SayHello(  # noqa: N802
            self, request: object, context: grpc.aio.ServicerContext[Any, Any]
        ) -> greeter_pb2.SayHelloResponse:
            metadata = dict(context.invocation_metadata() or ())
            seen.append(int(metadata["x-scheduled-unix-nano"]))
            return greeter_pb2.SayHelloResponse(pod_name="recorder")

    server = grpc.aio.server()
    greeter_pb2_grpc.add_GreeterServiceServicer_to_server(Recorder(), server)
    port = server.add_insecure_port(LOOPBACK)
    await server.start()
    try:
        begin = time.time() + 1.5
        client = await start(
            "greeter.client",
            "--target",
            f"ipv4:127.0.0.1:{port}",
            "--rate",
            "20",
            "--duration",
            "0.5",
            "--start-at",
            repr(begin),
            "--seed",
            "3",
            "--max-lateness=60",
        )
        await client.event("finished")
    finally:
        await server.stop(None)

    expected = [round(begin * 1e9) + round(due.at * 1e9) for due in Schedule(1, 20, 0.5, 3)]
    assert sorted(seen) == expected
