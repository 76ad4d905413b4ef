"""A real gate, as small as can be, through the command: one wrong option fails it, by name."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from lbstudy.gate.model import GateResult, SettingVerdict, State

LBSTUDY = Path(sys.executable).with_name("lbstudy")
GUARD = 400
"""s until a gate that hangs is ended; nothing waits for it."""
SCENARIO = """
name = "up"
duration = 10
[load]
clients = 1
rate = 10
[server]
work = 0
[dns]
propagation = 0.1
[[step]]
at = 0
servers = 1
[[step]]
at = 1
servers = 2
"""
# Two runs decide either way: ln(0.95 ÷ 0.2) = 1.56 and ln(1 ÷ 0.1) = 2.30; ln(0.8 ÷ 0.05) = 2.77.
REQUIREMENT = """
name = "soon"
[[clause]]
kind = "new-server"
within = 5
scenario = "./up.toml"
[proof]
share = 0.2
"""
# Connections end after 1 s, but a client may look up DNS each 60 s only: this buys nothing.
WRONG = """
name = "wrong"
[server]
grpc.max_connection_age_ms = 1000
grpc.max_connection_age_grace_ms = 1000
[channel]
grpc.dns_min_time_between_resolutions_ms = 60000
[drain]
wait = 0
grace = 1
"""
RIGHT = WRONG.replace('"wrong"', '"right"').replace("60000", "100")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    for name, text in (("up", SCENARIO), ("soon", REQUIREMENT), ("wrong", WRONG), ("right", RIGHT)):
        (folder / f"{name}.toml").write_text(text)
    command = [str(LBSTUDY), "gate", "./soon.toml", "-s", "./wrong.toml", "-s", "./right.toml"]
    ended = subprocess.run(
        [*command, "--out", "mine", "--junit", "gate.xml", "--markdown"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=GUARD,
        check=False,
    )
    assert ended.returncode == 3, ended.stderr
    (folder / "gate.md").write_text(ended.stdout)
    return folder


def verdicts(folder: Path) -> dict[str, SettingVerdict]:
    result = GateResult.model_validate_json((folder / "mine" / "result.json").read_text())
    assert result.not_counted == []
    return {one.setting: one for one in result.settings}


def test_a_minimum_interval_above_the_connection_age_fails_it_by_name(folder: Path) -> None:
    wrong = verdicts(folder)["wrong"]

    assert wrong.state is State.FAILS
    (clause,) = wrong.clauses
    assert "was a wait for: minimum interval" in clause.reason
    assert "[channel] grpc.dns_min_time_between_resolutions_ms = 60000" in clause.reason
    assert "which is above the connection age ([server] grpc.max_connection_age_ms = 1000)" in clause.reason


def test_a_minimum_interval_below_it_holds(folder: Path) -> None:
    right = verdicts(folder)["right"]

    assert right.state is State.HOLDS
    assert [run.held for run in right.clauses[0].runs] == [True, True]


def test_whoever_reads_junit_or_the_pull_request_sees_it(folder: Path) -> None:
    root = ET.parse(folder / "gate.xml").getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "1", "0")
    assert "grpc.dns\\_min\\_time\\_between\\_resolutions\\_ms" in (folder / "gate.md").read_text()
