"""Through ``opentelemetry-instrument``, in processes of their own, to a real OTLP receiver."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_lb_instrumentor import names
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.programs import Process

RPCS = 20


class Receiver:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.metrics: set[str] = set()
        self.lock = threading.Lock()

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ANN401, N802  # OTLP's
        with self.lock:
            if isinstance(request, trace_pb2.ExportTraceServiceRequest):
                for resource in request.resource_spans:
                    for scope in resource.scope_spans:
                        self.spans += scope.spans
                return trace_pb2.ExportTraceServiceResponse()
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    self.metrics |= {metric.name for metric in scope.metrics}
            return metrics_pb2.ExportMetricsServiceResponse()


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    receiver = Receiver()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_grpc.add_TraceServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]  # generated
    metrics_grpc.add_MetricsServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield receiver, f"http://127.0.0.1:{port}"
    server.stop(None).wait()


def start(side: str, endpoint: str, *arguments: str) -> Process:
    env = {
        **os.environ,
        "POD_NAME": f"{side}-0",
        "OTEL_SERVICE_NAME": side,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_PYTHON_SYSTEM_METRICS_EXCLUDED_METRICS": "system.*,cpython.*,process.runtime.*,"
        "process.context_switches,process.cpu.utilization,process.disk.io,process.memory.virtual,"
        "process.open_file_descriptor.count,process.thread.count",
    }
    for name in (names.ENV_RESOLVER_DISABLED, names.ENV_SUBCHANNEL_DISABLED):
        env.pop(name, None)  # both halves together, as users have them
    agent = str(Path(sys.executable).with_name("opentelemetry-instrument"))
    return Process(
        [agent, sys.executable, "-m", f"greeter.{side}", *arguments],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )


def event(process: Process, name: str) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        told: dict[str, Any] = json.loads(line)
        if told["event"] == name:
            return told
    raise AssertionError(f"ended without {name}")


def test_plain_programs_are_instrumented_by_environment_alone(receiver: tuple[Receiver, str]) -> None:
    received, endpoint = receiver
    with start("server", endpoint, "--address", "127.0.0.1:0", "--work", "0.001") as server:
        address = event(server, "serving")["address"]
        with start("client", endpoint, "--target", address, "--rate", "20", "--duration", "1") as client:
            tally = event(client, "finished")["tally"]
            assert client.wait(60) == 0
        server.terminate()
        stopped = event(server, "stopped")
        assert server.wait(60) == 0
    assert tally["by_server"] == {"server-0": RPCS}
    assert stopped["answered"] == {"OK": RPCS}
    for kind in (Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER):
        spans = [span for span in received.spans if span.kind == kind]
        assert len(spans) == RPCS
        for span in spans:
            attributes = {item.key: item.value for item in span.attributes}
            assert attributes[names.SERVER_POD].string_value == "server-0"
    assert received.metrics >= {
        names.METRIC_CLIENT_DURATION,
        names.METRIC_SERVER_DURATION,
        names.METRIC_SERVER_ACTIVE,
        names.METRIC_SERVER_INACTIVITY_AGE,
    }
    assert {name for name in received.metrics if name.startswith(("process.", "system.", "cpython."))} == {
        names.METRIC_PROCESS_CPU_TIME,
        names.METRIC_PROCESS_MEMORY_USAGE,
    }
