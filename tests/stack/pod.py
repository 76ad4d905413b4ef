"""A pod's telemetry, made by the SDK and sent by its exporters, and the parts' answers to it."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.stack.parts import GUARD

T = TypeVar("T")


class Pod:
    """Its metrics and spans are sent when ``export`` is called, and counted by whoever sends them."""

    def __init__(self, name: str, run_id: str, service: str = "greeter-server") -> None:
        resource = Resource(
            {
                "service.name": service,
                "service.namespace": "lbstudy",
                "service.instance.id": f"lbstudy.{name}.server",
                "k8s.pod.name": name,
                "lbstudy.run.id": run_id,
                "lbstudy.setting": "stock",
            }
        )
        self._reader = InMemoryMetricReader()
        self._memory = InMemorySpanExporter()
        self._tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracing.add_span_processor(SimpleSpanProcessor(self._memory))
        self._metering = MeterProvider([self._reader], resource, shutdown_on_exit=False)
        self._tracer = self._tracing.get_tracer("pod")
        self._duration = self._metering.get_meter("pod").create_histogram("rpc.server.call.duration", "s")

    def rpc(self, seconds: float = 0.01, name: str = "/greeter.v1.GreeterService/SayHello") -> str:
        """One RPC; returns its trace's id."""
        with self._tracer.start_as_current_span(name, kind=trace.SpanKind.SERVER) as span:
            self._duration.record(seconds, {"rpc.status_code": "OK"})
        return f"{span.get_span_context().trace_id:032x}"

    def metrics(self) -> MetricsData:
        data = self._reader.get_metrics_data()
        assert data is not None
        return data

    def spans(self) -> Sequence[ReadableSpan]:
        """What was made since the last time."""
        made = self._memory.get_finished_spans()
        self._memory.clear()
        return made


def send_spans(endpoint: str, spans: Sequence[ReadableSpan]) -> None:
    """Send to a Collector; returns when it has accepted them."""
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True)
    try:
        assert exporter.export(spans) is SpanExportResult.SUCCESS
    finally:
        exporter.shutdown()


def send_metrics(endpoint: str, data: MetricsData) -> None:
    exporter = OTLPMetricExporter(endpoint=endpoint, insecure=True)
    try:
        assert exporter.export(data).name == "SUCCESS"
    finally:
        exporter.shutdown()


def get(url: str, **query: str) -> Any:  # noqa: ANN401 - JSON
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(query)}", timeout=GUARD) as answer:
        return json.load(answer)


def eventually(look: Callable[[], T]) -> T:
    """Look until there is something: the parts take telemetry in batches and do not tell when it is in."""
    until = time.monotonic() + GUARD
    while not (found := look()):
        assert time.monotonic() < until, "still nothing"
        time.sleep(0.05)
    return found
