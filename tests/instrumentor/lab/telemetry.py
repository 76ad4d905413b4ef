"""What the instrumented application exported, and the switches of the instrumentors."""

import grpc
from grpc_lb_instrumentor import GrpcLbInstrumentor, names
from opentelemetry import trace
from opentelemetry.instrumentation.grpc import (
    GrpcAioInstrumentorClient,
    GrpcAioInstrumentorServer,
    GrpcInstrumentorClient,
    GrpcInstrumentorServer,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import DataPointT, HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

POD = "echo-7d4b9-x2x8z"

UPSTREAM = (
    GrpcInstrumentorClient,
    GrpcInstrumentorServer,
    GrpcAioInstrumentorClient,
    GrpcAioInstrumentorServer,
)


class Telemetry:
    """What was exported, and the switches of the instrumentors."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self.reader])
        # Upstream's synchronous client knows only the global provider, and that can be set only once.
        provider = trace.get_tracer_provider()
        if not isinstance(provider, TracerProvider):
            provider = TracerProvider(shutdown_on_exit=False)
            trace.set_tracer_provider(provider)
        self.tracer_provider = provider
        self.processor = SimpleSpanProcessor(self.exporter)
        provider.add_span_processor(self.processor)

    def instrument_ours(self) -> None:
        GrpcLbInstrumentor().instrument(
            tracer_provider=self.tracer_provider, meter_provider=self.meter_provider
        )

    def instrument_upstream(self) -> None:
        for instrumentor in UPSTREAM:
            instrumentor().instrument()

    def rpcs(self, kind: SpanKind) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.kind is kind]

    def client(self) -> ReadableSpan:
        (span,) = self.rpcs(SpanKind.CLIENT)
        return span

    def server(self) -> ReadableSpan:
        (span,) = self.rpcs(SpanKind.SERVER)
        return span

    def code(self, span: ReadableSpan) -> str | None:
        """Return the code that a span tells, by whichever convention it has."""
        attributes = dict(span.attributes or {})
        if names.RPC_SYSTEM in attributes:
            number = attributes[names.RPC_GRPC_STATUS_CODE]
            (code,) = (code for code in grpc.StatusCode if code.value[0] == number)
            return code.name
        told = attributes[names.RPC_STATUS_CODE]
        assert isinstance(told, str)
        assert (attributes.get(names.ERROR_TYPE) == told) is not span.status.is_unset
        return told

    def points(self, *metrics: str) -> list[DataPointT]:
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name in metrics
            for point in found.data.data_points
        ]

    def counts(self, metric: str) -> dict[tuple[str, str | None], int]:
        """Count a histogram's records by status code and pod."""
        result: dict[tuple[str, str | None], int] = {}
        for point in self.points(metric):
            assert isinstance(point, HistogramDataPoint)
            attributes = dict(point.attributes or {})
            pod = attributes.get(names.SERVER_POD)
            key = (str(attributes[names.RPC_STATUS_CODE]), None if pod is None else str(pod))
            result[key] = result.get(key, 0) + point.count
        return result

    def close(self) -> None:
        GrpcLbInstrumentor().uninstrument()
        for instrumentor in UPSTREAM:
            if instrumentor().is_instrumented_by_opentelemetry:
                instrumentor().uninstrument()
        self.processor.shutdown()
        active = self.tracer_provider._active_span_processor
        active._span_processors = tuple(item for item in active._span_processors if item != self.processor)
        self.meter_provider.shutdown()
