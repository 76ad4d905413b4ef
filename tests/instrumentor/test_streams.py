"""Streams: who answers while they live, and how those end that nobody reads to their end."""

import asyncio
import gc

import grpc
import pytest
from grpc_lb_instrumentor import names
from opentelemetry.sdk.metrics.export import NumberDataPoint
from opentelemetry.trace import SpanKind

from tests.instrumentor.lab.echo import GUARD, SERVICE, path
from tests.instrumentor.lab.telemetry import POD, Telemetry
from tests.instrumentor.lab.world import World, aio_start, requests


@pytest.fixture(params=["aio", "sync"])
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def messages(telemetry: Telemetry, metric: str) -> dict[tuple[object, object], float]:
    found: dict[tuple[object, object], float] = {}
    for point in telemetry.points(metric):
        assert isinstance(point, NumberDataPoint)
        attributes = point.attributes or {}
        found[attributes[names.RPC_METHOD], attributes.get(names.SERVER_POD)] = point.value
    return found


async def dropped(telemetry: Telemetry) -> None:
    """Wait for the client's span of a call that nobody holds any more."""
    async with asyncio.timeout(GUARD):
        while not telemetry.rpcs(SpanKind.CLIENT):
            gc.collect()  # grpc.aio's calls are in reference cycles
            await asyncio.sleep(0)  # the loop closes upstream's generator


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
            counted = messages(telemetry, names.METRIC_CLIENT_MESSAGES)
            assert counted == {(f"{SERVICE}/{kind}", POD): 1}  # while it lives
            assert messages(telemetry, names.METRIC_SERVER_MESSAGES) == counted
            call.cancel()  # no assertion: pytest would keep what is in it
        else:
            call = getattr(world.channel, kind)(path(kind))(requests(kind, "work@1"))
            assert await asyncio.to_thread(next, call) == world.echo.identity
            assert messages(telemetry, names.METRIC_CLIENT_MESSAGES) == {(f"{SERVICE}/{kind}", POD): 1}
            await asyncio.to_thread(call.cancel)
        del call
        await dropped(telemetry)
    attributes = dict(telemetry.client().attributes or {})
    assert attributes[names.SERVER_POD] == POD
    assert attributes[names.STREAM_KIND] == {"unary_stream": "server", "stream_stream": "bidi"}[kind]
    assert attributes[names.RPC_GRPC_STATUS_CODE] == grpc.StatusCode.CANCELLED.value[0]
    (event,) = telemetry.client().events
    assert event.name == names.EVENT_FIRST_MESSAGE
    assert dict(event.attributes or {}) == {names.SERVER_POD: POD}


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
    """It ends with the call."""
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
    assert telemetry.rpcs(SpanKind.CLIENT) == []  # it lives, as it does for the server
    kept.clear()
    gc.collect()
    attributes = dict(telemetry.client().attributes or {})
    assert attributes[names.SERVER_POD] == POD
    assert attributes[names.RPC_GRPC_STATUS_CODE] == grpc.StatusCode.CANCELLED.value[0]
    world.echo.release.set()
    asyncio.run(world.stop())
