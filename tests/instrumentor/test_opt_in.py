"""``OTEL_SEMCONV_STABILITY_OPT_IN``: which conventions spans and metrics follow, alone and with upstream."""

from typing import Final

import pytest
from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.settings import ENV_STABILITY
from opentelemetry.sdk.metrics.export import HistogramDataPoint

from tests.instrumentor.lab.echo import SERVICE
from tests.instrumentor.lab.telemetry import Telemetry
from tests.instrumentor.lab.world import World

STABLE: Final = {
    names.RPC_SYSTEM_NAME: "grpc",
    names.RPC_METHOD: f"{SERVICE}/unary_unary",
    names.RPC_STATUS_CODE: "NOT_FOUND",
}
OLD: Final = {names.RPC_SYSTEM: "grpc", names.RPC_SERVICE: SERVICE, names.RPC_GRPC_STATUS_CODE: 5}
OLD_METRICS: Final = (names.METRIC_CLIENT_DURATION_MS, names.METRIC_SERVER_DURATION_MS)
METRICS: Final = (names.METRIC_CLIENT_DURATION, names.METRIC_SERVER_DURATION)


@pytest.mark.parametrize("stack", ["aio", "sync"])
@pytest.mark.parametrize("upstream", [False, True], ids=["ours alone", "with upstream"])
@pytest.mark.parametrize("opted", ["", "rpc", "rpc/dup"])
async def test_spans_and_metrics_follow_the_conventions_that_are_opted_in_to(
    bare: Telemetry,
    monkeypatch: pytest.MonkeyPatch,
    opted: str,
    upstream: bool,  # a parameter of the test
    stack: str,
) -> None:
    monkeypatch.setenv(ENV_STABILITY, opted)
    if upstream:
        bare.instrument_upstream()
    bare.instrument_ours()

    async with World(stack, stack) as world:
        await world.ask("unary_unary", "abort")

    is_stable = not upstream or opted != ""
    is_old = opted == "rpc/dup" or (upstream and not is_stable)
    for span in (bare.client(), bare.server()):
        attributes = dict(span.attributes or {})
        assert span.name == f"{'' if is_stable else '/'}{SERVICE}/unary_unary"
        assert (STABLE.items() <= attributes.items()) is is_stable
        assert (OLD.items() <= attributes.items()) is is_old
        assert (attributes.keys() & STABLE.keys() >= {names.RPC_SYSTEM_NAME}) is is_stable
        assert (names.RPC_SYSTEM in attributes) is is_old
    durations = bare.points(*METRICS)
    assert [dict(point.attributes or {})[names.RPC_STATUS_CODE] for point in durations] == ["NOT_FOUND"] * 2


@pytest.mark.parametrize("stack", ["aio", "sync"])
@pytest.mark.parametrize("opted", ["", "rpc", "rpc/dup"])
async def test_the_histograms_of_before_are_there_for_both(
    bare: Telemetry, monkeypatch: pytest.MonkeyPatch, opted: str, stack: str
) -> None:
    monkeypatch.setenv(ENV_STABILITY, opted)
    bare.instrument_ours()

    async with World(stack, stack) as world:
        await world.ask("unary_unary", "abort")

    data = bare.reader.get_metrics_data()
    assert data is not None
    points = {
        metric.name: (metric.unit, point)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
        if isinstance(point, HistogramDataPoint)
    }
    assert points.keys() & set(OLD_METRICS) == (set(OLD_METRICS) if opted == "rpc/dup" else set())
    for old, stable in zip(
        OLD_METRICS, (names.METRIC_CLIENT_DURATION, names.METRIC_SERVER_DURATION), strict=True
    ):
        if old in points:
            unit, point = points[old]
            assert unit == "ms"
            assert dict(point.attributes or {}) == OLD | {names.RPC_METHOD: "unary_unary"}
            assert point.sum == pytest.approx(points[stable][1].sum * 1000)
