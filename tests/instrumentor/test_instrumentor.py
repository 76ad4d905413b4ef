"""The switches, and everything that is not a matter of how an RPC ends."""

import asyncio
import sys

import grpc
import pytest
from grpc_lb_instrumentor import GrpcLbInstrumentor, names
from opentelemetry.sdk.metrics.export import HistogramDataPoint, NumberDataPoint
from opentelemetry.trace import SpanKind

from tests.instrumentor.lab.echo import SERVICE
from tests.instrumentor.lab.telemetry import POD, Telemetry
from tests.instrumentor.lab.world import World

STACKS = ("aio", "sync")


@pytest.mark.parametrize("stack", STACKS)
async def test_either_order_of_instrumentation(both: Telemetry, stack: str) -> None:
    async with World(stack, stack) as world:
        assert (await world.ask("unary_unary", "ok")).messages == [world.echo.identity]
    for span in (both.client(), both.server()):
        assert dict(span.attributes or {})[names.SERVER_POD] == POD


@pytest.mark.parametrize("stack", STACKS)
async def test_without_the_upstream_instrumentation_the_spans_are_ours(bare: Telemetry, stack: str) -> None:
    """By the stable conventions: a trace from the application's span over the client's to the server's."""
    bare.instrument_ours()
    tracer = bare.tracer_provider.get_tracer("application")
    with tracer.start_as_current_span("application") as application:
        async with World(stack, stack) as world:
            assert (await world.ask("unary_unary", "abort")).code is grpc.StatusCode.NOT_FOUND
            await world.stop()
    client, server = bare.client(), bare.server()
    host, _, port = world.address.rpartition(":")
    for span, parent in ((client, application.get_span_context()), (server, client.context)):
        assert span.name == f"{SERVICE}/unary_unary"
        assert span.instrumentation_scope is not None
        assert span.instrumentation_scope.name == names.SCOPE
        assert span.parent is not None
        assert (span.parent.trace_id, span.parent.span_id) == (parent.trace_id, parent.span_id)
        attributes = dict(span.attributes or {})
        assert attributes[names.RPC_SYSTEM_NAME] == "grpc"
        assert attributes[names.RPC_METHOD] == f"{SERVICE}/unary_unary"
        assert attributes[names.RPC_STATUS_CODE] == "NOT_FOUND"
        assert attributes[names.NETWORK_PEER_ADDRESS] == "127.0.0.1"
    attributes = dict(client.attributes or {})
    assert attributes[names.ERROR_TYPE] == "NOT_FOUND"
    assert (attributes[names.SERVER_ADDRESS], attributes[names.SERVER_PORT]) == (host, int(port))
    assert attributes[names.NETWORK_PEER_PORT] == int(port)
    assert client.status.description == "not here"
    assert names.ERROR_TYPE not in (server.attributes or {})  # not the server's fault
    assert server.status.is_unset


@pytest.mark.parametrize("stack", STACKS)
async def test_beside_the_upstream_instrumentation_the_spans_are_its(
    telemetry: Telemetry, stack: str
) -> None:
    async with World(stack, stack) as world:
        assert (await world.ask("unary_unary", "abort")).code is grpc.StatusCode.NOT_FOUND
        await world.stop()
    for span in (telemetry.client(), telemetry.server()):
        assert span.name == f"/{SERVICE}/unary_unary"
        assert span.instrumentation_scope is not None
        assert span.instrumentation_scope.name == "opentelemetry.instrumentation.grpc"
        attributes = dict(span.attributes or {})
        assert attributes[names.RPC_SYSTEM] == "grpc"
        assert attributes[names.RPC_SERVICE] == SERVICE
        assert attributes[names.RPC_METHOD] == "unary_unary"
        assert attributes[names.RPC_GRPC_STATUS_CODE] == grpc.StatusCode.NOT_FOUND.value[0]
        assert names.RPC_STATUS_CODE not in attributes


@pytest.mark.parametrize("stack", STACKS)
async def test_upstreams_spans_go_on_when_ours_is_switched_off(telemetry: Telemetry, stack: str) -> None:
    async with World(stack, stack) as world:
        GrpcLbInstrumentor().uninstrument()
        assert (await world.ask("unary_unary", "ok")).code is grpc.StatusCode.OK
        await world.stop()
    assert names.SERVER_POD not in (telemetry.client().attributes or {})
    server = telemetry.server()
    assert server.parent is not None
    assert server.parent.span_id == telemetry.client().context.span_id
    assert telemetry.counts(names.METRIC_CLIENT_DURATION) == {}


@pytest.mark.parametrize("stack", STACKS)
async def test_uninstrument_leaves_nothing_behind(bare: Telemetry, stack: str) -> None:
    constructors = (
        grpc._channel.Channel.__init__,
        grpc.aio._channel.Channel.__init__,
        grpc._server._Server.__init__,
        grpc.aio._server.Server.__init__,
    )
    bare.instrument_ours()
    async with World(stack, stack) as world:
        GrpcLbInstrumentor().uninstrument()
        answer = await world.ask("unary_unary", "ok")  # over what was made while it was on
        assert answer.messages == [world.echo.identity]
        assert names.METADATA_POD not in answer.trailing
    assert constructors == (
        grpc._channel.Channel.__init__,
        grpc.aio._channel.Channel.__init__,
        grpc._server._Server.__init__,
        grpc.aio._server.Server.__init__,
    )
    assert bare.exporter.get_finished_spans() == ()
    assert bare.counts(names.METRIC_CLIENT_DURATION) == {}
    assert bare.counts(names.METRIC_SERVER_DURATION) == {}


async def test_disabled_it_does_nothing(bare: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(names.ENV_DISABLED, "true")
    bare.instrument_upstream()
    bare.instrument_ours()
    async with World("aio", "aio") as world:
        await world.ask("unary_unary", "ok")
    assert names.CHANNEL_ID not in (bare.client().attributes or {})
    assert names.SERVER_POD not in (bare.server().attributes or {})
    assert bare.counts(names.METRIC_CLIENT_DURATION) == {}


@pytest.mark.parametrize("stack", STACKS)
async def test_without_discovery_all_else_goes_on(
    bare: Telemetry, stack: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "grpc_lb_instrumentor.discovery", None)  # its import fails
    bare.instrument_upstream()
    bare.instrument_ours()
    async with World(stack, stack) as world:
        assert (await world.ask("unary_unary", "ok")).code is grpc.StatusCode.OK
        await world.stop()
    assert dict(bare.client().attributes or {})[names.CHANNEL_ID] == 0
    assert bare.counts(names.METRIC_CLIENT_DURATION) == {("OK", POD): 1}
    warnings = [record for record in caplog.records if record.name.startswith("grpc_lb_instrumentor")]
    assert ["subchannels are not seen" in record.getMessage() for record in warnings] == [True]


@pytest.mark.parametrize("stack", STACKS)
async def test_excluded_services_are_left_alone(
    bare: Telemetry, stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_GRPC_EXCLUDED_SERVICES", f"grpc.health.v1.Health, {SERVICE}")
    bare.instrument_ours()
    async with World(stack, stack) as world:
        answer = await world.ask("unary_unary", "ok")
        assert names.METADATA_POD not in answer.trailing
        (age,) = bare.points(names.METRIC_SERVER_INACTIVITY_AGE)
        await world.ask("unary_unary", "ok")
        (later,) = bare.points(names.METRIC_SERVER_INACTIVITY_AGE)
        assert isinstance(age, NumberDataPoint)
        assert isinstance(later, NumberDataPoint)
        assert later.value > age.value  # it was not reset
    assert bare.counts(names.METRIC_CLIENT_DURATION) == {}
    assert bare.counts(names.METRIC_SERVER_DURATION) == {}


@pytest.mark.parametrize("stack", STACKS)
async def test_request_metadata_are_captured(
    bare: Telemetry, stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(names.ENV_CAPTURE_METADATA, "X-Scheduled, x-other, x-token-bin")
    bare.instrument_upstream()
    bare.instrument_ours()
    metadata = (("x-scheduled", "12"), ("x-secret", "no"), ("x-token-bin", b"\x00\xff"))
    async with World(stack, stack) as world:
        await world.ask("unary_unary", "ok", metadata=metadata)
    attributes = dict(bare.client().attributes or {})
    assert attributes["rpc.request.header.x-scheduled"] == ("12",)
    assert attributes["rpc.request.header.x-token-bin"] == ("AP8=",)  # base64, by the conventions
    captured = [name for name in attributes if name.startswith(names.RPC_REQUEST_HEADER)]
    assert captured == ["rpc.request.header.x-scheduled", "rpc.request.header.x-token-bin"]


async def test_channels_are_numbered(telemetry: Telemetry) -> None:
    async with World("aio", "aio") as first:
        for _ in range(2):
            await first.ask("unary_unary", "ok")
            await first.disconnect()
            first.connect()
            await first.ask("unary_unary", "ok")
    found = [dict(span.attributes or {})[names.CHANNEL_ID] for span in telemetry.rpcs(SpanKind.CLIENT)]
    assert found == [0, 1, 1, 2]


@pytest.mark.parametrize("stack", STACKS)
async def test_durations_are_seconds_with_advised_bounds_and_exemplars(
    telemetry: Telemetry, stack: str
) -> None:
    async with World(stack, stack) as world:
        await world.ask("unary_unary", "abort")
        await world.stop()
    # Collected once: that empties the exemplars.
    found = telemetry.points(names.METRIC_CLIENT_DURATION, names.METRIC_SERVER_DURATION)
    by_side = {names.ERROR_TYPE in (point.attributes or {}): point for point in found}
    for point, span, error in (
        (by_side[True], telemetry.client(), "NOT_FOUND"),
        (by_side[False], telemetry.server(), None),  # not the server's fault
    ):
        assert isinstance(point, HistogramDataPoint)
        attributes = dict(point.attributes or {})
        assert attributes[names.RPC_METHOD] == f"{SERVICE}/unary_unary"
        assert attributes[names.RPC_SYSTEM_NAME] == "grpc"
        assert attributes.get(names.ERROR_TYPE) == error
        assert tuple(point.explicit_bounds) == names.DURATION_BUCKETS
        assert span.start_time is not None
        assert span.end_time is not None
        assert 0 < point.sum <= (span.end_time - span.start_time) / 1e9
        (exemplar,) = point.exemplars
        assert exemplar.span_id == span.context.span_id
        assert exemplar.trace_id == span.context.trace_id


@pytest.mark.parametrize("stack", STACKS)
async def test_a_server_tells_how_busy_it_is(telemetry: Telemetry, stack: str) -> None:
    def value(metric: str) -> float:
        (point,) = telemetry.points(metric)
        assert isinstance(point, NumberDataPoint)
        return point.value

    assert telemetry.points(names.METRIC_SERVER_ACTIVE) == []  # no server yet
    async with World(stack, stack) as world:
        assert value(names.METRIC_SERVER_ACTIVE) == 0
        assert value(names.METRIC_SERVER_INACTIVITY_AGE) > 0
        asking = [asyncio.ensure_future(world.ask(kind, "late")) for kind in ("unary_unary", "unary_stream")]
        for _ in asking:
            await asyncio.to_thread(world.echo.arrivals.acquire)
        assert value(names.METRIC_SERVER_ACTIVE) == 2
        assert value(names.METRIC_SERVER_INACTIVITY_AGE) == 0
        world.echo.release.set()
        await asyncio.gather(*asking)
        await world.stop()
        assert value(names.METRIC_SERVER_ACTIVE) == 0
        age = value(names.METRIC_SERVER_INACTIVITY_AGE)
        assert 0 < age < value(names.METRIC_SERVER_INACTIVITY_AGE)  # it counts on
