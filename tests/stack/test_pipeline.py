"""The real parts with the repository's configuration."""

import json
import time
import urllib.parse
import urllib.request
from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.stack.parts import GUARD, Stack


def get(url: str, **query: str) -> Any:  # noqa: ANN401 - JSON
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(query)}", timeout=GUARD) as answer:
        return json.load(answer)


def test_a_span_sent_to_the_collector_is_found_in_jaeger(stack: Stack) -> None:
    provider = TracerProvider(resource=Resource({"service.name": "pipeline-test"}))
    provider.add_span_processor(
        SimpleSpanProcessor(OTLPSpanExporter(endpoint=stack.otlp_grpc, insecure=True))
    )
    with provider.get_tracer("test").start_as_current_span("hello") as span:
        trace_id = f"{span.get_span_context().trace_id:032x}"
    provider.shutdown()

    until = time.monotonic() + GUARD
    while time.monotonic() < until:
        if "pipeline-test" in get(f"{stack.jaeger}/api/v3/services").get("services", []):
            break
        time.sleep(0.05)
    found = get(f"{stack.jaeger}/api/v3/traces/{trace_id}")
    assert found["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] == "hello"
