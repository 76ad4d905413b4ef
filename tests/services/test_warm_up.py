"""Cold servers, and large messages: the server's own account is the referee of what its client saw."""

import signal
import time

import grpc
import pytest
from greeter.server.warm_up import WarmUp
from greeter.v1 import greeter_pb2, greeter_pb2_grpc

from tests.services.conftest import StartProgram
from tests.services.test_programs import serve


@pytest.mark.parametrize(
    ("warm_up", "age", "begun", "longer"),
    [
        (WarmUp(10, seconds=4), 0, 0, 0.9),  # 10 × 0.1 s in all
        (WarmUp(10, seconds=4), 1, 1000, 0.675),  # a quarter of the way
        (WarmUp(10, seconds=4), 4, 0, 0),
        (WarmUp(10, seconds=4), 400, 0, 0),
        (WarmUp(10, rpcs=100), 1000, 50, 0.45),
        (WarmUp(10, rpcs=100), 0, 100, 0),
        (WarmUp(10, seconds=4, rpcs=100), 1, 50, 0.45),  # whichever is nearer to its end
        (WarmUp(10, seconds=4, rpcs=100), 3, 50, 0.225),
        (WarmUp(1, seconds=4), 0, 0, 0),
    ],
)
def test_the_way_to_warm_is_a_line(warm_up: WarmUp, age: float, begun: int, longer: float) -> None:
    assert warm_up.longer(0.1, age, begun) == pytest.approx(longer)


async def test_a_cold_servers_first_answers_take_longer(start: StartProgram) -> None:
    """Work of 0.05 s and a factor of 5 until 4 RPCs were begun: 0.2, 0.15, 0.1, 0.05 and then 0 s longer."""
    server, address = await serve(
        start, "--work=0.05", "--cold-factor=5", "--cold-rpcs=4", "--channel-arg=grpc.so_reuseport=0"
    )
    took = []
    async with grpc.aio.insecure_channel(address) as channel:
        stub = greeter_pb2_grpc.GreeterServiceStub(channel)
        for _ in range(6):
            since = time.monotonic()
            await stub.SayHello(greeter_pb2.SayHelloRequest())
            took.append(time.monotonic() - since)
    server.process.send_signal(signal.SIGTERM)
    told = (await server.event("stopped"))["cold"]

    assert told == pytest.approx(0.5)
    # A busy machine may make any of them longer, and none shorter.
    assert all(seconds >= least for seconds, least in zip(took, (0.25, 0.2, 0.15, 0.1), strict=False))
    assert sum(took) >= told + 6 * 0.05


async def test_a_warm_server_has_nothing_to_tell(start: StartProgram) -> None:
    server, _ = await serve(start)
    server.process.send_signal(signal.SIGTERM)

    assert "cold" not in await server.event("stopped")


async def test_answers_are_as_large_as_they_are_asked_to_be(start: StartProgram) -> None:
    _, address = await serve(start, "--work=0")
    async with grpc.aio.insecure_channel(address) as channel:
        stub = greeter_pb2_grpc.GreeterServiceStub(channel)
        answer = await stub.SayHello(greeter_pb2.SayHelloRequest(payload=bytes(1000), answer_size=2500))
        assert len(answer.payload) == 2500
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.SayHello(greeter_pb2.SayHelloRequest(answer_size=2**31))

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("kind", ["", "server", "client", "bidi"])
async def test_large_messages_arrive(start: StartProgram, kind: str) -> None:
    """A server that takes messages of 10 kB at most answers requests of 5 kB, and refuses those of 20 kB."""
    _, address = await serve(start, "--work=0", "--channel-arg=grpc.max_receive_message_length=10000")
    load = ["--target", address, "--rate=4", "--duration=1", "--answer-size=50000"]
    load += [f"--stream-kind={kind}", "--stream-rate=5", "--stream-life=0.3"] if kind else []
    small = await start("greeter.client", *load, "--request-size=5000")
    large = await start("greeter.client", *load, "--request-size=20000")

    assert (await small.event("finished"))["tally"]["by_code"] == {"OK": 4}
    refused = (await large.event("finished"))["tally"]["by_code"]
    # Where only the server sends, there is one small request; its answers have the size all the same.
    assert refused == {"OK" if kind == "server" else "RESOURCE_EXHAUSTED": 4}
