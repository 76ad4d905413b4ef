"""Runs a program of the lab with the instrumentor on; at its end writes what was seen to a file.

python instrumented.py FILE PROGRAM ARGUMENTS…
"""

import json
import logging
import os
import runpy
import sys
from typing import Any

from grpc_lb_instrumentor import GrpcLbInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

warnings: list[str] = []


class Warn(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            warnings.append(record.getMessage())


file, program = sys.argv[1:3]
sys.argv = sys.argv[2:]
logging.getLogger("grpc_lb_instrumentor").addHandler(Warn())
exporter = InMemorySpanExporter()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(exporter))
meters = MeterProvider(shutdown_on_exit=False)
before = os.getpid()
GrpcLbInstrumentor().instrument(tracer_provider=provider, meter_provider=meters)
try:
    runpy.run_path(program, run_name="__main__")
finally:
    GrpcLbInstrumentor().uninstrument()
    spans: list[dict[str, Any]] = [
        {"name": span.name, **dict(span.attributes or {})} for span in exporter.get_finished_spans()
    ]
    with open(file, "w", encoding="utf-8") as seen:  # noqa: PTH123 - as short as it gets
        json.dump({"spans": spans, "warnings": warnings}, seen)
