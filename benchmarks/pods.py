"""How soon many pods are Ready, and what memory each takes.

    .venv/bin/python benchmarks/pods.py [--pods 100] [--bare]

Target: 100 pods Ready within 15 s on two cores, at most 40 MB PSS each. The pods are instrumented
and export to an endpoint at which nobody listens, unless ``--bare`` is given.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from lbstudy.config import load_subject
from lbstudy.platform.interface import ChangeKind, ServerSpec
from lbstudy.platform.local.platform import LocalPlatform
from lbstudy.run.specs import server_program

SERVER = server_program(load_subject())

INSTRUMENTED = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",  # discard: closed
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    "OTEL_SERVICE_NAME": "greeter-server",
    "OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=$(POD_NAME)",
}


def pss(pid: int) -> float:
    """A process's proportional set size, MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1000 * 1.024
    raise RuntimeError("the kernel tells no Pss")


async def measure(pods: int, env: dict[str, str]) -> None:
    """Start the pods, wait until all are Ready, print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        platform = LocalPlatform(Path(folder), seed=0, preload=[SERVER.preload])
        began = time.monotonic()
        await platform.start()
        prepared = time.monotonic()
        try:
            await platform.create_servers(
                ServerSpec("greeter-bench", pods, 0.02, 0, 1, env=env, program=SERVER)
            )
            ready: list[float] = []
            async for change in platform.changes():
                if change.kind == ChangeKind.EXITED:
                    print(f"{change.pod} exited with {change.detail}")
                if change.kind == ChangeKind.READY:
                    ready.append(time.monotonic() - prepared)
                    if len(ready) == pods:
                        break
            pids = [platform.pid(pod) for pod in platform.pods("greeter-bench")]
            sizes = sorted(pss(pid) for pid in pids if pid is not None)
            cpu = [sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids if pid is not None]
            threads = [psutil.Process(pid).num_threads() for pid in pids if pid is not None]
        finally:
            await platform.aclose()
    ended = time.monotonic()
    print(f"node and DNS server prepared    {prepared - began:8.2f} s")
    print(f"{pods} pods Ready (all)            {ready[-1]:8.2f} s")
    print(f"half of them Ready              {ready[len(ready) // 2]:8.2f} s")
    print(f"CPU of a pod until then, median {statistics.median(cpu):8.3f} s")
    print(f"PSS of a pod, median            {statistics.median(sizes):8.1f} MB")
    print(f"PSS of a pod, largest           {sizes[-1]:8.1f} MB")
    print(f"threads of a pod, median        {statistics.median(threads):8.0f}")
    print(f"all told, with the end          {ended - began:8.2f} s")


def main() -> None:
    """Measure with the arguments of the command line."""
    parser = argparse.ArgumentParser(description="Time to Ready and memory of many pods.")
    parser.add_argument("--pods", type=int, default=100)
    parser.add_argument("--bare", action="store_true", help="without instrumentation")
    args = parser.parse_args()
    asyncio.run(measure(args.pods, {} if args.bare else INSTRUMENTED))


if __name__ == "__main__":
    main()
