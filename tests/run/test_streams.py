"""A whole run with streams of each kind. The referees are the programs' own last lines, read here."""

import json
from pathlib import Path
from typing import Any

import pytest
from lbstudy.cli.main import run
from lbstudy.result.model import Result, SettingResult

SCENARIO = """
name = "streams"
duration = 8
[load]
clients = 2
rate = 8
timeout = 20
[load.stream]
kind = "{kind}"
rate = 5
life = 20
share = 0.25
[server]
work = 0
[[step]]
at = 0
servers = 2
[[step]]
at = 4
servers = 1
"""
DRAIN = """
name = "soon"
policy = "round_robin"
[drain]
wait = 0
grace = 1
"""


def last_words(out: Path, event: str) -> list[dict[str, Any]]:
    lines = [line for log in (out / "logs").iterdir() for line in log.read_text().splitlines()]
    told = [json.loads(line) for line in lines if line.startswith("{")]
    return [one for one in told if one["event"] == event]


@pytest.mark.parametrize("kind", ["server", "client", "bidi"])
def test_streams_outlive_the_load_or_are_cut_with_their_server(tmp_path: Path, kind: str) -> None:
    """All live as long as the load. The server that goes at 4 s gives its streams 1 s, the other one all."""
    scenario, setting, out = tmp_path / "streams.toml", tmp_path / "soon.toml", tmp_path / "out"
    scenario.write_text(SCENARIO.format(kind=kind))
    setting.write_text(DRAIN)
    run(["run", str(scenario), "--setting", str(setting), "--out", str(out), "--no-otlp", "--plain"])
    result = Result.model_validate_json((out / "result.json").read_text())
    (found,) = result.settings

    assert result.ledger_closes, [entry for entry in found.ledger.entries if not entry.closes]
    streams = found.streams
    assert streams is not None
    assert streams.by_kind == {kind: 32}  # a quarter of 2 × 8 × 8
    (change,) = streams.changes
    assert (change.of, change.streams) == ("servers that go", change.cut)
    if kind != "client":  # of one that is cut before its one answer nobody knows the server
        assert change.streams > 0
        assert change.holding.median is not None
        assert change.holding.median.seconds == pytest.approx(1.0, abs=0.9)
    assert streams.length.censored == 32 - streams.cut
    _agree(found, last_words(out, "stopped"), last_words(out, "finished")[0]["tally"]["streams"])


def _agree(found: SettingResult, servers: list[dict[str, Any]], client: dict[str, Any]) -> None:
    """The result's figures against what the programs wrote."""
    assert found.streams is not None
    assert (found.streams.count, found.streams.cut) == (client["count"], client["failed"])
    own = sorted((one["messages"]["received"], one["messages"]["sent"]) for one in servers)
    assert sorted((one.received, one.sent) for one in found.streams.servers) == own
    read = {one.server: one.delivered for one in found.streams.servers if one.delivered}
    assert read == {server: count for server, count in client["received"].items() if count}
