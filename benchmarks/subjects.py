"""Whether all of a fast client in Go is counted, and what it costs to watch its connections.

    scripts/build-subjects go && .venv/bin/python benchmarks/subjects.py [--rate 5000] [--seconds 10]

A whole run of the subject go-server: a client in Go on three servers in Go, with otelgrpc and nothing else.
Target: 5,000 RPC/s are counted without loss, so that the ledger closes; the looks at the kernel's table of
connections cost at most 3 % of a core. Each entry of the ledger is printed with both of its counts.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TextIO

from lbstudy.cli.main import run
from lbstudy.platform.local.connections import ConnectionWatch, SocketTable
from lbstudy.result.model import Result

CLIENTS, SERVERS = 10, 3
MOST = 0.03
SCENARIO = """
name = "fast"
duration = {seconds}
[load]
clients = {clients}
rate = {rate}
timeout = 5
[server]
work = 0
[[step]]
at = 0
servers = {servers}
"""


def main() -> int:
    """Make the run, and print what was counted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--seconds", type=int, default=10)
    args = parser.parse_args()
    looks: list[float] = []  # s of CPU time, each
    # Only here: the looks are inside the run, whose other work is not to be counted.
    look = ConnectionWatch.look

    def timed(self: ConnectionWatch, table: SocketTable, log: TextIO) -> None:
        began = time.thread_time()
        look(self, table, log)
        looks.append(time.thread_time() - began)

    ConnectionWatch.look = timed  # type: ignore[method-assign]
    since = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        scenario, out = Path(folder, "fast.toml"), Path(folder, "out")
        scenario.write_text(
            SCENARIO.format(seconds=args.seconds, clients=CLIENTS, rate=args.rate / CLIENTS, servers=SERVERS)
        )
        run(
            [
                *("run", str(scenario), "--setting", "stock", "--subject", "go-server"),
                *("--out", str(out), "--no-otlp", "--plain"),
            ]
        )
        result = Result.model_validate(json.loads((out / "result.json").read_text()))
    (setting,) = result.settings
    share = sum(looks) / (time.monotonic() - since)
    print()
    for entry in setting.ledger.entries:
        sign = "✓" if entry.closes else "✗"
        print(f"{sign} {entry.name}: {entry.left} {entry.left_count}, {entry.right} {entry.right_count}")
    offered, achieved = setting.latency.offered_rate, setting.latency.achieved_rate
    print(f"offered {offered} RPC/s, achieved {achieved} RPC/s")
    sign = "✓" if share <= MOST else "✗"
    print(f"{sign} {len(looks)} looks at the connections: {share:.2%} of a core (at most {MOST:.0%})")
    return int(not setting.ledger.closes or share > MOST)


if __name__ == "__main__":
    raise SystemExit(main())
