"""A run with faults of every sort, from the scenario file to the report.

The referees are read here from the programs' own output and the DNS server's log.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import duckdb
import psutil
import pytest
from lbstudy.result.model import FaultEffects, Result, SettingResult

LBSTUDY: Final = Path(sys.executable).with_name("lbstudy")
INTERNAL: Final = 13  # the gRPC status code
GUARD: Final = 200  # s, against hanging only
SCENARIO: Final = """
name = "trouble"
duration = 11
[load]
clients = 2
rate = 15
timeout = 1
[server]
work = 0
[dns]
propagation = 0.1
[[step]]
at = 0
servers = 3
[[fault]]
kind = "latency"
at = 1
until = 3
servers = 1
seconds = 0.5
[[fault]]
kind = "error"
at = 3.5
until = 5
servers = 1
code = "INTERNAL"
[[fault]]
kind = "dns-servfail"
at = 4
until = 6
[[fault]]
kind = "stop"
at = 6.5
until = 8.5
servers = 1
[[fault]]
kind = "kill"
at = 9.5
servers = 1
"""
SETTING: Final = """
name = "restless"
[channel]
grpc.dns_min_time_between_resolutions_ms = 500
grpc.initial_reconnect_backoff_ms = 200
[server]
grpc.max_connection_age_ms = 1000
[drain]
wait = 0
grace = 1
"""
LABELS: Final = [
    "latency 500 ms on 1 server",
    "error INTERNAL of all RPCs on 1 server",
    "dns-servfail",
    "stop on 1 server",
    "kill on 1 server",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    (folder / "trouble.toml").write_text(SCENARIO)
    (folder / "restless.toml").write_text(SETTING)
    before = set(psutil.pids())
    done = subprocess.run(
        [
            LBSTUDY,
            "run",
            "./trouble.toml",
            "-s",
            "./restless.toml",
            "--no-otlp",
            "--out",
            str(folder / "run"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=GUARD,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr  # 1 if the ledger did not close
    assert [pid for pid in set(psutil.pids()) - before if str(folder) in _command(pid)] == []
    assert "• restless, error INTERNAL of all RPCs on 1 server, 3." in done.stdout
    return folder / "run"


@pytest.fixture(scope="module")
def setting(run: Path) -> SettingResult:
    (found,) = Result.model_validate_json((run / "result.json").read_text()).settings
    return found


@pytest.fixture(scope="module")
def faults(setting: SettingResult) -> dict[str, FaultEffects]:
    return {fault.label: fault for fault in setting.faults}


def _command(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def _said(run: Path, pod: str) -> list[dict[str, Any]]:
    lines = (run / "logs" / f"{pod}.out").read_text().splitlines()
    return [json.loads(line) for line in lines]


def _zero(run: Path) -> int:
    with duckdb.connect(str(run / "run.duckdb"), read_only=True) as store:
        (found,) = store.execute("SELECT value FROM meta WHERE key = 'time_zero_unix_nano'").fetchall()
    return int(found[0])


def test_all_faults_are_told_when_and_where(
    run: Path, setting: SettingResult, faults: dict[str, FaultEffects]
) -> None:
    assert list(faults) == LABELS
    oldest, replacement = setting.servers[0], setting.servers[3]
    on = {label: fault.servers for label, fault in faults.items()}
    assert on == {label: [oldest] for label in LABELS} | {"dns-servfail": []}
    assert len(setting.servers) == 4
    assert replacement  # of the one that was killed
    told = [(event.label, event.server) for event in setting.timeline.events if event.kind == "fault"]
    assert told == [(label, None if label == "dns-servfail" else oldest) for label in LABELS]
    # The server's own word for two of them: the platform tells it once the server has answered.
    zero = _zero(run)
    for event in _said(run, oldest):
        if event["event"] in {"fault", "lifted"}:
            fault = faults[event["id"]]
            at = fault.start if event["event"] == "fault" else fault.end
            assert 0 <= at - (event["time_unix_nano"] - zero) / 1e9 < 5


def test_who_felt_it(run: Path, setting: SettingResult, faults: dict[str, FaultEffects]) -> None:
    latency, error, _, stop, _ = (faults[label] for label in LABELS)
    assert latency.troubled.p50 is not None
    assert latency.untouched.p50 is not None
    assert latency.untouched.p50 < 0.5 <= latency.troubled.p50
    # All that the server handled between its own word of the fault's start and end: an RPC that was
    # under way at either may have been handled before, or after.
    oldest = setting.servers[0]
    at = {
        line["event"]: line["time_unix_nano"] for line in _said(run, oldest) if line.get("id") == error.label
    }
    with duckdb.connect(str(run / "run.duckdb"), read_only=True) as store:
        rpcs = store.execute(
            "SELECT start_unix_nano, end_unix_nano, grpc_code FROM spans WHERE kind = 'server' AND pod = ?",
            [oldest],
        ).fetchall()
    meanwhile = [code for began, ended, code in rpcs if at["fault"] <= began and ended <= at["lifted"]]
    assert set(meanwhile) == {INTERNAL}
    assert error.troubled.failed == sum(code == INTERNAL for *_, code in rpcs)
    assert error.untouched.failed == 0
    assert stop.unanswered.failed == stop.unanswered.requests > 0
    assert stop.untouched.failed == 0
    assert stop.untouched.requests > stop.unanswered.requests


def test_the_untouched_servers_say_themselves_that_nothing_failed(run: Path, setting: SettingResult) -> None:
    counted = {}
    for server in setting.servers:
        for event in _said(run, server):
            if event["event"] == "stopped":
                counted[server] = event["answered"]
    assert set(counted) == set(setting.servers[1:])  # the one that was killed says nothing
    assert all(set(answered) == {"OK"} for answered in counted.values())
    entries = {entry.name: entry for entry in setting.ledger.entries}
    assert (
        f"without {setting.servers[0]}, which ended before it wrote its counts"
        in entries["RPCs by server"].note
    )


def test_dns_failed_while_it_was_to(
    run: Path, setting: SettingResult, faults: dict[str, FaultEffects]
) -> None:
    zero, fault = _zero(run), faults["dns-servfail"]
    lines = [json.loads(line) for line in (run / "dns.jsonl").read_text().splitlines()]
    during = {
        line["rcode"] for line in lines if fault.start < (line["time_unix_nano"] - zero) / 1e9 < fault.end
    }
    otherwise = {
        line["rcode"] for line in lines if not fault.start < (line["time_unix_nano"] - zero) / 1e9 < fault.end
    }
    assert during == {"SERVFAIL"}
    assert "SERVFAIL" not in otherwise
    assert setting.adaptability.updates_by_outcome["servfail"] > 0


def test_each_fault_is_a_trace(run: Path, setting: SettingResult, faults: dict[str, FaultEffects]) -> None:
    with duckdb.connect(str(run / "run.duckdb"), read_only=True) as store:
        spans = store.execute(
            "SELECT name, trace_id, server_pod, attributes->>'$.\"lbstudy.fault.label\"',"
            " end_unix_nano - start_unix_nano FROM spans WHERE name LIKE 'fault%' ORDER BY start_unix_nano"
        ).fetchall()
    roots = [span for span in spans if span[0] == "fault"]
    assert [span[3] for span in roots] == LABELS
    assert len({span[1] for span in roots}) == len(LABELS)
    below = [(span[3], span[2]) for span in spans if span[0] == "fault on server"]
    assert below == [(label, setting.servers[0]) for label in LABELS if label != "dns-servfail"]
    for span in roots[:4]:
        assert span[4] / 1e9 == pytest.approx(faults[span[3]].end - faults[span[3]].start, abs=1e-6)


def test_each_fault_is_in_the_report(run: Path) -> None:
    html = (run / "report.html").read_text()
    for number, label in enumerate(LABELS, start=1):
        assert f"F{number} {label}" in html.replace("\u00a0", " ")
    # A band on each chart over time: timeline, coverage, latency, and three of utilisation.
    assert html.count('class="fault"') == 6 * len(LABELS)
    assert '<h2 id="faults">' in html
