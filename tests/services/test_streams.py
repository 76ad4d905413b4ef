"""Long streams as the programs make them: the server's own counts are the referee of the client's."""

import asyncio
import signal
from collections.abc import Awaitable
from typing import Any

import grpc
import pytest
from caller.calls import stream_of_method
from greeter.client.streams import MessagesOfStream, StreamPlan, Writing
from greeter.pace import beats, messages
from greeter.v1 import greeter_pb2, streams_pb2, streams_pb2_grpc

from tests.services.conftest import StartProgram
from tests.services.test_programs import serve

KINDS = ("server", "client", "bidi")
STREAMS = ("--stream-rate=20", "--stream-life=0.5", "--stream-share=0.5")
LOAD = ("--clients=2", "--rate=8", "--duration=1", "--timeout=60", "--max-lateness=60")
# 8 calls of each client, every second one a stream, due at (k + phase) / 8 s. Those of the calls 1 and 3 live
# 0.5 s and have 10 messages; those of 5 and 7 would outlive the load, and end with it.


async def messages_of(server: Any) -> dict[str, int]:  # noqa: ANN401 - conftest.Program
    server.process.send_signal(signal.SIGTERM)
    found: dict[str, int] = (await server.event("stopped"))["messages"]
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_every_message_is_counted_on_both_sides(start: StartProgram, kind: str) -> None:
    server, address = await serve(start, "--work=0")
    client = await start("greeter.client", "--target", address, *LOAD, *STREAMS, f"--stream-kind={kind}")
    tally = (await client.event("finished"))["tally"]

    assert tally["by_code"] == {"OK": 16}
    assert tally["by_server"] == {"pod-a": 16}
    told = tally["streams"]
    assert (told["count"], told["failed"]) == (8, 0)
    sent, read = told["sent"], sum(told["received"].values())
    assert sum(told["sent_whole"].values()) == sent
    assert told["received_whole"] in ({"pod-a": read}, {})
    assert (sent > 0, read > 0) == (kind != "server", kind != "client")
    # Four whole streams of 10; of each client, one of at most 0.375 s (8 messages), and one of 0.125 s (3).
    # Fewer where the machine stood still; yet more than one of each of the eight.
    assert all(8 < count <= 40 + 2 * (8 + 3) for count in (sent, read) if count)
    assert await messages_of(server) == {"received": sent, "sent": read}


async def test_a_load_without_streams_has_none(start: StartProgram) -> None:
    server, address = await serve(start)
    client = await start("greeter.client", "--target", address, *LOAD)

    assert "streams" not in (await client.event("finished"))["tally"]
    assert await messages_of(server) == {"received": 0, "sent": 0}


@pytest.mark.parametrize("kind", KINDS)
async def test_streams_that_the_connections_age_cuts(start: StartProgram, kind: str) -> None:
    """After an age of 0.2 s and a grace of 0.1 s no stream goes on: those of the first half are all cut.

    What was sent on them may not arrive. What arrives was sent, and nothing is missing of what ended with OK.
    """
    age = (
        "--channel-arg=grpc.max_connection_age_ms=200",
        "--channel-arg=grpc.max_connection_age_grace_ms=100",
    )
    server, address = await serve(start, "--work=0", *age)
    client = await start(
        *("greeter.client", "--target", address, "--clients=1", "--rate=20", "--duration=2", "--timeout=60"),
        "--max-lateness=60",
        *(f"--stream-kind={kind}", "--stream-rate=200", "--stream-life=60"),
    )
    tally = (await client.event("finished"))["tally"]
    told = tally["streams"]

    assert told["count"] == 40
    assert told["failed"] >= 20
    # Of a stream that is cut while a message is written, grpc.aio may know no more than INTERNAL.
    assert set(tally["by_code"]) <= {"OK", "UNAVAILABLE", "INTERNAL"}
    assert sum(tally["by_code"].values()) - tally["by_code"].get("OK", 0) == told["failed"]
    counted = await messages_of(server)
    assert sum(told["sent_whole"].values()) <= counted["received"] <= told["sent"]
    assert sum(told["received"].values()) <= counted["sent"]


async def test_more_streams_than_a_connection_may_have_wait_for_one_to_end(start: StartProgram) -> None:
    """With max_concurrent_streams = 2, the third stream gets nothing until one of the two has ended."""
    _, address = await serve(start, "--work=0", "--channel-arg=grpc.max_concurrent_streams=2")
    async with grpc.aio.insecure_channel(address) as channel:
        stub = streams_pb2_grpc.StreamServiceStub(channel)
        held = [stub.Exchange() for _ in range(2)]
        for call in held:
            await call.write(streams_pb2.ExchangeRequest())
            await call.read()
        third = stub.Watch(streams_pb2.WatchRequest(rate=1, life=0.01))
        first = asyncio.ensure_future(third.read())
        # Until the server has answered on both of the others again, it had the time to answer the third.
        for call in held:
            await call.write(streams_pb2.ExchangeRequest())
            await call.read()
        assert not first.done()
        await held[0].done_writing()
        async with asyncio.timeout(120):
            answer = await first
        assert isinstance(answer, streams_pb2.WatchResponse)
        assert answer.pod_name == "pod-a"
        held[1].cancel()


@pytest.mark.parametrize(("rate", "life"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1), (1, 1e6), (1e5, 1)])
async def test_a_pace_that_makes_no_sense_is_refused(start: StartProgram, rate: float, life: float) -> None:
    _, address = await serve(start)
    async with grpc.aio.insecure_channel(address) as channel:
        call = streams_pb2_grpc.StreamServiceStub(channel).Watch(
            streams_pb2.WatchRequest(rate=rate, life=life)
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call.read()

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("share", [0.01, 0.1, 0.25, 1 / 3, 0.5, 0.9, 1.0])
def test_the_share_is_kept_from_the_first_call_on(share: float) -> None:
    plan = StreamPlan("bidi", 1.0, 1.0, share)
    taken = 0
    for number in range(1000):
        taken += plan.takes(number, "client")
        assert abs(taken - (number + 1) * share) < 1
    assert taken == int(1000 * share + 1e-9)


def test_streams_are_not_in_step_with_the_servers_turns() -> None:
    """Each fourth call would be each stream of a client on one of two servers, which take turns."""
    plan = StreamPlan("bidi", 1.0, 1.0, 0.25)
    numbers = {
        seed: [number for number in range(64) if plan.takes(number, seed)] for seed in ("0 0", "0 1", "1 0")
    }
    for taken in numbers.values():
        assert [number // 4 for number in taken] == list(range(16))
        assert {number % 2 for number in taken} == {0, 1}
    assert len({tuple(taken) for taken in numbers.values()}) == 3


@pytest.mark.parametrize(
    ("rate", "life", "count"), [(10, 0.3, 3), (10, 0.31, 4), (1, 0.2, 1), (5, 25, 125), (3, 1, 3)]
)
async def test_a_stream_has_its_messages(rate: float, life: float, count: int) -> None:
    assert messages(rate, life) == count
    assert [number async for number in beats(rate * 1000, life / 1000)] == list(range(count))


class _Cut:
    """A call that ends with UNAVAILABLE while a message is written; then grpc.aio says INTERNAL over it."""

    def __init__(self) -> None:
        self._code = grpc.StatusCode.UNAVAILABLE
        self._callbacks: list[Any] = []
        self._has_ended = asyncio.Event()

    def add_done_callback(self, callback: Any) -> None:  # noqa: ANN401 - gRPC's
        self._callbacks.append(callback)

    def done(self) -> bool:
        return False

    async def code(self) -> grpc.StatusCode:
        return self._code

    async def write(self, _: object) -> None:
        for code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL):
            self._code = code
            for callback in self._callbacks:
                callback(self)
        self._has_ended.set()
        raise self._error()

    def _error(self) -> grpc.aio.AioRpcError:
        return grpc.aio.AioRpcError(self._code, grpc.aio.Metadata(), grpc.aio.Metadata(), "said last")

    def __await__(self) -> Any:  # noqa: ANN401 - gRPC's
        raise self._error()

    async def __aiter__(self) -> Any:  # noqa: ANN401 - gRPC's
        await self._has_ended.wait()
        raise self._error()
        yield


@pytest.mark.parametrize("kind", ["client", "bidi"])
async def test_the_first_code_that_grpc_told_counts(kind: str) -> None:
    writing = Writing(_Cut(), lambda _: b"", StreamPlan(kind, 1.0, 1.0))
    end: Awaitable[Any] = (
        writing.collect(1.0, MessagesOfStream())
        if kind == "client"
        else writing.converse(1.0, MessagesOfStream(), lambda _: None)
    )
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await end

    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert raised.value.details() == "said last"


STREAM_METHODS = streams_pb2.DESCRIPTOR.services_by_name["StreamService"].methods_by_name
SAY_HELLO = greeter_pb2.DESCRIPTOR.services_by_name["GreeterService"].methods_by_name["SayHello"]


def test_what_a_method_can_do_of_the_streams_asked_for() -> None:
    asked = StreamPlan("bidi", 5.0, 10.0, 0.1)

    plan, not_applied = stream_of_method(STREAM_METHODS["Exchange"], asked)
    assert plan == StreamPlan("bidi", 5.0, 10.0, 1.0)
    assert [option for option, _ in not_applied] == ["[load.stream] share"]
    plan, not_applied = stream_of_method(STREAM_METHODS["Watch"], asked)
    assert plan is not None
    assert plan.kind == "server"
    assert [option for option, _ in not_applied] == [
        "[load.stream] kind",
        "[load.stream] share",
        "[load.stream] rate and life",
    ]
    plan, not_applied = stream_of_method(SAY_HELLO, asked)
    assert plan is None
    assert [option for option, _ in not_applied] == ["[load.stream]"]
    assert stream_of_method(STREAM_METHODS["Watch"], None) == (None, [])


@pytest.mark.parametrize(
    ("method", "request_json"),
    [("Exchange", "[{}, {}]"), ("Collect", '[{"name": "a"}]'), ("Watch", '{"rate": 20, "life": 0.2}')],
)
async def test_the_callers_streams_are_counted_by_the_server(
    start: StartProgram, method: str, request_json: str
) -> None:
    server, address = await serve(start, "--work=0")
    kind = {"Exchange": "bidi", "Collect": "client", "Watch": "server"}[method]
    caller = await start(
        *("caller", "--target", address, "--method", f"greeter.v1.StreamService/{method}"),
        *("--request", request_json, f"--stream-kind={kind}", "--stream-rate=20", "--stream-life=0.2"),
        *LOAD,
    )
    tally = (await caller.event("finished"))["tally"]

    assert tally["by_code"] == {"OK": 16}
    told = tally["streams"]
    assert (told["count"], told["failed"]) == (16, 0)
    counted = await messages_of(server)
    assert counted == {"received": told["sent"], "sent": told["received"].get("", 0)}
    assert sum(counted.values()) > 16
