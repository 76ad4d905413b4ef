"""Imports what every server pod needs, once, so that its fork has it at once and shares its memory.

Nothing is set up here: no channel, server, exporter or thread. gRPC and the OpenTelemetry SDK are safe to
fork as long as that holds, and a pod's SDK must see the pod's own environment, not the node's.
"""

import gc
import importlib
import logging
from pathlib import Path

from opentelemetry.util._importlib_metadata import entry_points  # the cache that auto-instrumentation reads

MODULES = (
    "asyncio",
    "runpy",
    "grpc.aio",
    "greeter.server.program",
    "opentelemetry.instrumentation.auto_instrumentation",
    "opentelemetry.sdk.metrics.export",
    "opentelemetry.sdk.trace.export",
)
GROUPS = (
    "opentelemetry_distro",
    "opentelemetry_configurator",
    "opentelemetry_instrumentor",
    "opentelemetry_context",
    "opentelemetry_propagator",
    "opentelemetry_id_generator",
    "opentelemetry_resource_detector",
    "opentelemetry_tracer_provider",
    "opentelemetry_meter_provider",
    "opentelemetry_logger_provider",
    "opentelemetry_traces_exporter",
    "opentelemetry_metrics_exporter",
    "opentelemetry_logs_exporter",
)


def preload() -> int:
    """Import, and set what was imported aside from garbage collection; returns the process's threads."""
    # A collection in a child would write to, and so copy, every page; between here and the freeze,
    # freed pages would be reused by each child for itself.
    gc.disable()
    for module in MODULES:
        importlib.import_module(module)
    for group in GROUPS:
        for entry_point in entry_points(group=group):
            try:
                entry_point.load()
            except Exception:  # a pod that needs it will say so itself
                logging.getLogger(__name__).warning("cannot import %s", entry_point.value, exc_info=True)
    gc.freeze()
    return len(list(Path("/proc/self/task").iterdir()))
