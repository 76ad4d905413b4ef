"""Instruments, opens channels and uninstruments, three times; prints what is there after each time.

python cycles.py TARGET
"""

import contextlib
import json
import sys
import threading
import time
from typing import Any

import grpc
import psutil
from grpc_lb_instrumentor import GrpcLbInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from tests.discovery.lab.client import PATIENCE
from tests.discovery.lab.outcome import taps_of
from tests.discovery.lab.program import call

target = sys.argv[1]
this = psutil.Process()
FIRST = this.num_fds()  # before there is a channel
providers = {"tracer_provider": TracerProvider(), "meter_provider": MeterProvider()}


def cycle(most: int, threads: list[str], patience: float, *, instrumented: bool) -> dict[str, Any]:
    """What is there after one, once it is no more than this, or else after so many seconds."""
    if instrumented:
        GrpcLbInstrumentor().instrument(**providers)
    channel = grpc.insecure_channel(target)
    call(channel)
    taps = taps_of(this.pid)
    channel.close()
    if instrumented:
        GrpcLbInstrumentor().uninstrument()
    for tap in taps:  # on a busy machine it is only being ended
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(tap).wait(PATIENCE)
    for thread in threading.enumerate():
        if thread.name.startswith("grpc-lb"):
            thread.join(PATIENCE)
    settle(most, threads, patience)
    return {
        "taps": len(taps),
        "taps left": len(taps_of(this.pid)),
        "threads": names_of_threads(),
        "descriptors": this.num_fds(),
    }


def names_of_threads() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate())


def settle(most: int, threads: list[str], patience: float) -> None:
    """gRPC closes the last channel's descriptors on a thread of its own, after close() has returned."""
    end = time.monotonic() + patience
    while (this.num_fds() > most or names_of_threads() != threads) and time.monotonic() < end:
        time.sleep(0.01)


# gRPC may keep some for good; then this is not waited for for long.
bare = cycle(FIRST, names_of_threads(), 10, instrumented=False)
told = [cycle(bare["descriptors"], bare["threads"], PATIENCE / 4, instrumented=True) for _ in range(3)]
sys.stdout.write(json.dumps([bare, *told]) + "\n")
