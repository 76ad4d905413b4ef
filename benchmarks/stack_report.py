"""How long ``lbstudy report --from stack`` takes, and what of it, for a run of so many spans.

The run is made up: its spans, metrics and facts go by OTLP through a real Collector into a real Jaeger and
Prometheus, which are started for it on free ports. Printed: how long they took to take it in, how long the
report took (the command, in a process of its own), and the CPU time of Jaeger meanwhile.

    PATH=…/otelcol,jaeger,prometheus:$PATH .venv/bin/python benchmarks/stack_report.py [SPANS]
"""

import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from subprocess import run

import psutil
from lbstudy.backends.jaeger import Jaeger

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.backends.made_up import NANO, RATE, MadeUpRun
from tests.stack.parts import Stack

LBSTUDY = str(Path(sys.executable).with_name("lbstudy"))
RUN_ID = "benchmark"


def main() -> None:
    """Make the run, read it, print."""
    spans = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "stack")
        try:
            stack.start()
            measure(stack, spans, Path(folder))
        finally:
            stack.close()


def measure(stack: Stack, spans: int, folder: Path) -> None:
    """The benchmark itself."""
    rpcs = spans // 2
    made_up = MadeUpRun(RUN_ID, rpcs, time.time_ns() - (rpcs // RATE + 5) * NANO)
    begun = time.perf_counter()
    made_up.send_spans(stack.otlp_grpc)
    made_up.send_metrics(stack.otlp_grpc)
    made_up.send_facts(stack.otlp_grpc)
    wait_until_there(Jaeger(stack.jaeger), made_up)
    print(f"{2 * rpcs} spans taken in: {time.perf_counter() - begun:.1f} s")
    jaeger = psutil.Process(stack.pid("jaeger"))
    children = getrusage(RUSAGE_CHILDREN).ru_utime
    for number in range(1, 4):
        before, begun = cpu(jaeger), time.perf_counter()
        command = [LBSTUDY, "report", "--from", "stack", "--run", RUN_ID, "--out", str(folder / "out")]
        urls = ["--jaeger", stack.jaeger, "--prometheus", stack.prometheus]
        done = run([*command, *urls], capture_output=True, text=True, check=False)
        took, of_jaeger = time.perf_counter() - begun, cpu(jaeger) - before
        own, children = children, getrusage(RUSAGE_CHILDREN).ru_utime
        print(
            f"report {number}: {took:.1f} s; CPU: its own {children - own:.1f} s,"
            f" Jaeger's {of_jaeger:.1f} s; exit {done.returncode}"
        )
        if done.returncode:
            print(done.stderr[-2000:])


def cpu(process: psutil.Process) -> float:
    """CPU seconds so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def wait_until_there(jaeger: Jaeger, made_up: MadeUpRun) -> None:
    """Wait until Jaeger has all of the last second's traces."""
    end = made_up.zero + round(made_up.duration * NANO)
    while sum(len(groups) for groups in jaeger.traces(end - NANO, end)) < 2 * min(RATE, made_up.rpcs):
        time.sleep(0.2)


if __name__ == "__main__":
    main()
