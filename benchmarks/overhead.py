"""What instrumentation costs an RPC: bare, upstream alone, upstream and ours, ours alone.

    python benchmarks/overhead.py [--turns 40] [--rpcs 50] [--stack aio --stack sync]
    python benchmarks/overhead.py --instructions

For each stack (sync, aio) and each way of being instrumented there is a pair of processes, a client and its
server, and all pairs are there at once. All but the bare one send traces and metrics to an OTLP/gRPC
receiver, in the settings of the study. They take turns of a few dozen RPCs, in an order that is drawn anew
for each round, so that whatever else the machine does falls on all of them alike. What is counted is the CPU
time of the client's and of the server's process over a round's turn and the exports after it. Printed are the
medians of the ratios of two pairs in the same round, with their 95 % intervals (bootstrap of the rounds).

With ``--instructions`` each process runs under valgrind's callgrind, which counts the instructions of all its
threads: a run of few RPCs is taken from one of many. That does not depend on what else the machine does.
"""

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_lb_instrumentor import names
from lbstudy.observation.attributes import SETTING
from lbstudy.run.environment import pod_environment
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

STACKS = ("sync", "aio")
VARIANTS = ("bare", "upstream", "both", "ours")
UPSTREAM = "grpc_client,grpc_server,grpc_aio_client,grpc_aio_server"
"""Its entry points, as OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names them."""
COMPARED = (("upstream", "bare", None), ("both", "upstream", 1.05), ("ours", "upstream", 0.85))
SIDES = ("client", "server")
PROGRAM = str(Path(__file__).with_name("overhead_pair.py"))
WARM_UP = 100  # RPCs
FEW, MANY = 50, 250  # RPCs of the two runs whose instructions are counted


class Receiver(trace_grpc.TraceServiceServicer, metrics_grpc.MetricsServiceServicer):
    """Takes OTLP and counts RPC spans by pair and side."""

    def __init__(self) -> None:
        """Count from zero."""
        self.spans: Counter[tuple[str, int]] = Counter()

    def Export(  # noqa: N802  # the name is the protocol's
        self, request: trace_pb2.ExportTraceServiceRequest, _: grpc.ServicerContext
    ) -> trace_pb2.ExportTraceServiceResponse | metrics_pb2.ExportMetricsServiceResponse:
        """Take traces or metrics; the two services' method has one name."""
        if not isinstance(request, trace_pb2.ExportTraceServiceRequest):
            return metrics_pb2.ExportMetricsServiceResponse()
        for resource in request.resource_spans:
            (pair,) = (a.value.string_value for a in resource.resource.attributes if a.key == SETTING)
            for scope in resource.scope_spans:
                self.spans.update((pair, span.kind) for span in scope.spans)
        return trace_pb2.ExportTraceServiceResponse()


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


def environment(pair: str, variant: str, side: str, endpoint: str) -> dict[str, str]:
    """Make the variables of one side's process."""
    env = {**os.environ, "POD_NAME": f"{side}-0", "POD_NAMESPACE": "bench"}
    if variant == "bare":
        return env
    told = pod_environment(
        endpoint=endpoint,
        service=f"greeter-{side}",
        deployment=side,
        setting=pair,
        run_id="bench",
        container=side,
    )
    for name, value in told.items():
        env[name] = value.replace("$(POD_NAME)", f"{side}-0").replace("$(POD_NAMESPACE)", "bench")
    del env[names.ENV_CAPTURE_METADATA]  # upstream has no such thing
    if variant == "upstream":
        env[names.ENV_DISABLED] = "true"
    elif variant == "ours":
        env["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = UPSTREAM
    return env


@dataclass
class Process:
    """A side of a pair."""

    popen: subprocess.Popen[str]

    def say(self, line: str) -> None:
        """Write a line to it."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{line}\n")
        self.popen.stdin.flush()

    def hear(self) -> str:
        """Read a line from it."""
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline().strip()
        if not line:
            raise SystemExit("a program of a pair has ended")
        return line

    def cpu(self) -> float:
        """Return seconds of user and system time, all threads, without child processes (the DNS tap).

        By the process's own clock, as clock_getcpuclockid(3) makes its number: /proc counts in 10 ms.
        """
        return time.clock_gettime(~self.popen.pid << 3 | 2)

    def end(self) -> None:
        """End it as it ends by itself: its telemetry is flushed."""
        assert self.popen.stdin is not None
        self.popen.stdin.close()
        self.popen.wait()


def start(
    pair: str, variant: str, side: str, endpoint: str, *arguments: str, before: tuple[str, ...] = ()
) -> Process:
    """Start a side."""
    agent: list[str] = []
    if variant != "bare":
        agent = [sys.executable, str(Path(sys.executable).with_name("opentelemetry-instrument"))]
    popen = subprocess.Popen(
        [*before, *agent, sys.executable, PROGRAM, side, *arguments],
        env=environment(pair, variant, side, endpoint),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return Process(popen)


@dataclass
class Pair:
    """A client and its server."""

    name: str
    client: Process
    server: Process

    def send(self, rpcs: int) -> None:
        """Have the client send some."""
        self.client.say(str(rpcs))
        self.client.hear()

    def cpu(self) -> tuple[float, float]:
        """Return the seconds of CPU that client and server took so far."""
        return self.client.cpu(), self.server.cpu()

    def end(self) -> None:
        """End both."""
        self.client.end()
        self.server.end()


def make(stack: str, variant: str, endpoint: str, before: tuple[str, ...] = ()) -> Pair:
    """Start a pair; ``before`` goes before each command."""
    name = f"{stack}-{variant}"
    server = start(name, variant, "server", endpoint, stack, before=before)
    client = start(name, variant, "client", endpoint, stack, server.hear(), before=before)
    return Pair(name, client, server)


Costs = dict[str, tuple[float, float]]
"""By variant: what an RPC costs its client and its server."""


def measure(stack: str, turns: int, rpcs: int, endpoint: str) -> list[Costs]:
    """Let the pairs of one stack take turns; returns the milliseconds of CPU per RPC in each round."""
    with ExitStack() as end:
        pairs = {}
        for variant in VARIANTS:
            pairs[variant] = make(stack, variant, endpoint)
            end.callback(pairs[variant].end)
        for pair in pairs.values():
            pair.send(WARM_UP)
        time.sleep(1.0)
        rounds = []
        before = {variant: pair.cpu() for variant, pair in pairs.items()}
        for _ in range(turns):
            for variant in random.sample(VARIANTS, len(VARIANTS)):
                pairs[variant].send(rpcs)
            time.sleep(0.6)  # the spans of all of them are exported: each 0.5 s
            after = {variant: pair.cpu() for variant, pair in pairs.items()}
            rounds.append(
                {
                    variant: (
                        1000 * (after[variant][0] - before[variant][0]) / rpcs,
                        1000 * (after[variant][1] - before[variant][1]) / rpcs,
                    )
                    for variant in VARIANTS
                }
            )
            before = after
        return rounds


def count(stack: str, variant: str, endpoint: str, folder: Path) -> tuple[float, float]:
    """Return the thousands of instructions of an RPC at its client and its server."""
    totals: dict[int, list[int]] = {}
    for rpcs in (FEW, MANY):
        out = folder / f"{stack}.{variant}.{rpcs}.%p"
        valgrind = ("valgrind", "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={out}")
        pair = make(stack, variant, endpoint, before=valgrind)
        pids = (pair.client.popen.pid, pair.server.popen.pid)
        pair.send(rpcs)
        pair.end()
        totals[rpcs] = [_total(Path(str(out).replace("%p", str(pid)))) for pid in pids]
    client, server = (
        (many - few) / (MANY - FEW) / 1000 for few, many in zip(totals[FEW], totals[MANY], strict=True)
    )
    return client, server


def _total(out: Path) -> int:
    found = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def ratio(rounds: list[Costs], above: str, below: str, side: int) -> str:
    """Return the median ratio of two variants over all rounds, with its interval."""
    found = [costs[above][side] / costs[below][side] for costs in rounds]
    draws = sorted(statistics.median(random.choices(found, k=len(found))) for _ in range(2000))
    return f"{statistics.median(found):.3f} [{draws[50]:.3f}, {draws[-51]:.3f}]"


def show(stack: str, rounds: list[Costs], unit: str) -> None:
    """Print the costs, and the ratios beside their targets."""
    print(f"\n{stack}, {unit} an RPC{'client':>12}{'server':>10}")
    for variant in VARIANTS:
        client, server = (statistics.median(costs[variant][side] for costs in rounds) for side in (0, 1))
        print(f"  {variant:24}{client:10.3f}{server:10.3f}")
    for above, below, target in COMPARED:
        told = ", ".join(f"{name} {ratio(rounds, above, below, side)}" for side, name in enumerate(SIDES))
        print(f"  {above} ÷ {below}: {told}" + (f"; target {target}" if target else ""))


def check(receiver: Receiver, stack: str, least: int) -> None:
    """See to it that what was not instrumented does not pass for cheap."""
    for variant in VARIANTS:
        for kind in (Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER):
            spans = receiver.spans[f"{stack}-{variant}", kind]
            if (spans >= least) != (variant != "bare"):
                raise SystemExit(f"{stack}, {variant}: {spans} spans of kind {kind} where {least} were due")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--turns", type=int, default=40, help="rounds of turns (40)")
    parser.add_argument("--rpcs", type=int, default=50, help="RPCs of a turn (50)")
    parser.add_argument("--stack", action="append", choices=STACKS, help="only this stack")
    parser.add_argument("--instructions", action="store_true", help="count instructions, by valgrind")
    args = parser.parse_args()
    if args.instructions and not shutil.which("valgrind"):
        raise SystemExit("valgrind is not installed")
    with receiving() as (endpoint, receiver), tempfile.TemporaryDirectory() as folder:
        for stack in args.stack or STACKS:
            if args.instructions:
                costs = {variant: count(stack, variant, endpoint, Path(folder)) for variant in VARIANTS}
                check(receiver, stack, FEW + MANY)
                show(stack, [costs], "thousands of instructions")
            else:
                rounds = measure(stack, args.turns, args.rpcs, endpoint)
                check(receiver, stack, WARM_UP + args.turns * args.rpcs)
                show(stack, rounds, "ms of CPU")


if __name__ == "__main__":
    main()
