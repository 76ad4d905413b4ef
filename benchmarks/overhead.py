"""CPU per RPC of a client and a server: bare, stock OpenTelemetry, and with our instrumentor.

    python benchmarks/overhead.py [--rate 100] [--duration 21] [--rounds 6]

All run side by side, several times over, at the same rate; all but the bare one send traces and metrics to an
OTLP/gRPC receiver, in the settings of the study. *ours* is the instrumentor as it comes; *study* is what the
study's pods run, where the client's spans tell a request metadata too. What is counted is the CPU time of the
client's and of the server's process, per RPC, in windows of two seconds: a ratio compares two variants in the
same window, as the machine's pace changes by more than what is to be seen. Printed is the median of these
ratios and its 95 % interval (bootstrap of the rounds, as what differs between two starts of a process is in
each window of a round).
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import grpc
from grpc_lb_instrumentor import names
from lbstudy.observation.attributes import SETTING
from lbstudy.run.environment import pod_environment
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc

VARIANTS = ("bare", "stock", "ours", "study")
COMPARED = (("stock", "bare"), ("ours", "stock"), ("study", "stock"))
LEAD = 3.0  # s, from a client's start to its load's: imports, connecting
MARGIN = 0.5  # s of the load left out at either end
WINDOW = 2.0  # s: whole periods of the exports of metrics, one a second
TARGET = 1.05  # ours ÷ stock


class Receiver(trace_grpc.TraceServiceServicer, metrics_grpc.MetricsServiceServicer):
    """Takes OTLP and counts spans by variant."""

    def __init__(self) -> None:
        """Count from zero."""
        self.spans: Counter[str] = Counter()

    def Export(  # noqa: N802  # the name is the protocol's
        self, request: trace_pb2.ExportTraceServiceRequest, _: grpc.ServicerContext
    ) -> trace_pb2.ExportTraceServiceResponse | metrics_pb2.ExportMetricsServiceResponse:
        """Take traces or metrics; the two services' method has one name."""
        if not isinstance(request, trace_pb2.ExportTraceServiceRequest):
            return metrics_pb2.ExportMetricsServiceResponse()
        for resource in request.resource_spans:
            (variant,) = (a.value.string_value for a in resource.resource.attributes if a.key == SETTING)
            self.spans[variant] += sum(
                len(scope.spans) for scope in resource.scope_spans if scope.scope.name != names.SCOPE
            )
        return trace_pb2.ExportTraceServiceResponse()


@dataclass(frozen=True)
class Cost:
    """CPU per RPC in milliseconds."""

    client: float
    server: float

    def of(self, side: str) -> float:
        """Return the cost of a side."""
        return self.client if side == "client" else self.server


@contextmanager
def receiving() -> Iterator[tuple[str, Receiver]]:
    """Run a receiver; yields its endpoint."""
    receiver = Receiver()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_grpc.add_TraceServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]  # generated
    metrics_grpc.add_MetricsServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]  # the same
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}", receiver
    server.stop(None).wait()


def environment(variant: str, side: str, endpoint: str) -> dict[str, str]:
    """Make the variables of one side's process."""
    env = {**os.environ, "POD_NAME": f"{side}-0", "POD_NAMESPACE": "bench"}
    if variant != "bare":
        told = pod_environment(
            endpoint=endpoint,
            service=f"greeter-{side}",
            deployment=side,
            setting=variant,
            run_id="bench",
            container=side,
        )
        for name, value in told.items():
            env[name] = value.replace("$(POD_NAME)", f"{side}-0").replace("$(POD_NAMESPACE)", "bench")
    if variant == "stock":
        env[names.ENV_DISABLED] = "true"
    elif variant == "ours":
        del env[names.ENV_CAPTURE_METADATA]
    return env


def start(variant: str, side: str, endpoint: str, *arguments: str) -> subprocess.Popen[str]:
    """Start the greeter's client or server."""
    agent = [] if variant == "bare" else [str(Path(sys.executable).with_name("opentelemetry-instrument"))]
    return subprocess.Popen(
        [*agent, sys.executable, "-m", f"greeter.{side}", *arguments],
        env=environment(variant, side, endpoint),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def event(process: subprocess.Popen[str], name: str) -> dict[str, object]:
    """Wait for an event of a greeter program."""
    assert process.stdout is not None
    for line in process.stdout:
        told: dict[str, object] = json.loads(line)
        if told["event"] == name:
            return told
    raise SystemExit(f"a greeter ended before it told that it {name}")


def cpu(process: subprocess.Popen[str]) -> float:
    """Return seconds of user and system time, all threads, without child processes (the DNS tap).

    By the process's own clock, as clock_getcpuclockid(3) makes its number: /proc counts in 10 ms.
    """
    return time.clock_gettime(~process.pid << 3 | 2)


@dataclass
class Pair:
    """A client and its server."""

    variant: str
    server: subprocess.Popen[str]
    client: subprocess.Popen[str]

    def cpu(self) -> tuple[float, float]:
        """Return the seconds of CPU that client and server took so far."""
        return cpu(self.client), cpu(self.server)

    def end(self) -> None:
        """End both; what is not there any more is none the worse for it."""
        for process in (self.client, self.server):
            process.terminate()
            process.wait()


def measure(order: list[str], rate: float, duration: float, endpoint: str) -> list[dict[str, Cost]]:
    """Run a client and a server of each variant for ``duration`` seconds, all at once; return the windows.

    None at all where the machine was too busy for the load: the cost of what was not sent is not known.
    """
    servers = {variant: start(variant, "server", endpoint, "--address", "127.0.0.1:0") for variant in order}
    addresses = {variant: str(event(server, "serving")["address"]) for variant, server in servers.items()}
    begin = time.time() + LEAD
    load = ("--rate", str(rate), "--start-at", str(begin), "--duration", str(duration))
    pairs = [
        Pair(variant, servers[variant], start(variant, "client", endpoint, "--target", address, *load))
        for variant, address in addresses.items()
    ]
    readings = []
    try:
        for number in range(int((duration - 2 * MARGIN) / WINDOW) + 1):
            time.sleep(max(0.0, begin + MARGIN + number * WINDOW - time.time()))
            readings.append([pair.cpu() for pair in pairs])
        for pair in pairs:
            tally = event(pair.client, "finished")["tally"]
            assert isinstance(tally, dict)
            if tally["by_code"].get("OK", 0) < 0.99 * tally["scheduled"]:
                print(f"  left out: {pair.variant} had {tally['by_code']} of {tally['scheduled']} RPCs")
                readings.clear()
    finally:
        for pair in pairs:
            pair.end()
    per_rpc = 1000 / (rate * WINDOW)
    return [
        {
            pair.variant: Cost((late[0] - early[0]) * per_rpc, (late[1] - early[1]) * per_rpc)
            for pair, early, late in zip(pairs, before, after, strict=True)
        }
        for before, after in pairwise(readings)
    ]


def ratios(rounds: list[list[dict[str, Cost]]], above: str, below: str, side: str) -> str:
    """Return the median ratio of two variants over all windows, with its interval."""
    found = [[w[above].of(side) / w[below].of(side) for w in windows] for windows in rounds]
    draws = sorted(
        statistics.median(ratio for windows in random.choices(found, k=len(found)) for ratio in windows)
        for _ in range(2000)
    )
    middle = statistics.median(ratio for windows in found for ratio in windows)
    return f"{middle:.3f} [{draws[50]:.3f}, {draws[-51]:.3f}]"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rate", type=float, default=100.0, help="RPC/s of each client (100)")
    parser.add_argument("--duration", type=float, default=21.0, help="seconds of load in a round (21)")
    parser.add_argument("--rounds", type=int, default=6, help="rounds (6)")
    args = parser.parse_args()

    rounds: list[list[dict[str, Cost]]] = []
    with receiving() as (endpoint, receiver):
        for number in range(args.rounds):
            first = number % len(VARIANTS)
            receiver.spans.clear()
            windows = measure([*VARIANTS[first:], *VARIANTS[:first]], args.rate, args.duration, endpoint)
            if not windows:
                continue
            sent = 2 * round(args.rate * args.duration)
            for variant in VARIANTS:
                # What was not instrumented must not pass for cheap.
                if (receiver.spans[variant] > sent / 2) != (variant != "bare"):
                    raise SystemExit(f"{variant}: {receiver.spans[variant]} spans where {sent} were due")
            rounds.append(windows)
            told = ", ".join(
                f"{v} {median(windows, v, 'client'):.3f}/{median(windows, v, 'server'):.3f}" for v in VARIANTS
            )
            print(f"round {number + 1}: client/server ms {told}", flush=True)

    if not rounds:
        raise SystemExit("the machine is too busy for this rate")
    every = [window for windows in rounds for window in windows]
    print(f"\nCPU per RPC at {args.rate:g} RPC/s, median of {len(every)} windows (ms)")
    print(f"{'':8}{'client':>9}{'server':>9}")
    for variant in VARIANTS:
        print(f"{variant:8}{median(every, variant, 'client'):9.3f}{median(every, variant, 'server'):9.3f}")
    for above, below in COMPARED:
        told = ", ".join(f"{side} {ratios(rounds, above, below, side)}" for side in ("client", "server"))
        print(f"{above} ÷ {below}: {told}")
    print(f"target: ours ÷ stock at most {TARGET}")


def median(windows: list[dict[str, Cost]], variant: str, side: str) -> float:
    """Return the median cost of a side of a variant."""
    return statistics.median(window[variant].of(side) for window in windows)


if __name__ == "__main__":
    main()
