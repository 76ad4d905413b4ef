"""Every call kind, every way to end: one span on each side, with the pod's name and the right code."""

# ruff: noqa: ANN401  # calls are grpc's of either stack

import asyncio
import threading
from typing import Any

import grpc
import pytest
from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.records import Unnamed
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import SpanKind

from tests.instrumentor.lab.echo import GUARD, KINDS, path
from tests.instrumentor.lab.telemetry import POD, Telemetry
from tests.instrumentor.lab.world import World, aio_start, requests

# order → the code that it leads to, and whether the server's span must say so
ENDINGS = {
    "ok": grpc.StatusCode.OK,
    "abort": grpc.StatusCode.NOT_FOUND,
    "abort-trailing": grpc.StatusCode.NOT_FOUND,
    "abort-status": grpc.StatusCode.DATA_LOSS,
    "exception": grpc.StatusCode.UNKNOWN,
    "set-code": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "metadata": grpc.StatusCode.OK,
}


def check_client(telemetry: Telemetry, code: grpc.StatusCode, pod: str | None) -> None:
    span = telemetry.client()
    attributes = dict(span.attributes or {})
    assert telemetry.code(span) == code.name
    assert attributes.get(names.SERVER_POD) == pod
    assert (names.SERVER_UNNAMED in attributes) is (pod is None)
    assert attributes[names.CHANNEL_ID] == 0
    assert span.status.is_ok is (code is grpc.StatusCode.OK)
    assert telemetry.counts(names.METRIC_CLIENT_DURATION) == {(code.name, pod): 1}


def check_server(telemetry: Telemetry, code: grpc.StatusCode) -> None:
    span = telemetry.server()
    assert dict(span.attributes or {})[names.SERVER_POD] == POD
    assert telemetry.code(span) == code.name
    assert telemetry.counts(names.METRIC_SERVER_DURATION) == {(code.name, POD): 1}
    assert span.parent is not None
    assert span.parent.span_id == telemetry.client().context.span_id


@pytest.mark.parametrize("order", ENDINGS)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_rpc_that_the_server_ends(world: World, bare: Telemetry, kind: str, order: str) -> None:
    answer = await world.ask(kind, order)
    await world.stop()
    assert answer.code is ENDINGS[order]
    assert world.echo.begun == [order]
    check_client(bare, answer.code, POD)
    check_server(bare, answer.code)
    if answer.code is grpc.StatusCode.OK:
        assert set(answer.messages) == {world.echo.identity}
        assert len(answer.messages) == (1 if kind.endswith("unary") else 3)


@pytest.mark.parametrize("order", ["abort@1", "exception@1"])
@pytest.mark.parametrize("kind", ["unary_stream", "stream_stream"])
async def test_a_stream_that_fails_on_the_way(world: World, bare: Telemetry, kind: str, order: str) -> None:
    answer = await world.ask(kind, order)
    await world.stop()
    assert answer.messages == [world.echo.identity]
    assert answer.code is not grpc.StatusCode.OK
    check_client(bare, answer.code, POD)
    check_server(bare, answer.code)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_application_gets_its_own_metadata(world: World, kind: str) -> None:
    answer = await world.ask(kind, "metadata")
    if world.client == "sync" and kind == "unary_stream":
        return  # upstream hides this call's metadata from its application
    assert answer.initial["app-initial"] == "yes"
    assert answer.trailing["app-trailing"] == "yes"


@pytest.mark.parametrize("order", ["abort-trailing", "abort-status"])
@pytest.mark.parametrize("kind", KINDS)
async def test_an_abort_delivers_its_own_trailing_metadata(world: World, kind: str, order: str) -> None:
    answer = await world.ask(kind, order)
    assert answer.trailing["app-trailing"] == order.removeprefix("abort-").replace("trailing", "abort")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_deadline_while_the_server_works(world: World, bare: Telemetry, kind: str) -> None:
    """Nothing is sent ahead of the answer: nobody tells who works on it. The server's own span does."""
    answer = await world.ask(kind, "work", timeout=1)
    await world.stop()
    assert world.echo.begun == ["work"]
    assert answer.code is grpc.StatusCode.DEADLINE_EXCEEDED
    check_client(bare, answer.code, None)
    attributes = dict(bare.client().attributes or {})
    assert attributes[names.SERVER_UNNAMED] == Unnamed.NO_ANSWER
    assert attributes[names.SERVER_ANSWERED] is False
    check_server(bare, answer.code)


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_listens(telemetry: Telemetry, kind: str) -> None:
    for client in ("aio", "sync"):
        world = World(client, "aio")
        world.connect("127.0.0.1:9")
        answer = await world.ask(kind, "ok")
        await world.disconnect()
        assert answer.code is grpc.StatusCode.UNAVAILABLE
    for number, span in enumerate(telemetry.rpcs(SpanKind.CLIENT)):
        attributes = dict(span.attributes or {})
        assert attributes[names.SERVER_ANSWERED] is False
        assert attributes[names.SERVER_UNNAMED] == Unnamed.NO_ANSWER
        assert names.SERVER_POD not in attributes
        assert telemetry.code(span) == "UNAVAILABLE"
        assert attributes[names.CHANNEL_ID] == number
    assert telemetry.counts(names.METRIC_CLIENT_DURATION) == {("UNAVAILABLE", None): 2}


@pytest.mark.parametrize("order", ["ok", "abort"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stack", ["aio", "sync"])
async def test_a_server_without_instrumentation(bare: Telemetry, stack: str, kind: str, order: str) -> None:
    world = World(stack, stack)
    await world.serve()
    bare.instrument_upstream()
    bare.instrument_ours()
    world.connect()
    answer = await world.ask(kind, order)
    await world.disconnect()
    await world.stop()
    check_client(bare, answer.code, None)
    assert names.METADATA_POD not in {**answer.initial, **answer.trailing}


@pytest.mark.parametrize("order", ["ok", "abort", "metadata"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stack", ["aio", "sync"])
async def test_a_client_without_instrumentation(bare: Telemetry, stack: str, kind: str, order: str) -> None:
    bare.instrument_ours()
    world = World(stack, stack)
    await world.serve()
    with suppress_instrumentation():  # the channel is made as if there were no instrumentation
        world.connect()
    answer = await world.ask(kind, order)
    await world.disconnect()
    await world.stop()
    assert set(bare.counts(names.METRIC_SERVER_DURATION)) == {(answer.code.name, POD)}
    assert names.METADATA_POD not in {**answer.initial, **answer.trailing}


@pytest.mark.parametrize("kind", KINDS)
async def test_cancelled_by_the_application(world: World, bare: Telemetry, kind: str) -> None:
    if world.client == "sync":
        await asyncio.to_thread(_cancel_sync, world, kind)
    else:
        call = aio_start(world.channel, kind, _order(kind), GUARD)
        received = asyncio.Event()
        asking = asyncio.ensure_future(_answers(call, kind, received))
        await asyncio.to_thread(world.echo.working.wait)
        if kind.endswith("stream"):
            await received.wait()  # the server works already, the answer before that may still be under way
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    await world.stop()
    attributes = dict(bare.client().attributes or {})
    assert bare.code(bare.client()) == "CANCELLED"
    check_server(bare, grpc.StatusCode.CANCELLED)
    ((code, pod),) = bare.counts(names.METRIC_CLIENT_DURATION)
    assert code == "CANCELLED"
    if kind.endswith("stream"):  # it had answered once
        assert attributes[names.SERVER_POD] == pod == POD
    else:
        assert attributes[names.SERVER_UNNAMED] == Unnamed.CANCELLED


def _order(kind: str) -> str:
    """Work at once, or after the first message of a stream."""
    return "work" if kind.endswith("unary") else "work@1"


async def _answers(call: Any, kind: str, received: asyncio.Event) -> None:
    if kind.endswith("unary"):
        await call
    else:
        async for _ in call:
            received.set()


def _cancel_sync(world: World, kind: str) -> None:
    callable_ = getattr(world.channel, kind)(path(kind))
    request = requests(kind, _order(kind))
    if kind.endswith("unary"):
        call = callable_.future(request)
    else:
        call = callable_(request)
        next(call)
    world.echo.working.wait()
    ended = threading.Event()
    call.add_done_callback(lambda _: ended.set())
    assert call.cancel()
    assert ended.wait(GUARD)
