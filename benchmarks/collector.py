"""Whether a run's whole way keeps up: pods → the run's receiver and store → forwarder → Collector → Jaeger.

    PATH=…/jaeger,otelcol,prometheus .venv/bin/python benchmarks/collector.py [--rate 2000] [--seconds 30]

Twenty pods, in a process of their own, send as benchmarks/pipeline.py does; first to a receiver that only
stores, then to one that sends on as well. Printed are what was refused or lost on the way, how long the end
took, and what CPU each part took: the difference between the two is what sending on costs the study.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))  # the sender is that of another benchmark

from lbstudy.stack import control
from lbstudy.stack.ports import HOST
from lbstudy.store.database import RunStore
from lbstudy.store.forward import ForwardedCounts, Forwarder
from lbstudy.store.receiver import Receiver

from benchmarks.pipeline import free_ports, send, stored

Sent = tuple[int, int, Counter[str], float]


@dataclass(frozen=True)
class Outcome:
    """What became of one load."""

    sent: Sent
    forwarded: ForwardedCounts | None
    closing: float  # s, from the last answer to the forwarder's end
    cores: Mapping[str, float]  # program → CPU while it was sent
    stored: int  # spans, in the run's own store


def cpu(processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    """CPU seconds so far."""
    return {name: sum(one.cpu_times()[:2]) for name, one in processes.items()}


def load(
    folder: Path, rate: int, seconds: float, collector: str | None, parts: Mapping[str, psutil.Process]
) -> Outcome:
    """Send to a receiver for so long; it sends on to the Collector, if there is one."""
    store = RunStore.create(folder / f"{'on' if collector else 'stored'}.duckdb")
    forwarder = None if collector is None else Forwarder(collector)
    receiver = Receiver(store, forward=forwarder)
    endpoint = receiver.start().removeprefix("http://")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pods:
        pods.submit(time.time).result()  # it is up, and has imported what it needs
        processes = {"the study": psutil.Process(), **parts}
        before, began = cpu(processes), time.monotonic()
        sent: Sent = pods.submit(send, endpoint, rate, seconds).result()
        took = time.monotonic() - began
        after = cpu(processes)
    receiver.stop()
    ended = time.monotonic()
    forwarded = None if forwarder is None else forwarder.close()
    closing = time.monotonic() - ended
    count = int(store.query("SELECT count(*) FROM spans")[0][0])
    store.close()
    return Outcome(
        sent, forwarded, closing, {name: (after[name] - before[name]) / took for name in processes}, count
    )


def show(title: str, found: Outcome) -> None:
    """Print one outcome."""
    spans, points, refused, slowest = found.sent
    print(f"{title}: {spans} spans, {points} histograms")
    print(f"  refused by the receiver: {dict(refused) or 'none'}; its slowest answer took {slowest:.2f} s")
    print(f"  spans in the store: {found.stored}")
    if found.forwarded is not None:
        for what, count in (("spans", found.forwarded.spans), ("histograms", found.forwarded.points)):
            print(f"  {what} that the Collector took: {count.sent}, lost: {dict(count.lost) or 'none'}")
        print(f"  the end took {found.closing:.2f} s")
    for name, cores in found.cores.items():
        print(f"  {name:<15} {cores:5.2f} cores")


def main() -> None:
    """Start the parts, send, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rate", type=int, default=2000, help="spans/s (2000)")
    parser.add_argument("--seconds", type=float, default=30.0, help="for how long (30)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, ports = Path(name), free_ports()
        show("stored only", load(folder, options.rate, options.seconds, None, {}))
        status, _ = control.up(folder, ports)
        try:
            parts = {part.name: psutil.Process(part.pid) for part in status.parts}
            collector = f"http://{HOST}:{ports.otlp_grpc}"
            found = load(folder, options.rate, options.seconds, collector, parts)
            show("sent on", found)
            until = time.monotonic() + 60
            while stored(ports.jaeger_metrics) < found.sent[0] and time.monotonic() < until:
                time.sleep(0.1)
            print(f"  spans in Jaeger: {stored(ports.jaeger_metrics)}")
        finally:
            control.down(folder)


if __name__ == "__main__":
    main()
