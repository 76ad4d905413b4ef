"""The pod's name that is sent ahead of the answer, and an application that sends metadata after it."""

import asyncio
import gc

import grpc
import pytest
from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.server import telemetry as server_telemetry
from opentelemetry.trace import SpanKind

from tests.instrumentor.lab.echo import GUARD, KINDS, path
from tests.instrumentor.lab.telemetry import POD, Telemetry
from tests.instrumentor.lab.world import World, aio_start, requests


@pytest.fixture(params=["aio", "sync"])
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def dropped(telemetry: Telemetry) -> None:
    """Wait for the client's span of a call that nobody holds any more."""
    async with asyncio.timeout(GUARD):
        while not telemetry.rpcs(SpanKind.CLIENT):
            gc.collect()  # grpc.aio's calls are in reference cycles
            await asyncio.sleep(0)  # the loop closes upstream's generator


@pytest.mark.parametrize("kind", KINDS)
async def test_initial_metadata_that_come_too_late_are_delivered_with_the_trailing_ones(
    telemetry: Telemetry, stack: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = asyncio.Event()
    loop = asyncio.get_running_loop()

    # Without a deadline the name would be sent after a second; here at once, and we are told when.
    monkeypatch.setattr(server_telemetry, "EARLY_WITHOUT_DEADLINE", 0.0)
    module = __import__(f"grpc_lb_instrumentor.server.{stack}", fromlist=["_Context"])
    name = "_grpc_lb_send_early" if stack == "aio" else "_grpc_lb_early"
    original = getattr(module._Context, name)

    async def aio_early(self: object) -> None:
        await original(self)
        sent.set()

    def early(self: object) -> None:
        original(self)
        loop.call_soon_threadsafe(sent.set)

    monkeypatch.setattr(module._Context, name, aio_early if stack == "aio" else early)

    async with World(stack, stack) as world:
        # To the bottom of the client, as upstream hides a stream's metadata from its application.
        asking = asyncio.ensure_future(world.ask(kind, "late", timeout=None))
        await sent.wait()
        world.echo.release.set()
        answer = await asking
    assert answer.code is grpc.StatusCode.OK
    assert dict(telemetry.client().attributes or {})[names.SERVER_POD] == POD
    if stack == "sync" and kind == "unary_stream":
        return  # upstream hides this call's metadata from its application
    assert "app-initial" not in answer.initial
    assert answer.initial[names.METADATA_POD] == POD
    assert answer.trailing["app-initial"] == "late"
    assert answer.trailing["app-trailing"] == "late"


@pytest.mark.parametrize("kind", ["unary_stream", "stream_stream"])
async def test_a_stream_names_the_pod_with_its_first_message(
    telemetry: Telemetry, stack: str, kind: str
) -> None:
    """Abandoned after one message, without the client ever hearing of an end."""
    async with World(stack, stack) as world:
        if stack == "aio":
            call = aio_start(world.channel, kind, "work@1", None)
            async for _ in call:
                break
            call.cancel()  # no assertion: pytest would keep what is in it
        else:
            call = getattr(world.channel, kind)(path(kind))(requests(kind, "work@1"))
            assert await asyncio.to_thread(next, call) == world.echo.identity
            await asyncio.to_thread(getattr(call, "close", None) or call.cancel)
        del call
        await dropped(telemetry)
    attributes = dict(telemetry.client().attributes or {})
    assert attributes[names.SERVER_POD] == POD
    assert attributes[names.RPC_GRPC_STATUS_CODE] == grpc.StatusCode.CANCELLED.value[0]


async def test_a_stream_that_nobody_reads(telemetry: Telemetry) -> None:
    """Upstream ends the span in a generator; here nobody starts it."""
    async with World("aio", "aio") as world:
        call = aio_start(world.channel, "unary_stream", "work@1", None)
        await asyncio.to_thread(world.echo.working.wait)
        assert telemetry.counts(names.METRIC_CLIENT_DURATION) == {}
        call.cancel()
        del call
        await dropped(telemetry)
    attributes = dict(telemetry.client().attributes or {})
    assert attributes[names.RPC_GRPC_STATUS_CODE] == grpc.StatusCode.CANCELLED.value[0]
    assert {code for code, _ in telemetry.counts(names.METRIC_CLIENT_DURATION)} == {"CANCELLED"}


def test_a_stream_that_is_open_when_its_loop_ends(telemetry: Telemetry) -> None:
    """Its generators are closed then, and nobody tells how the RPC ended."""
    world = World("aio", "sync")
    kept = []

    async def leave() -> None:
        world.connect()
        call = aio_start(world.channel, "unary_stream", "work@1", None)
        async for _ in call:
            break
        kept.append(call)

    asyncio.run(world.serve())
    asyncio.run(leave())
    attributes = dict(telemetry.client().attributes or {})
    assert attributes[names.SERVER_POD] == POD
    assert attributes[names.RPC_GRPC_STATUS_CODE] == grpc.StatusCode.CANCELLED.value[0]
    world.echo.release.set()
    asyncio.run(world.stop())
