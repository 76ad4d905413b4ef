"""CPU per RPC of a client and a server: bare, stock OpenTelemetry, and with our instrumentor.

    python benchmarks/overhead.py [--rate 100] [--duration 10] [--rounds 8]

The three run side by side, several times over, at the same rate; all but the bare one send traces and
metrics to an OTLP/gRPC receiver, in the settings of the study. What is counted is user and system
time of the client's and of the server's process, in a window within the load, per RPC that was due in it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_lb_instrumentor import names
from lbstudy.run.environment import pod_environment
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc

VARIANTS = ("bare", "stock", "ours")
LEAD = 3.0  # s, from a client's start to its load's: imports, connecting
MARGIN = 0.5  # s of the load left out at either end
TARGET = 1.05  # ours ÷ stock


class Receiver(trace_grpc.TraceServiceServicer, metrics_grpc.MetricsServiceServicer):
    """Takes OTLP and counts spans."""

    def __init__(self) -> None:
        """Count from zero."""
        self.spans = 0

    def Export(  # noqa: N802  # the name is the protocol's
        self, request: trace_pb2.ExportTraceServiceRequest, _: grpc.ServicerContext
    ) -> trace_pb2.ExportTraceServiceResponse | metrics_pb2.ExportMetricsServiceResponse:
        """Take traces or metrics; the two services' method has one name."""
        if not isinstance(request, trace_pb2.ExportTraceServiceRequest):
            return metrics_pb2.ExportMetricsServiceResponse()
        for resource in request.resource_spans:
            self.spans += sum(len(scope.spans) for scope in resource.scope_spans)
        return trace_pb2.ExportTraceServiceResponse()


@dataclass(frozen=True)
class Cost:
    """CPU per RPC in milliseconds."""

    client: float
    server: float


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
            setting="bench",
            run_id="bench",
            container=side,
        )
        for name, value in told.items():
            env[name] = value.replace("$(POD_NAME)", f"{side}-0").replace("$(POD_NAMESPACE)", "bench")
    if variant == "stock":
        env[names.ENV_DISABLED] = "true"
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
    """Return seconds of user and system time, all threads, without child processes (the DNS tap)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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


def measure(order: list[str], rate: float, duration: float, endpoint: str) -> dict[str, Cost]:
    """Run a client and a server of each variant for ``duration`` seconds, all at once.

    So whatever else the machine does, and its clock, weighs on all of them alike.
    """
    servers = {variant: start(variant, "server", endpoint, "--address", "127.0.0.1:0") for variant in order}
    addresses = {variant: str(event(server, "serving")["address"]) for variant, server in servers.items()}
    begin = time.time() + LEAD
    load = ("--rate", str(rate), "--start-at", str(begin), "--duration", str(duration))
    pairs = [
        Pair(variant, servers[variant], start(variant, "client", endpoint, "--target", address, *load))
        for variant, address in addresses.items()
    ]
    try:
        window = duration - 2 * MARGIN
        time.sleep(begin + MARGIN - time.time())
        before = [pair.cpu() for pair in pairs]
        time.sleep(begin + MARGIN + window - time.time())
        after = [pair.cpu() for pair in pairs]
        for pair in pairs:
            tally = event(pair.client, "finished")["tally"]
            assert isinstance(tally, dict)
            if tally["by_code"] != {"OK": tally["scheduled"]}:
                print(f"  {pair.variant}: not all RPCs were sent and answered: {tally['by_code']}")
    finally:
        for pair in pairs:
            pair.end()
    per_rpc = 1000 / (rate * window)
    return {
        pair.variant: Cost((late[0] - early[0]) * per_rpc, (late[1] - early[1]) * per_rpc)
        for pair, early, late in zip(pairs, before, after, strict=True)
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rate", type=float, default=100.0, help="RPC/s of each client (100)")
    parser.add_argument("--duration", type=float, default=10.0, help="seconds of load in a round (10)")
    parser.add_argument("--rounds", type=int, default=8, help="rounds (8)")
    args = parser.parse_args()

    costs: dict[str, list[Cost]] = {variant: [] for variant in VARIANTS}
    with receiving() as (endpoint, receiver):
        for number in range(args.rounds):
            first = number % len(VARIANTS)
            order = [*VARIANTS[first:], *VARIANTS[:first]]
            seen = receiver.spans
            found = measure(order, args.rate, args.duration, endpoint)
            for variant, cost in found.items():
                costs[variant].append(cost)
            told = ", ".join(f"{v} {found[v].client:.3f}/{found[v].server:.3f}" for v in VARIANTS)
            print(f"round {number + 1}: client/server ms {told}; {receiver.spans - seen} spans", flush=True)

    print(f"\nCPU per RPC at {args.rate:g} RPC/s, median of {args.rounds} rounds (ms)")
    print(f"{'':8}{'client':>9}{'server':>9}")
    for variant in VARIANTS:
        cost = median(costs[variant])
        print(f"{variant:8}{cost.client:9.3f}{cost.server:9.3f}")
    for above, below in (("stock", "bare"), ("ours", "stock")):
        ratio = median(
            [
                Cost(one.client / other.client, one.server / other.server)
                for one, other in zip(costs[above], costs[below], strict=True)
            ]
        )
        print(
            f"{above} ÷ {below}, median over the rounds: client {ratio.client:.3f}, server {ratio.server:.3f}"
        )
    print(f"target: ours ÷ stock at most {TARGET}")


def median(costs: list[Cost]) -> Cost:
    """Return the median of each side."""
    return Cost(statistics.median(c.client for c in costs), statistics.median(c.server for c in costs))


if __name__ == "__main__":
    main()
