"""A whole run over encrypted connections: what our instrumentor tells of them, and that no key is left."""

from pathlib import Path

import pytest
from lbstudy.cli.main import run
from lbstudy.result.model import Result

SCENARIO = """
name = "encrypted"
duration = 6
[load]
clients = 3
rate = 10
timeout = 20
[server]
work = 0
[tls]
key = "ec"
clients = {clients}
[[step]]
at = 0
servers = 2
[[step]]
at = 3
servers = 1
"""


@pytest.mark.parametrize("clients", ["false", "true"], ids=["servers", "mutual"])
def test_an_encrypted_run_is_counted_as_any_other(tmp_path: Path, clients: str) -> None:
    scenario, out = tmp_path / "encrypted.toml", tmp_path / "out"
    scenario.write_text(SCENARIO.format(clients=clients))
    run(["run", str(scenario), "--setting", "stock", "--out", str(out), "--no-otlp", "--plain"])
    result = Result.model_validate_json((out / "result.json").read_text())
    (found,) = result.settings

    assert result.ledger_closes, [entry for entry in found.ledger.entries if not entry.closes]
    assert found.options["tls"] == {"key": "ec", "clients": clients == "true"}
    by_code = found.errors.client_by_code
    assert sum(by_code.values()) == 180
    assert set(by_code) <= {"OK", "CANCELLED"}  # what a server has received and not begun when it stops
    # The DNS server's log and the servers' own counts are among the referees.
    assert {"resolver updates", "answers", "RPCs by server"} <= {one.name for one in found.ledger.entries}
    assert found.connecting is not None
    assert found.connecting.count >= 6  # three clients, two servers
    assert found.connecting.p50 is not None
    assert "Connections of the clients, encrypted (TLS)" in (out / "report.html").read_text()
    assert [path for path in out.rglob("*") if path.suffix in {".pem", ".key"}] == []
