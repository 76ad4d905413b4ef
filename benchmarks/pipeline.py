"""Whether the Collector's way keeps up: spans and metrics of many pods through the real parts.

    PATH=…/jaeger,otelcol,prometheus .venv/bin/python benchmarks/pipeline.py [--rate 2000] [--seconds 30]

Target: 2,000 spans/s on two cores with nothing refused. Twenty pods send a batch of spans each
half second and a histogram each second, on a schedule that waits for no answer. Printed are what was refused
or lost on the way, how long until all was in Jaeger, and what CPU and memory each part took.
"""

import argparse
import os
import secrets
import socket
import tempfile
import time
import urllib.parse
import urllib.request
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import grpc
import psutil
from lbstudy.stack import control
from lbstudy.stack.ports import HOST, Ports
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

PODS, EVERY = 20, 0.5  # pods; s between two batches of a pod
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


def pairs(**values: str) -> list[KeyValue]:
    """Attributes; an underscore stands for a dot."""
    return [
        KeyValue(key=key.replace("_", "."), value=AnyValue(string_value=value))
        for key, value in values.items()
    ]


def resource(pod: int, run: str) -> list[KeyValue]:
    """A client pod's resource."""
    return pairs(
        service_name="greeter-client",
        service_namespace="lbstudy",
        service_instance_id=f"lbstudy.client-{pod}.client",
        k8s_pod_name=f"client-{pod}",
        k8s_namespace_name="lbstudy",
        k8s_deployment_name="client",
        lbstudy_run_id=run,
        lbstudy_setting="stock",
    )


def spans(pod: int, run: str, count: int, now: int) -> ExportTraceServiceRequest:
    """A batch of RPC spans as the instrumented client sends them."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(resource(pod, run))
    scope = group.scope_spans.add()
    for index in range(count):
        span = scope.spans.add()
        span.trace_id, span.span_id = secrets.token_bytes(16), secrets.token_bytes(8)
        span.name, span.kind = "/greeter.v1.GreeterService/SayHello", span.SPAN_KIND_CLIENT
        span.start_time_unix_nano = now + index * 1000
        span.end_time_unix_nano = span.start_time_unix_nano + 20_000_000
        span.attributes.extend(
            pairs(
                rpc_system="grpc",
                rpc_service="greeter.v1.GreeterService",
                rpc_method="SayHello",
                rpc_request_header_scheduled=str(now),
                server_k8s_pod_name=f"greeter-{index % 6}",
                network_peer_address=f"127.0.1.{index % 6}",
                grpc_lb_channel_id="0",
            )
        )
    return request


def metrics(pod: int, run: str, answered: int, began: int, now: int) -> ExportMetricsServiceRequest:
    """One histogram with a series for each of six servers."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(resource(pod, run))
    metric = group.scope_metrics.add().metrics.add()
    metric.name, metric.unit = "rpc.client.call.duration", "s"
    metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    for server in range(6):
        point = metric.histogram.data_points.add()
        point.start_time_unix_nano, point.time_unix_nano = began, now
        point.attributes.extend(pairs(server_k8s_pod_name=f"greeter-{server}", rpc_status_code="OK"))
        point.explicit_bounds.extend(BOUNDS)
        point.bucket_counts.extend([0, 0, answered, *[0] * (len(BOUNDS) - 2)])
        point.count, point.sum = answered, answered * 0.02
    return request


def own_metrics(port: int, *names: str) -> Counter[str]:
    """The Collector's own counters, summed over their labels."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found: Counter[str] = Counter()
    for line in lines:
        name = line.split("{")[0]
        if name.startswith(names):
            found[line.rpartition(" ")[0]] += int(float(line.rpartition(" ")[2]))
    return found


def stored(port: int) -> int:
    """Spans that Jaeger has stored, by its own count of what it took."""
    return sum(own_metrics(port, "otelcol_receiver_accepted_spans").values())


def free_ports() -> Ports:
    """Ports that nobody listens on."""
    sockets = [socket.create_server((HOST, 0)) for _ in fields(Ports)]
    try:
        return Ports(*(one.getsockname()[1] for one in sockets))
    finally:
        for one in sockets:
            one.close()


def send(endpoint: str, rate: int, seconds: float) -> tuple[int, int, Counter[str], float]:
    """Send on schedule; returns spans and points sent, refusals by code, and the longest answer's seconds."""
    channel = grpc.insecure_channel(endpoint)
    # opentelemetry-proto has no types for its gRPC parts.
    traces, points = TraceServiceStub(channel), MetricsServiceStub(channel)  # type: ignore[no-untyped-call]
    count, run = round(rate * EVERY / PODS), f"benchmark-{os.getpid()}"
    began, refused, slowest = time.time_ns(), Counter[str](), 0.0
    calls: list[tuple[float, Future[object]]] = []

    def export(stub: object, request: object) -> float:
        asked = time.monotonic()
        stub(request, timeout=30)  # type: ignore[operator]
        return time.monotonic() - asked

    sent_spans = sent_points = 0
    start = time.monotonic()
    with ThreadPoolExecutor(32) as pool:
        for batch in range(round(seconds / EVERY)):
            for pod in range(PODS):
                due = start + (batch + pod / PODS) * EVERY
                time.sleep(max(0.0, due - time.monotonic()))
                now = time.time_ns()
                calls.append((due, pool.submit(export, traces.Export, spans(pod, run, count, now))))
                sent_spans += count
                if batch % 2 == 0:
                    more = metrics(pod, run, (batch + 1) * count, began, now)
                    calls.append((due, pool.submit(export, points.Export, more)))
                    sent_points += 6
        for _, call in calls:
            try:
                slowest = max(slowest, float(str(call.result())))
            except grpc.RpcError as error:
                refused[str(error.code())] += 1
    return sent_spans, sent_points, refused, slowest


def main() -> None:
    """Start the parts, send, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rate", type=int, default=2000, help="spans/s (2000)")
    parser.add_argument("--seconds", type=float, default=30.0, help="for how long (30)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, ports = Path(name), free_ports()
        status, _ = control.up(folder, ports)
        try:
            processes = {part.name: psutil.Process(part.pid) for part in status.parts}
            processes["this sender"] = psutil.Process()
            before = {part: sum(one.cpu_times()[:2]) for part, one in processes.items()}
            began = time.monotonic()
            sent_spans, sent_points, refused, slowest = send(
                f"{HOST}:{ports.otlp_grpc}", options.rate, options.seconds
            )
            ended = time.monotonic()
            while stored(ports.jaeger_metrics) < sent_spans and time.monotonic() < ended + 60:
                time.sleep(0.1)
            through = time.monotonic()
            print(f"{sent_spans} spans and {sent_points} histograms in {ended - began:.1f} s")
            print(f"  {sent_spans / (ended - began):.0f} spans/s; the slowest answer took {slowest:.3f} s")
            print(f"  exports refused: {dict(refused) or 'none'}")
            found = stored(ports.jaeger_metrics)
            print(f"  spans in Jaeger: {found}, {through - ended:.1f} s after the last")
            for metric, value in own_metrics(
                ports.otelcol_metrics,
                "otelcol_receiver_refused",
                "otelcol_exporter_send_failed",
                "otelcol_exporter_enqueue_failed",
            ).items():
                print(f"  {metric.split('{')[0]} {value}") if value else None
            for part, one in processes.items():
                cpu = (sum(one.cpu_times()[:2]) - before[part]) / (through - began)
                print(f"  {part:<15} {cpu:5.2f} cores  {one.memory_info().rss / 1e6:6.0f} MB")
        finally:
            control.down(folder)


if __name__ == "__main__":
    main()
