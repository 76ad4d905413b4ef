"""The command on the real study, in small: a run, its report again, and an interruption in its midst."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import psutil
import pytest
from lbstudy.result.model import Result

from tests.programs import Process

LBSTUDY = Path(sys.executable).with_name("lbstudy")
GUARD = 120  # s, against hanging only
SCENARIO = """
name = "small"
duration = 3
[load]
clients = 1
rate = 10
[[step]]
at = 0
servers = 1
[[step]]
at = 1
servers = 2
[[expect]]
setting = "fast"
measure = "errors.count"
at_most = 0
[[expect]]
setting = "fast"
measure = "discovery.undiscovered"
at_most = 0
"""
SETTING = 'name = "fast"\n[drain]\nwait = 0\ngrace = 1\n'


# A proxy that refuses every connection: whatever went through it would be lost.
PROXY = "http://127.0.0.1:9"
ENVIRONMENT = {**os.environ, "http_proxy": PROXY, "https_proxy": PROXY, "no_proxy": ""}


def lbstudy(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command, where the environment names a proxy: the study's own connections never use it."""
    return subprocess.run(
        [LBSTUDY, *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=GUARD,
        check=False,
    )


def write_files(folder: Path) -> None:
    (folder / "small.toml").write_text(SCENARIO)
    (folder / "fast.toml").write_text(SETTING)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_files(folder)
    return folder


@pytest.fixture(scope="module")
def done(folder: Path) -> "subprocess.CompletedProcess[str]":
    """A run of three seconds of load on one and two servers."""
    return lbstudy(folder, "run", "small.toml", "--setting", "fast.toml", "--out", "mine", "--json")


def test_a_run_leaves_everything_and_exit_code_3_for_what_was_not_met(
    done: "subprocess.CompletedProcess[str]", folder: Path
) -> None:
    # Nothing makes a plain client look for the second server: that expectation is not met.
    assert done.returncode == 3, done.stderr
    assert "lbstudy: expectation not met: fast: discovery.undiscovered" in done.stderr
    assert "errors.count" not in done.stderr
    assert {path.name for path in (folder / "mine").iterdir()} == {
        "run.duckdb",
        "result.json",
        "report.html",
        "dns.jsonl",
        "connections.jsonl",
        "logs",
    }
    result = Result.model_validate_json(done.stdout)
    assert result.ledger_closes
    assert result.provenance.scenario_toml == SCENARIO
    assert result.provenance.settings_toml == {"fast": SETTING}
    assert result.provenance.command == ("lbstudy run small.toml --setting fast.toml --out mine --json")
    assert result.settings[0].latency.all.count == 30  # 10 RPC/s for 3 s
    assert json.loads((folder / "mine" / "result.json").read_text()) == json.loads(done.stdout)


def test_the_report_again_says_the_same(
    done: "subprocess.CompletedProcess[str]", folder: Path, tmp_path: Path
) -> None:
    again = lbstudy(folder, "report", "mine", "--json", "--out", str(tmp_path / "again"))

    assert again.returncode == done.returncode
    assert json.loads(again.stdout) == json.loads(done.stdout)
    assert {path.name for path in (tmp_path / "again").iterdir()} == {"result.json", "report.html"}


def test_a_store_of_another_version_is_one_line(
    done: "subprocess.CompletedProcess[str]", folder: Path, tmp_path: Path
) -> None:
    store = tmp_path / "run.duckdb"
    store.write_bytes((folder / "mine" / "run.duckdb").read_bytes())
    with duckdb.connect(str(store)) as database:
        database.execute("UPDATE meta SET value = '\"999\"' WHERE key = 'schema_version'")

    refused = lbstudy(tmp_path, "report", ".")

    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith("lbstudy: run.duckdb: ")
    assert "999" in line
    assert [path.name for path in tmp_path.iterdir()] == ["run.duckdb"]


def test_interrupted_in_the_midst_no_process_is_left(tmp_path: Path) -> None:
    write_files(tmp_path)
    command = [str(LBSTUDY), "run", "small.toml", "-s", "fast.toml", "--out", "mine"]
    with Process(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if " Ready" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=GUARD)

    assert children, "a server was Ready, so there are processes"
    assert process.returncode == 130
    assert err.splitlines()[-2:] == [
        "lbstudy: everything recorded until then is in mine.partial",
        "lbstudy: interrupted",
    ]
    assert "Traceback" not in err
    assert [child for child in children if child.is_running()] == []
    assert not (tmp_path / "mine").exists()
