"""An autoscaled run on this machine, against the servers' own spans and the platform's own log of changes."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
from lbstudy.result.model import Result

from tests.programs import Process

LBSTUDY = Path(sys.executable).with_name("lbstudy")
GUARD = 300  # s, against hanging only

# Twice as much as one server can do, from the start: 20 RPC/s of 10.
SCENARIO = """
name = "hot"
description = "for a test"
duration = 12
[load]
clients = 2
rate = 5
timeout = 2
[[load.step]]
at = 0
rate = 10
[server]
work = 0.1
concurrency = 1
[[step]]
at = 0
servers = 1
[autoscaler]
max_replicas = 2
target = 0.6
sync_period = 3
metric_window = 2
"""


def test_an_overloaded_server_gets_company_that_is_never_called(tmp_path: Path) -> None:
    path, folder = tmp_path / "hot.toml", tmp_path / "run"
    path.write_text(SCENARIO)
    command = [str(LBSTUDY), "run", str(path), "--setting", "stock", "--no-otlp", "--out", str(folder)]
    with Process(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        _, progress = process.communicate(timeout=GUARD)
    assert process.returncode == 0, progress

    result = Result.model_validate_json((folder / "result.json").read_text())
    (stock,) = result.settings
    assert result.ledger_closes
    assert stock.scaling is not None
    assert stock.scaling.most == 2
    assert len(stock.adaptability.undiscovered) == 1
    assert stock.scaling.wasted is not None
    assert stock.scaling.wasted > 0
    with closing(duckdb.connect(folder / "run.duckdb", read_only=True)) as store:
        told = store.sql(
            "SELECT detail FROM pod_changes WHERE kind = 'scale' ORDER BY at_unix_nano"
        ).fetchall()
        assert told == [("1",), ("2",)]  # the local controller's own log
        busiest, busy, last = store.sql(
            "SELECT pod, busy, at_unix_nano FROM server_busy ORDER BY busy DESC LIMIT 1"
        ).fetchone() or ("", 0.0, 0)
        spans = store.execute(
            "SELECT start_unix_nano, least(end_unix_nano, $last) FROM spans"
            " WHERE kind = 'server' AND pod = $pod"
            " AND starts_with(rpc_method, 'greeter.v1.GreeterService') AND start_unix_nano < $last",
            {"pod": busiest, "last": last},
        ).fetchall()
    # The server's own count of its work, of one RPC at a time: the time for which any of its spans was open.
    assert busy > 5
    assert 0.8 * union(spans) < busy < 1.02 * union(spans)


def union(spans: list[tuple[int, int]]) -> float:
    """For how long any of them was open, in s."""
    total = until = 0
    for start, end in sorted(spans):
        total += max(0, end - max(start, until))
        until = max(until, end)
    return total / 1e9
