import json

import pytest
from lbstudy.store.database import RunStore
from lbstudy.store.rows import MetricRow
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogram, Gauge, Metric
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from tests.store.exporting import RESOURCE, export_metrics, receiving, tracer_provider


def test_metrics_of_a_real_exporter(store: RunStore) -> None:
    with receiving(store) as (_, endpoint):
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(endpoint=endpoint, insecure=True), export_interval_millis=3_600_000
        )
        provider = MeterProvider(
            [reader], RESOURCE, exemplar_filter=AlwaysOnExemplarFilter(), shutdown_on_exit=False
        )
        meter = provider.get_meter("the-meter")
        spans = tracer_provider(endpoint)
        meter.create_counter("calls", unit="{call}").add(3, {"code": "OK"})
        meter.create_gauge("age", unit="s").set(1.5)
        duration = meter.create_histogram(
            "rpc.client.call.duration", unit="s", explicit_bucket_boundaries_advisory=[0.01, 0.1, 1.0]
        )
        with spans.get_tracer("t").start_as_current_span("call") as span:
            duration.record(0.02, {"rpc.method": "SayHello"})
            trace_id = f"{span.get_span_context().trace_id:032x}"
        duration.record(5.0, {"rpc.method": "SayHello"})
        provider.shutdown()
        spans.shutdown()

    rows = {row.name: row for row in (MetricRow(*found) for found in store.query("FROM metric_points"))}
    calls, age, call = rows["calls"], rows["age"], rows["rpc.client.call.duration"]
    assert (calls.kind, calls.unit, calls.value, calls.cumulative, calls.scope) == (
        "sum",
        "{call}",
        3.0,
        True,
        "the-meter",
    )
    assert json.loads(calls.attributes) == {"code": "OK"}
    assert (calls.pod, calls.setting, calls.resource) == ("client-stock-x", "stock", 1)
    assert (age.kind, age.value, age.cumulative, age.bounds) == ("gauge", 1.5, None, None)
    assert (call.kind, call.value, call.count_, call.min, call.max) == ("histogram", None, 2, 0.02, 5.0)
    assert call.sum == pytest.approx(5.02)
    assert call.bounds == [0.01, 0.1, 1.0]
    assert call.bucket_counts == [0, 1, 0, 1]
    exemplars = json.loads(call.exemplars or "")
    assert {(exemplar["value"], exemplar["trace_id"]) for exemplar in exemplars} >= {(0.02, trace_id)}


def test_kinds_without_a_column_are_refused_and_the_rest_is_stored(store: RunStore) -> None:
    exponential = ExponentialHistogram()
    exponential.data_points.add(count=3)
    gauge = Gauge()
    gauge.data_points.add(as_double=float("nan"))
    with receiving(store) as (_, endpoint):
        response = export_metrics(
            endpoint, Metric(name="e", exponential_histogram=exponential), Metric(name="g", gauge=gauge)
        )
    assert response.partial_success.rejected_data_points == 1
    assert "exponential histograms" in response.partial_success.error_message
    assert store.query("SELECT name, value FROM metric_points") == [("g", None)]
