"""Imports what every server pod needs, once: forks then have it at once, and share its memory.

It sets nothing up: no channel, server, exporter or thread. gRPC and the OpenTelemetry SDK are safe to fork
only then, and a pod's SDK must see the pod's own environment, not the node's.
"""

import gc
import importlib
import logging
from collections.abc import Sequence
from pathlib import Path

# its cache is what auto-instrumentation reads
from opentelemetry.util._importlib_metadata import entry_points

# What every instrumented server in Python needs.
MODULES = (
    "asyncio",
    "runpy",
    "grpc.aio",
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


def preload(modules: Sequence[str]) -> int:
    """Import, and exclude what was imported from garbage collection; returns the process's threads.

    Args:
        modules: the modules of the programs that pods run as forks; without any, nothing is imported.
    """
    if not modules:
        return _threads()
    # A collection in a child would write to, and so copy, every page. Pages freed between here and the freeze
    # would be reused, and so copied, by each child.
    gc.disable()
    for module in (*MODULES, *modules):
        importlib.import_module(module)
    for group in GROUPS:
        for entry_point in entry_points(group=group):
            try:
                entry_point.load()
            except Exception:  # a pod that needs it reports the error itself
                logging.getLogger(__name__).warning("cannot import %s", entry_point.value, exc_info=True)
    gc.freeze()
    return _threads()


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))
