"""Telemetry sent to a receiver by real exporters, or as bare requests."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from lbstudy.observation import attributes
from lbstudy.store.database import RunStore
from lbstudy.store.receiver import Forward, OnSpans, Receiver
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

RESOURCE = Resource(
    {
        attributes.SERVICE_NAME: "greeter-client",
        attributes.POD_NAME: "client-stock-x",
        attributes.SETTING: "stock",
        attributes.RUN_ID: "r1",
        "service.namespace": "lbstudy",
    }
)


@contextmanager
def receiving(
    store: RunStore, on_spans: OnSpans | None = None, forward: Forward | None = None
) -> Iterator[tuple[Receiver, str]]:
    receiver = Receiver(store, on_spans=on_spans, forward=forward)
    yield receiver, receiver.start()
    receiver.stop()


def tracer_provider(endpoint: str, resource: Resource = RESOURCE) -> TracerProvider:
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    # Nothing goes out before it is flushed.
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000))
    return provider


def rpc(provider: TracerProvider, **attributes_: object) -> None:
    given = {
        "rpc.system": "grpc",
        "rpc.service": "greeter.v1.GreeterService",
        "rpc.method": "SayHello",
        "rpc.grpc.status_code": 0,
        "server.k8s.pod.name": "greeter-stock-a",
        "grpc_lb.channel.id": 1,
        "rpc.request.header.x-scheduled-unix-nano": ["1790000000000000000"],
        **attributes_,
    }
    values = {key: value for key, value in given.items() if value is not None}
    span = provider.get_tracer("opentelemetry.instrumentation.grpc").start_span(
        "/greeter.v1.GreeterService/SayHello",
        kind=SpanKind.CLIENT,
        attributes=values,  # type: ignore[arg-type]  # attribute values all
        start_time=1_790_000_000_000_500_000,
    )
    span.end(1_790_000_000_020_500_000)


def export_metrics(endpoint: str, *metrics: Metric) -> ExportMetricsServiceResponse:
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.extend(metrics)
    with grpc.insecure_channel(endpoint.removeprefix("http://")) as channel:
        call = channel.unary_unary(
            "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            request_serializer=ExportMetricsServiceRequest.SerializeToString,
            response_deserializer=ExportMetricsServiceResponse.FromString,
        )
        response: ExportMetricsServiceResponse = call(request, timeout=30)
        return response


def export_spans(endpoint: str, spans: int) -> ExportTraceServiceResponse:
    request = ExportTraceServiceRequest()
    scoped = request.resource_spans.add().scope_spans.add()
    for number in range(spans):
        scoped.spans.add(name="s", span_id=number.to_bytes(8, "big"), trace_id=b"t" * 16)
    with grpc.insecure_channel(endpoint.removeprefix("http://")) as channel:
        call = channel.unary_unary(
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            request_serializer=ExportTraceServiceRequest.SerializeToString,
            response_deserializer=ExportTraceServiceResponse.FromString,
        )
        response: ExportTraceServiceResponse = call(request, timeout=30)
        return response
