"""A made-up run, sent by OTLP as a real one is: a steady rate, dealt to servers that are there throughout."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_lb_instrumentor import names
from lbstudy.config import load_scenario, load_setting
from lbstudy.observation import attributes
from lbstudy.observation.tallies import ClientTally, ServerTally
from lbstudy.platform.interface import Change, ChangeKind
from lbstudy.run.describe import describe, this_machine
from lbstudy.run.plan import RunPlan
from lbstudy.run.specs import client_deployment
from lbstudy.traces.facts import RunFacts
from lbstudy.traces.send_facts import send_facts
from lbstudy.venues.local import Local
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

SETTING = "stock"
SERVERS = [f"greeter-stock-{i}" for i in range(10)]
DEPLOYMENT = "greeter-stock"  # run.specs.server_deployment
CLIENT = "client-stock-0"
RATE = 500  # RPC/s
NANO = 1_000_000_000
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


@dataclass(frozen=True)
class MadeUpRun:
    """What is made up of it."""

    run_id: str
    rpcs: int
    zero: int  # ns since the epoch: the load's start

    @property
    def duration(self) -> float:
        """Of the load, in seconds."""
        return self.rpcs / RATE

    def trace_id(self, number: int) -> bytes:
        """Of an RPC."""
        return hashlib.blake2b(f"{self.run_id}/{number}".encode(), digest_size=16).digest()

    def send_spans(self, otlp: str) -> None:
        """The RPCs' spans, two each."""
        with grpc.insecure_channel(otlp.removeprefix("http://")) as channel:
            traces = TraceServiceStub(channel)  # type: ignore[no-untyped-call]  # it has no types
            for first in range(0, self.rpcs, 500):
                numbers = range(first, min(first + 500, self.rpcs))
                traces.Export(rpc_spans(self, numbers), timeout=60)

    def send_metrics(self, otlp: str) -> None:
        """What the pods export, once a second."""
        with grpc.insecure_channel(otlp.removeprefix("http://")) as channel:
            metrics = MetricsServiceStub(channel)  # type: ignore[no-untyped-call]  # the same
            for second in range(int(self.duration) + 2):
                metrics.Export(points(self, second), timeout=60)

    def send_facts(self, otlp: str) -> None:
        """What the run knows beside its telemetry."""
        send_facts(facts(self), otlp)


def pair(key: str, value: str | int) -> KeyValue:
    """An attribute."""
    told = AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)
    return KeyValue(key=key, value=told)


def resource(run: MadeUpRun, service: str, pod: str, deployment: str) -> Resource:
    """A pod's resource, as long as a real one's."""
    values = {
        attributes.SERVICE_NAME: service,
        "service.namespace": "lbstudy",
        "service.instance.id": f"lbstudy.{pod}.container",
        attributes.POD_NAME: pod,
        "k8s.namespace.name": "lbstudy",
        "k8s.deployment.name": deployment,
        attributes.RUN_ID: run.run_id,
        attributes.SETTING: SETTING,
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.45.2",
        "telemetry.auto.version": "0.66b2",
    }
    return Resource(attributes=[pair(key, value) for key, value in values.items()])


def rpc_spans(run: MadeUpRun, numbers: range) -> ExportTraceServiceRequest:
    """The client's and the servers' spans of these RPCs."""
    scope = InstrumentationScope(name="opentelemetry.instrumentation.grpc", version="0.66b2")
    client = ResourceSpans(
        resource=resource(
            run, attributes.service_name("greeter", "client"), CLIENT, client_deployment(SETTING)
        ),
        scope_spans=[ScopeSpans(scope=scope, spans=[client_span(run, n) for n in numbers])],
    )
    servers = [
        ResourceSpans(
            resource=resource(run, attributes.service_name("greeter", "server"), server, DEPLOYMENT),
            scope_spans=[
                ScopeSpans(
                    scope=scope, spans=[server_span(run, n) for n in numbers if n % len(SERVERS) == index]
                )
            ],
        )
        for index, server in enumerate(SERVERS)
    ]
    return ExportTraceServiceRequest(resource_spans=[client, *servers])


def common(number: int) -> list[KeyValue]:
    """What the spans of both sides say."""
    return [
        pair("rpc.system", "grpc"),
        pair("rpc.service", "greeter.v1.GreeterService"),
        pair("rpc.method", "SayHello"),
        pair(names.RPC_GRPC_STATUS_CODE, 0),
        pair(names.SERVER_POD, SERVERS[number % len(SERVERS)]),
    ]


def client_span(run: MadeUpRun, number: int) -> Span:
    """A client's span."""
    start = run.zero + number * NANO // RATE
    scheduled = ArrayValue(values=[AnyValue(string_value=str(start))])
    return Span(
        trace_id=run.trace_id(number),
        span_id=(2 * number + 1).to_bytes(8, "big"),
        name="/greeter.v1.GreeterService/SayHello",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start,
        end_time_unix_nano=start + 12_000_000,
        flags=256,
        attributes=[
            *common(number),
            pair(names.CHANNEL_ID, number % 4),
            KeyValue(
                key=names.RPC_REQUEST_HEADER + attributes.METADATA_SCHEDULED,
                value=AnyValue(array_value=scheduled),
            ),
        ],
    )


def server_span(run: MadeUpRun, number: int) -> Span:
    """A server's span."""
    start = run.zero + number * NANO // RATE + 1_000_000
    return Span(
        trace_id=run.trace_id(number),
        span_id=(2 * number + 2).to_bytes(8, "big"),
        parent_span_id=(2 * number + 1).to_bytes(8, "big"),
        name="/greeter.v1.GreeterService/SayHello",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=start,
        end_time_unix_nano=start + 10_000_000,
        flags=768,
        attributes=[
            *common(number),
            pair("net.peer.ip", "127.0.0.1"),
            pair("net.peer.name", "localhost"),
            pair("net.peer.port", "54048"),
            pair("rpc.user_agent", "grpc-python-asyncio/1.85.1 grpc-c/58.0.0 (linux; chttp2)"),
        ],
    )


def points(run: MadeUpRun, second: int) -> ExportMetricsServiceRequest:
    """What the pods export in a second of the load."""
    at = run.zero + second * NANO + NANO // 2
    done = min(run.rpcs, round((second + 0.5) * RATE))
    counts = [len(range(index, done, len(SERVERS))) for index in range(len(SERVERS))]
    client = [
        HistogramDataPoint(
            start_time_unix_nano=run.zero,
            time_unix_nano=at,
            count=count,
            sum=count * 0.012,
            explicit_bounds=[0.01, 0.1],
            bucket_counts=[0, count, 0],
            attributes=[
                pair(names.RPC_SYSTEM_NAME, "grpc"),
                pair(names.RPC_METHOD, "greeter.v1.GreeterService/SayHello"),
                pair(names.RPC_STATUS_CODE, "OK"),
                pair(names.SERVER_POD, server),
            ],
        )
        for server, count in zip(SERVERS, counts, strict=True)
        if count
    ]
    histogram = Histogram(data_points=client, aggregation_temporality=CUMULATIVE)
    groups = [
        metrics_of(
            resource(run, attributes.service_name("greeter", "client"), CLIENT, client_deployment(SETTING)),
            [Metric(name=names.METRIC_CLIENT_DURATION, unit="s", histogram=histogram)],
        )
    ]
    for server in SERVERS:
        pod = resource(run, attributes.service_name("greeter", "server"), server, DEPLOYMENT)
        groups.append(metrics_of(pod, usage(run, second, at)))
    return ExportMetricsServiceRequest(resource_metrics=groups)


def usage(run: MadeUpRun, second: int, at: int) -> list[Metric]:
    """What a server pod says of itself."""

    def one(value: float, *told: KeyValue) -> list[NumberDataPoint]:
        return [
            NumberDataPoint(
                start_time_unix_nano=run.zero, time_unix_nano=at, as_double=value, attributes=told
            )
        ]

    cpu_time = Sum(
        data_points=[*one(second * 0.1, pair("type", "user")), *one(second * 0.02, pair("type", "system"))],
        aggregation_temporality=CUMULATIVE,
        is_monotonic=True,
    )
    memory = Sum(data_points=one(45e6), aggregation_temporality=CUMULATIVE)
    active = Sum(data_points=one(1), aggregation_temporality=CUMULATIVE)
    return [
        Metric(name=names.METRIC_PROCESS_CPU_TIME, unit="s", sum=cpu_time),
        Metric(name=names.METRIC_PROCESS_MEMORY_USAGE, unit="By", sum=memory),
        Metric(name=names.METRIC_SERVER_ACTIVE, unit="{rpc}", sum=active),
        Metric(name=names.METRIC_SERVER_INACTIVITY_AGE, unit="s", gauge=Gauge(data_points=one(0.01))),
    ]


def metrics_of(pod: Resource, metrics: list[Metric]) -> ResourceMetrics:
    """A pod's metrics."""
    scope = InstrumentationScope(name=names.SCOPE)
    return ResourceMetrics(resource=pod, scope_metrics=[ScopeMetrics(scope=scope, metrics=metrics)])


def facts(run: MadeUpRun) -> RunFacts:
    """The run's facts: all servers from the beginning to the end."""
    scenario = load_scenario("quick").model_copy(update={"duration": run.duration})
    plan = RunPlan(scenario, [load_setting(SETTING)], Path(), run.run_id, 0, "benchmark", venue=Local())
    description = describe(plan, run.zero / NANO, this_machine("made up")).model_copy(
        update={"time_zero_unix_nano": run.zero}
    )
    return RunFacts(
        description=description,
        changes=tuple(changes(run.zero)),
        client_tallies={
            SETTING: [
                ClientTally(
                    CLIENT,
                    scheduled=run.rpcs,
                    sent=run.rpcs,
                    not_sent=0,
                    by_code={"OK": run.rpcs},
                    by_server={s: len(range(i, run.rpcs, len(SERVERS))) for i, s in enumerate(SERVERS)},
                    offered_rate=RATE,
                    achieved_rate=RATE,
                    lateness_p50=0,
                    lateness_p99=0,
                    lateness_max=0,
                )
            ]
        },
        server_tallies={
            SETTING: [
                ServerTally(server, {"OK": len(range(i, run.rpcs, len(SERVERS)))})
                for i, server in enumerate(SERVERS)
            ]
        },
    )


def changes(zero: int) -> Iterator[Change]:
    """All servers come before the load."""
    deployment = DEPLOYMENT
    yield Change(zero - 3 * NANO, 0, ChangeKind.SCALE, deployment, detail=str(len(SERVERS)))
    for stage, kind in enumerate(
        (ChangeKind.CREATED, ChangeKind.STARTED, ChangeKind.READY, ChangeKind.PUBLISHED)
    ):
        for index, server in enumerate(SERVERS):
            at = zero - 2 * NANO + stage * NANO // 10
            yield Change(at, 0, kind, deployment, server, f"127.0.1.{index + 2}:50051")
