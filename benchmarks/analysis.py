"""Prints what it takes to report a run of a million RPCs: 1 M client spans and 1 M server spans.

    .venv/bin/python benchmarks/analysis.py [--rpcs 1000000] [--keep FILE]

A synthetic store is made with plain SQL (not counted); then, in a process of its own so that its peak
memory is the report's, the store is read, measured and written as JSON and HTML.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lbstudy.platform.interface import Change, ChangeKind
from lbstudy.result.model import Provenance
from lbstudy.store.database import RunStore
from lbstudy.store.description import DescribedSetting, RunDescription, write_description

ZERO = 1_790_000_000_000_000_000
SECOND = 1_000_000_000
SETTINGS = ("stock", "max-age")
CLIENTS = 4

# Each setting's RPCs go round the servers, which are three until the middle of the run and six from then
# on; each takes 20 ms and a little, and one in 1000 fails without an answer.
SPANS = """
INSERT INTO spans
SELECT printf('%032x', i), printf('%016x', i * 2 + $side), NULL, '/greeter.v1.GreeterService/SayHello', $kind,
    due + jitter, due + jitter + 20000000 + (i * 7919) % 3000000, 'unset', NULL, $service,
    CASE WHEN $side = 0 THEN 'client-' || $setting || '-x' ELSE server END, $setting, $side + 1,
    'opentelemetry.instrumentation.grpc', 'greeter.v1.GreeterService/SayHello',
    CASE WHEN failed THEN 14 ELSE 0 END, CASE WHEN failed THEN NULL ELSE server END,
    CASE WHEN $side = 0 THEN i % $clients END, CASE WHEN $side = 0 THEN due END,
    '{"rpc.system":"grpc"}', NULL, NULL
FROM (
    SELECT i, $zero + CAST(i * $step AS BIGINT) AS due, (i * 104729) % 400000 AS jitter,
        i % 1000 = 999 AS failed,
        'greeter-' || $setting || '-' || (i % CASE WHEN i < $rpcs // 2 THEN 3 ELSE 6 END) AS server
    FROM range($rpcs) AS numbers(i)
) WHERE $side = 0 OR NOT failed
"""

CPU = """
INSERT INTO metric_points
SELECT m.name, m.kind, '', $zero, $zero + second * 1000000000, 'greeter-server',
    'greeter-' || $setting || '-' || server, $setting, 2, 'benchmark', '{}', true, m.per_second * second,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM range($seconds) AS seconds(second), range(6) AS servers(server),
    (VALUES ('process.cpu.time', 'sum', 0.2), ('process.memory.usage', 'gauge', 1000.0),
        ('grpc_lb.server.inactivity_age', 'gauge', 0.001)) AS m(name, kind, per_second)
"""


def make(path: Path, rpcs: int) -> None:
    """Make a store of so many RPCs at 500 RPC/s, half of them under each setting."""
    seconds = rpcs // 500
    store = RunStore.create(path)
    write_description(
        store,
        RunDescription(
            time_zero_unix_nano=ZERO,
            provenance=Provenance(
                run_id="benchmark", scenario="synthetic", scenario_description="", scenario_toml="",
                settings_toml={}, command="", started="2026-09-21T14:13:20Z", duration=seconds, seed=0,
                platform="synthetic", machine={}, versions={},
            ),
            settings=[
                DescribedSetting(name=name, deployment=f"greeter-{name}", options={}) for name in SETTINGS
            ],
        ),
    )  # fmt: skip
    for setting in SETTINGS:
        each = rpcs // len(SETTINGS)
        values = {"setting": setting, "zero": ZERO, "rpcs": each, "step": seconds * SECOND / each}
        for side, (kind, service) in enumerate((("client", "greeter-client"), ("server", "greeter-server"))):
            store.query(SPANS, {**values, "side": side, "kind": kind, "service": service, "clients": CLIENTS})
        store.query(CPU, {"setting": setting, "zero": ZERO, "seconds": seconds})
        store.add_changes(_changes(f"greeter-{setting}", seconds))
    store.close()


def _changes(deployment: str, seconds: int) -> list[Change]:
    changes = [_change(-5, ChangeKind.SCALE, deployment, detail="3")]
    changes.append(_change(seconds / 2 - 1, ChangeKind.SCALE, deployment, detail="6"))
    for server in range(6):
        born = -4 if server < 3 else seconds / 2 - 1
        pod, address = f"{deployment}-{server}", f"127.0.1.{server + 1}:50051"
        for delay, kind in enumerate((ChangeKind.CREATED, ChangeKind.STARTED, ChangeKind.READY)):
            changes.append(_change(born + delay / 2, kind, deployment, pod, address))
    return changes


def _change(
    at: float, kind: ChangeKind, deployment: str, pod: str | None = None, address: str | None = None,
    detail: str = "",
) -> Change:  # fmt: skip
    return Change(ZERO + int(at * SECOND), 0.0, kind, deployment, pod, address, detail)


def report(path: Path) -> None:
    """Report the store, and print what each step took."""
    began = time.perf_counter()

    def tell(step: str) -> None:
        # Not ru_maxrss: that begins with the memory of the process that started this one.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        print(f"{step:<22} {time.perf_counter() - began:6.2f} s   peak {peak:6.0f} MiB", flush=True)

    from lbstudy.result.build import build  # noqa: PLC0415 - the imports are part of a report's time
    from lbstudy.store.source import StoreSource  # noqa: PLC0415

    tell("imported")
    source = StoreSource(path)
    result = build(source)
    source.close()
    tell("read and measured")
    result.model_dump_json()
    tell("written as JSON")
    from lbstudy.report.html import render_html  # noqa: PLC0415

    html = render_html(result)
    tell("written as HTML")
    print(f"{len(html) / 1e6:.1f} MB of HTML; {sum(len(s.servers) for s in result.settings)} servers")


def main() -> None:
    """Make the store, and report it in a process of its own."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rpcs", type=int, default=1_000_000)
    arguments.add_argument("--keep", type=Path, help="make the store here, and leave it")
    arguments.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.report:
        report(given.report)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder, "run.duckdb")
        if not path.exists():
            make(path, given.rpcs)
        print(f"{given.rpcs} RPCs, {path.stat().st_size / 2**20:.0f} MiB")
        subprocess.run([sys.executable, __file__, "--report", str(path)], check=True)


if __name__ == "__main__":
    main()
