"""How well the open loop keeps its schedule.

    .venv/bin/python benchmarks/schedule.py [--rate 500] [--clients 4] [--servers 3] [--seconds 15]

Target: at 500 RPC/s in all on two cores at least 99.9 % are sent, with a p99 lateness of at most 5 ms: once
bare, and once instrumented, with exporters whose endpoint nobody listens at.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

from lbstudy.config import load_subject
from lbstudy.platform.interface import ChangeKind, ClientSpec, ServerSpec
from lbstudy.platform.local.platform import LocalPlatform
from lbstudy.run.specs import client_program, server_program

CLIENT, SERVER = client_program(load_subject()), server_program(load_subject())

INSTRUMENTED = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",  # discard: closed
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    "OTEL_SERVICE_NAME": "greeter",
}
HEAD_START = 4.0  # s, for the client's interpreter to start


async def measure(label: str, env: dict[str, str], args: argparse.Namespace) -> None:
    """Run the load once, and print the client's own figures."""
    with tempfile.TemporaryDirectory() as folder:
        platform = LocalPlatform(Path(folder), seed=0, propagation=0.0, preload=[SERVER.preload])
        await platform.start()
        try:
            spec = ServerSpec("greeter-bench", args.servers, 0.02, 0, 5, env=env, program=SERVER)
            await platform.create_servers(spec)
            published = 0
            async for change in platform.changes():
                published += change.kind == ChangeKind.PUBLISHED
                if published == args.servers:
                    break
            rate = args.rate / args.clients
            start_at = time.time() + HEAD_START
            load = (args.clients, rate, 5.0, start_at, args.seconds)
            await platform.start_client(
                ClientSpec("client-bench", "greeter-bench", *load, env=env, program=CLIENT)
            )
            status = await platform.wait_client("client-bench")
            (pod,) = platform.pods("client-bench")
            events = [json.loads(line) for line in (await platform.logs(pod)).read_text().splitlines()]
        finally:
            await platform.aclose()
    tally = events[-1]["tally"]
    print(f"{label} (exit status {status})")
    print(f"  scheduled     {tally['scheduled']:9d}   {tally['offered_rate']:8.1f} RPC/s")
    print(f"  sent          {tally['sent']:9d}   {tally['sent'] / tally['scheduled']:8.3%}")
    print(f"  by code       {tally['by_code']}")
    for name in ("p50", "p99", "max"):
        print(f"  lateness {name:4} {tally[f'lateness_{name}'] * 1000:9.2f} ms")


def main() -> None:
    """Measure with the arguments of the command line."""
    parser = argparse.ArgumentParser(description="How well the open loop keeps its schedule.")
    parser.add_argument("--rate", type=float, default=500.0, help="RPC/s in all")
    parser.add_argument("--clients", type=int, default=4, help="channels, in one process")
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0)
    args = parser.parse_args()
    asyncio.run(measure("bare", {}, args))
    asyncio.run(measure("instrumented", INSTRUMENTED, args))


if __name__ == "__main__":
    main()
