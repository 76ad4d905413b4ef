"""Durations that go straight to the SDK's aggregations, against those that its public way recorded."""

# ruff: noqa: ANN401  # the arguments of the SDK are passed through

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import pytest
from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.rpc.durations import CLIENT_ERRORS, Durations
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    DataPointT,
    HistogramDataPoint,
    InMemoryMetricReader,
)
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.trace import TracerProvider

OK = grpc.StatusCode.OK
FAILED = grpc.StatusCode.UNAVAILABLE
RECORDS = [
    (0.004, OK, "pod-a"),
    (0.020, OK, "pod-b"),
    (0.005, OK, "pod-a"),
    (0.021, FAILED, None),
    (3.0, OK, "pod-a"),
    (99.0, OK, "pod-a"),
    (0.0, OK, "pod-b"),
    (0.020, FAILED, None),
]
SETS = 3  # of attributes, in RECORDS


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The values that took the public way."""
    taken: list[float] = []
    record: Callable[..., None] = Histogram.record

    def watched(self: Histogram, amount: float, *rest: Any) -> None:
        taken.append(amount)
        record(self, amount, *rest)

    monkeypatch.setattr(Histogram, "record", watched)
    return taken


class Recorded:
    """Durations of a provider of their own, and what its readers collect."""

    def __init__(self, *readers: InMemoryMetricReader, **provider: Any) -> None:
        self.readers = readers or (InMemoryMetricReader(),)
        self.provider = MeterProvider(self.readers, shutdown_on_exit=False, **provider)
        self.durations = Durations(self.provider.get_meter("test"), "d", CLIENT_ERRORS)

    def record(self) -> None:
        for seconds, code, pod in RECORDS:
            self.durations.record(seconds, "/a.B/C", code, pod, Context())

    def points(self, reader: int = 0) -> list[DataPointT]:
        data = self.readers[reader].get_metrics_data()
        assert data is not None
        (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
        return [replace(point, time_unix_nano=0, start_time_unix_nano=0) for point in metric.data.data_points]


def in_public(monkeypatch: pytest.MonkeyPatch, *readers: InMemoryMetricReader, **provider: Any) -> Recorded:
    """Record all by the public way, twice over."""
    with monkeypatch.context() as patch:
        patch.setattr("grpc_lb_instrumentor.rpc.points._aggregations", lambda *_: ())
        recorded = Recorded(*readers, **provider)
        recorded.record()
        recorded.record()
    return recorded


def test_the_first_of_each_attribute_set_is_recorded_in_public_and_all_are_exported_alike(
    public: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = Recorded()
    recorded.record()
    recorded.record()
    assert public == [0.004, 0.020, 0.021]
    assert recorded.points() == in_public(monkeypatch).points()
    assert len(public) == SETS + 2 * len(RECORDS)


def test_a_second_reader_and_one_that_comes_later_get_all_there_is(public: list[float]) -> None:
    recorded = Recorded(InMemoryMetricReader(), InMemoryMetricReader())
    recorded.record()
    assert recorded.points(0) == recorded.points(1)
    late = InMemoryMetricReader()
    recorded.provider.add_metric_reader(late)
    recorded.readers = (*recorded.readers, late)
    recorded.record()
    recorded.record()
    assert len(public) == 2 * SETS
    for reader, times in enumerate((3, 3, 2)):
        counts = [point.count for point in recorded.points(reader) if isinstance(point, HistogramDataPoint)]
        assert sum(counts) == times * len(RECORDS)


def test_delta_temporality_takes_the_public_way(public: list[float]) -> None:
    recorded = Recorded(InMemoryMetricReader({Histogram: AggregationTemporality.DELTA}))
    for _ in range(3):
        recorded.record()
        counts = [point.count for point in recorded.points() if isinstance(point, HistogramDataPoint)]
        assert sum(counts) == len(RECORDS)
    assert len(public) == 3 * len(RECORDS)


@pytest.mark.parametrize(
    "view",
    [
        View(instrument_name="d", attribute_keys={names.RPC_METHOD}),
        View(instrument_name="d", aggregation_cardinality_limit=1),
    ],
    ids=["fewer attributes", "too many attribute sets"],
)
def test_a_view_is_kept_to(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded(views=[view])
    recorded.record()
    recorded.record()
    points = recorded.points()
    assert points == in_public(monkeypatch, views=[view]).points()
    assert len(points) < SETS


def test_an_sdk_that_is_not_as_expected_is_used_in_public_and_told_of_once(
    public: list[float], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorded = Recorded()
    with caplog.at_level(logging.WARNING), monkeypatch.context() as patch:
        patch.setattr("grpc_lb_instrumentor.rpc.points._aggregations", _missing)
        recorded.record()
        recorded.record()
    assert len(public) == 2 * len(RECORDS)
    assert [record.name for record in caplog.records] == ["grpc_lb_instrumentor.rpc.points"]


def _missing(*_: object) -> None:
    raise AttributeError("_attributes_aggregation")


def test_every_slow_rpc_has_its_exemplar() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    recorded = Recorded()
    slow: dict[float, int] = {}
    for number in range(300):
        seconds = {100: 0.3, 200: 0.8, 201: 7.0}.get(number, 0.02)
        with tracer.start_as_current_span("rpc") as span:
            recorded.durations.record(seconds, "/a.B/C", OK, "pod-a")
        if seconds != 0.02:
            slow[seconds] = span.get_span_context().trace_id
    (point,) = recorded.points()
    found = {exemplar.value: exemplar.trace_id for exemplar in point.exemplars}
    assert found.keys() == {0.02, *slow}
    assert {value: found[value] for value in slow} == slow


def test_without_a_sampled_span_there_is_no_exemplar() -> None:
    recorded = Recorded()
    recorded.record()
    recorded.record()
    assert [point.exemplars for point in recorded.points()] == [[]] * SETS
