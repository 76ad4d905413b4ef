"""A run without opentelemetry-instrumentation-grpc, whose RPC spans are the instrumentor's own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import duckdb
import pytest
from lbstudy.result.model import Result, SettingResult

ALONE: Final = Path(__file__).with_name("without_upstream.py")
LBSTUDY: Final = Path(sys.executable).with_name("lbstudy")
GUARD: Final = 300  # s, against hanging only

pytestmark = pytest.mark.skipif(
    not os.environ.get("LBSTUDY_SLOW"), reason="takes a minute: only with LBSTUDY_SLOW=1"
)


def run(command: list[str], folder: Path) -> SettingResult:
    done = subprocess.run(
        [*command, "run", "quick", "--setting", "max-age", "--no-otlp", "--out", str(folder)],
        capture_output=True,
        text=True,
        timeout=GUARD,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr  # 1 if the ledger did not close
    (found,) = Result.model_validate_json((folder / "result.json").read_text()).settings
    return found


def scopes(folder: Path) -> set[str]:
    with duckdb.connect(str(folder / "run.duckdb"), read_only=True) as store:
        query = "SELECT DISTINCT scope FROM spans WHERE kind IN ('client', 'server')"
        return {str(scope) for (scope,) in store.execute(query).fetchall()}


def test_the_figures_do_not_need_upstream(tmp_path: Path) -> None:
    with_upstream = run([str(LBSTUDY)], tmp_path / "with")
    alone = run([sys.executable, str(ALONE)], tmp_path / "alone")
    assert {scope.rpartition(".")[2] for scope in scopes(tmp_path / "with")} == {"grpc"}
    assert scopes(tmp_path / "alone") == {"grpc_lb_instrumentor"}
    ledgers = [
        {entry.name: entry for entry in found.ledger.entries if not entry.name.startswith("code ")}
        for found in (with_upstream, alone)
    ]
    # Each of these has a referee of its own: the programs, the servers, the DNS server, the metrics.
    assert ledgers[0].keys() == ledgers[1].keys()
    assert all(entry.closes for entries in ledgers for entry in entries.values())
    for name in ("RPCs scheduled", "RPC spans"):
        assert ledgers[0][name].left_count == ledgers[1][name].left_count > 0
