"""How many messages of streams are counted without loss.

    .venv/bin/python benchmarks/streams.py [--messages 1000] [--seconds 20] [--kind bidi]

A whole run of three servers and 20 clients, each of which holds ten streams open at a time. A message that
the client sends is counted by the client's program and the server's, its answer by both programs and by the
instrumentor in each: every entry of the ledger is printed with both of its counts. Target: 1,000 messages/s
each way without loss on two cores, so that the ledger closes.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from lbstudy.cli.main import run
from lbstudy.result.model import Result

CLIENTS, SERVERS, LIFE, OPEN = 20, 3, 5.0, 10
SCENARIO = """
name = "streams"
duration = {seconds}
[load]
clients = {clients}
rate = {rate}
timeout = 10
[load.stream]
kind = "{kind}"
rate = {messages}
life = {life}
[server]
work = 0
[[step]]
at = 0
servers = {servers}
"""


def main() -> int:
    """Make the run, and print what was counted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=1000, help="messages/s of all streams, one way")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--kind", choices=["server", "client", "bidi"], default="bidi")
    args = parser.parse_args()
    since = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        scenario, out = Path(folder, "streams.toml"), Path(folder, "out")
        scenario.write_text(
            SCENARIO.format(
                seconds=args.seconds,
                clients=CLIENTS,
                servers=SERVERS,
                life=LIFE,
                kind=args.kind,
                rate=OPEN / LIFE,
                messages=args.messages / (CLIENTS * OPEN),
            )
        )
        run(["run", str(scenario), "--setting", "stock", "--out", str(out), "--no-otlp", "--plain"])
        result = Result.model_validate(json.loads((out / "result.json").read_text()))
    (setting,) = result.settings
    assert setting.streams is not None
    print()
    for entry in setting.ledger.entries:
        sign = "✓" if entry.closes else "✗"
        print(f"{sign} {entry.name}: {entry.left} {entry.left_count}, {entry.right} {entry.right_count}")
    # In the second half all streams are open that will be; what clients alone send has no course.
    settled = [phase.requests / (args.seconds / 2) for phase in setting.streams.phases]
    counted = sum(server.received or server.sent or 0 for server in setting.streams.servers)
    print(f"{counted / args.seconds:,.0f} messages/s in the mean, {setting.streams.count:,} streams")
    print(f"{settled[-1] if settled else float('nan'):,.0f} messages/s to clients in the second half")
    cores = [usage.cpu_mean for usage in setting.utilisation.servers if usage.cpu_mean is not None]
    print(f"each server took {max(cores, default=float('nan')):.2f} cores at most")
    print(
        f"calls were late by {setting.latency.lateness_p99} s (p99); {time.monotonic() - since:.0f} s in all"
    )
    return int(not setting.ledger.closes)


if __name__ == "__main__":
    raise SystemExit(main())
