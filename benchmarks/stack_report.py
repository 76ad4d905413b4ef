"""How long ``lbstudy report --from stack`` takes, and what of it, for a run of so many spans.

The run is made up: its spans, metrics and facts go by OTLP through a real Collector into a real Jaeger and
Prometheus, which are started for it on free ports. Printed: how long they took to take it in, how long the
report took (the command, in a process of its own), and the CPU time of Jaeger meanwhile.

    PATH=…/otelcol,jaeger,prometheus:$PATH .venv/bin/python benchmarks/stack_report.py [SPANS]
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from subprocess import run

import grpc
import psutil
from grpc_lb_instrumentor import names
from lbstudy.backends.jaeger import Jaeger
from lbstudy.config import load_scenario, load_setting
from lbstudy.facts.model import RunFacts
from lbstudy.facts.send import send_facts
from lbstudy.observation import attributes
from lbstudy.observation.records import ClientTally, ServerTally
from lbstudy.platform.interface import Change, ChangeKind
from lbstudy.run.describe import describe
from lbstudy.run.plan import RunPlan
from lbstudy.run.specs import client_deployment, server_deployment
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

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.stack.parts import Stack

LBSTUDY = str(Path(sys.executable).with_name("lbstudy"))
RUN_ID = "benchmark"
SETTING = "stock"
SERVERS = [f"greeter-stock-{i}" for i in range(10)]
CLIENT = "client-stock-0"
RATE = 500  # RPC/s
NANO = 1_000_000_000
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


def main() -> None:
    """Make the run, read it, print."""
    spans = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "stack")
        try:
            stack.start()
            measure(stack, spans, Path(folder))
        finally:
            stack.close()


def measure(stack: Stack, spans: int, folder: Path) -> None:
    """The benchmark itself."""
    rpcs = spans // 2
    duration = rpcs / RATE
    zero = time.time_ns() - round(duration * NANO) - 5 * NANO
    begun = time.perf_counter()
    send(stack, rpcs, duration, zero, folder)
    waited = wait_until_there(stack, zero, round(duration * NANO), rpcs)
    print(f"{2 * rpcs} spans taken in: {time.perf_counter() - begun:.1f} s ({waited} looks)")
    jaeger = psutil.Process(stack.pid("jaeger"))
    children = getrusage(RUSAGE_CHILDREN).ru_utime
    for number in range(1, 4):
        before, begun = cpu(jaeger), time.perf_counter()
        command = [LBSTUDY, "report", "--from", "stack", "--run", RUN_ID, "--out", str(folder / "out")]
        urls = ["--jaeger", stack.jaeger, "--prometheus", stack.prometheus]
        done = run([*command, *urls], capture_output=True, text=True, check=False)
        took, of_jaeger = time.perf_counter() - begun, cpu(jaeger) - before
        own, children = children, getrusage(RUSAGE_CHILDREN).ru_utime
        print(
            f"report {number}: {took:.1f} s; CPU: its own {children - own:.1f} s,"
            f" Jaeger's {of_jaeger:.1f} s; exit {done.returncode}"
        )
        if done.returncode:
            print(done.stderr[-2000:])


def cpu(process: psutil.Process) -> float:
    """CPU seconds so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def send(stack: Stack, rpcs: int, duration: float, zero: int, folder: Path) -> None:
    """Everything that a run sends."""
    with grpc.insecure_channel(stack.otlp_grpc.removeprefix("http://")) as channel:
        traces = TraceServiceStub(channel)  # type: ignore[no-untyped-call]  # opentelemetry-proto has no types
        for first in range(0, rpcs, 500):
            traces.Export(rpc_spans(range(first, min(first + 500, rpcs)), zero), timeout=60)
        metrics = MetricsServiceStub(channel)  # type: ignore[no-untyped-call]  # the same
        for second in range(int(duration) + 2):
            metrics.Export(points(second, rpcs, zero), timeout=60)
    send_facts(facts(rpcs, duration, zero, folder), stack.otlp_grpc)


def wait_until_there(stack: Stack, zero: int, duration: int, rpcs: int) -> int:
    """Until Jaeger has all of it; returns how often it was asked for the last second's traces."""
    looks = 0
    jaeger = Jaeger(stack.jaeger)
    while True:
        looks += 1
        found = list(jaeger.traces(zero + duration - NANO, zero + duration + NANO))
        if sum(len(groups) for groups in found) >= 2 * min(RATE, rpcs):
            return looks
        time.sleep(0.2)


def pair(key: str, value: str | int) -> KeyValue:
    """An attribute."""
    told = AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)
    return KeyValue(key=key, value=told)


def resource(service: str, pod: str, deployment: str) -> Resource:
    """A pod's resource, as long as a real one's."""
    values = {
        attributes.SERVICE_NAME: service,
        "service.namespace": "lbstudy",
        "service.instance.id": f"lbstudy.{pod}.container",
        attributes.POD_NAME: pod,
        "k8s.namespace.name": "lbstudy",
        "k8s.deployment.name": deployment,
        attributes.RUN_ID: RUN_ID,
        attributes.SETTING: SETTING,
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.45.2",
        "telemetry.auto.version": "0.66b2",
    }
    return Resource(attributes=[pair(key, value) for key, value in values.items()])


def rpc_spans(numbers: range, zero: int) -> ExportTraceServiceRequest:
    """The client's and the servers' spans of these RPCs."""
    scope = InstrumentationScope(name="opentelemetry.instrumentation.grpc", version="0.66b2")
    client = ResourceSpans(
        resource=resource(attributes.SERVICE_CLIENT, CLIENT, client_deployment(SETTING)),
        scope_spans=[ScopeSpans(scope=scope, spans=[client_span(n, zero) for n in numbers])],
    )
    servers = [
        ResourceSpans(
            resource=resource(attributes.SERVICE_SERVER, server, server_deployment(SETTING)),
            scope_spans=[
                ScopeSpans(
                    scope=scope, spans=[server_span(n, zero) for n in numbers if n % len(SERVERS) == index]
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


def client_span(number: int, zero: int) -> Span:
    """A client's span."""
    start = zero + number * NANO // RATE
    scheduled = ArrayValue(values=[AnyValue(string_value=str(start))])
    return Span(
        trace_id=(number + 1).to_bytes(16, "big"),
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
                key=names.RPC_REQUEST_METADATA + attributes.METADATA_SCHEDULED,
                value=AnyValue(array_value=scheduled),
            ),
        ],
    )


def server_span(number: int, zero: int) -> Span:
    """A server's span."""
    start = zero + number * NANO // RATE + 1_000_000
    return Span(
        trace_id=(number + 1).to_bytes(16, "big"),
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


def points(second: int, rpcs: int, zero: int) -> ExportMetricsServiceRequest:
    """What the pods export in a second of the load."""
    at = zero + second * NANO + NANO // 2
    done = min(rpcs, round((second + 0.5) * RATE))
    counts = [len(range(index, done, len(SERVERS))) for index in range(len(SERVERS))]
    client = [
        HistogramDataPoint(
            start_time_unix_nano=zero,
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
            resource(attributes.SERVICE_CLIENT, CLIENT, client_deployment(SETTING)),
            [Metric(name=names.METRIC_CLIENT_DURATION, unit="s", histogram=histogram)],
        )
    ]
    for server in SERVERS:
        pod = resource(attributes.SERVICE_SERVER, server, server_deployment(SETTING))
        groups.append(metrics_of(pod, usage(second, at, zero)))
    return ExportMetricsServiceRequest(resource_metrics=groups)


def usage(second: int, at: int, zero: int) -> list[Metric]:
    """What a server pod says of itself."""

    def one(value: float, *told: KeyValue) -> list[NumberDataPoint]:
        return [
            NumberDataPoint(start_time_unix_nano=zero, time_unix_nano=at, as_double=value, attributes=told)
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


def facts(rpcs: int, duration: float, zero: int, folder: Path) -> RunFacts:
    """The run's facts: all servers from the beginning to the end."""
    scenario = load_scenario("quick").model_copy(update={"duration": duration})
    plan = RunPlan(scenario, [load_setting(SETTING)], folder, RUN_ID, 0, "benchmark")
    description = describe(plan, zero / NANO).model_copy(update={"time_zero_unix_nano": zero})
    return RunFacts(
        description=description,
        changes=tuple(changes(zero)),
        client_tallies={
            SETTING: [
                ClientTally(
                    CLIENT,
                    scheduled=rpcs,
                    sent=rpcs,
                    not_sent=0,
                    by_code={"OK": rpcs},
                    by_server={s: len(range(i, rpcs, len(SERVERS))) for i, s in enumerate(SERVERS)},
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
                ServerTally(server, {"OK": len(range(i, rpcs, len(SERVERS)))})
                for i, server in enumerate(SERVERS)
            ]
        },
    )


def changes(zero: int) -> Iterator[Change]:
    """All servers come before the load."""
    deployment = server_deployment(SETTING)
    yield Change(zero - 3 * NANO, 0, ChangeKind.SCALE, deployment, detail=str(len(SERVERS)))
    for stage, kind in enumerate(
        (ChangeKind.CREATED, ChangeKind.STARTED, ChangeKind.READY, ChangeKind.PUBLISHED)
    ):
        for index, server in enumerate(SERVERS):
            at = zero - 2 * NANO + stage * NANO // 10
            yield Change(at, 0, kind, deployment, server, f"127.0.1.{index + 2}:50051")


if __name__ == "__main__":
    main()
