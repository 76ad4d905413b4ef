"""`lbstudy run --on kubernetes` on a real cluster: what it measures, and that it leaves nothing behind."""

import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.e2e.lab import Lab, Witness
from tests.kubernetes.e2e.proxy import before_the_api
from tests.kubernetes.e2e.results import assert_counts, of_setting

ADDED = ["created", "scheduled", "started", "ready", "in EndpointSlice", "in DNS"]
REMOVED = ["terminating", "out of EndpointSlice", "out of DNS", "exited"]


def entries(setting: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in setting["ledger"]["entries"]}


def assert_in_order(change: dict[str, Any], names: list[str]) -> None:
    """Each stage comes no earlier than the one before, or is marked, and within the bounds of error."""
    stages = [stage for stage in change["stages"] if stage["at"] is not None]
    assert [stage["name"] for stage in stages if stage["name"] in names] == names, change
    latest, bound = change["command"], 0.05
    for stage in stages[1:]:
        assert stage["error"] is not None
        assert 0 <= stage["error"] < 5
        if stage["at"] < latest:
            assert stage["early"]
            assert latest - stage["at"] <= bound + stage["error"]
        if stage["at"] >= latest:
            latest, bound = stage["at"], stage["error"]


def test_the_default_scenario(lab: Lab, tmp_path: Path) -> None:
    before = lab.snapshot()
    witness = Witness(lab, tmp_path / "witness")
    try:
        with lab.run() as command:
            done = command.finish(400)
    finally:
        witness.close()

    assert done.code == 0, done.err
    assert (done.folder / "report.html").stat().st_size > 10_000
    result = done.result
    assert result["ledger_closes"]
    assert result["provenance"]["platform"] == f"kubernetes: namespace {lab.namespace}"

    assert_counts(result, witness)

    # The question that the study is for.
    stock, max_age = of_setting(result, "stock"), of_setting(result, "max-age")
    assert len(stock["adaptability"]["added"]) == len(max_age["adaptability"]["added"]) == 3
    assert stock["adaptability"]["detect"]["censored"] == stock["adaptability"]["detect"]["count"] == 6
    assert stock["adaptability"]["discovery"]["censored"] == 6
    assert sorted(stock["adaptability"]["undiscovered"]) == sorted(
        added["server"] for added in stock["adaptability"]["added"]
    )
    for name in ("detect", "discovery"):
        assert max_age["adaptability"][name]["median"]["seconds"] > 0
    assert max_age["adaptability"]["undiscovered"] == []

    for setting in (stock, max_age):
        assert len(setting["adaptability"]["removed"]) == 4
        for added in setting["adaptability"]["added"]:
            assert_in_order(added, ADDED)
        for removed in setting["adaptability"]["removed"]:
            assert_in_order(removed, REMOVED)

    # "restricted" is enforced, and nobody runs as root.
    labels = lab.kubectl("get", "namespace", lab.namespace, "-o", "jsonpath={.metadata.labels}")
    assert '"pod-security.kubernetes.io/enforce":"restricted"' in labels
    assert len(witness.pods) == 2 * 6 + 2 + 1
    assert all(pod["spec"]["securityContext"]["runAsNonRoot"] for pod in witness.pods.values())

    assert lab.snapshot() == before


SHORT = """
name = "short"
description = "for a test"
duration = 30
[load]
clients = 2
rate = 20
[[step]]
at = 0
servers = 2
[[step]]
at = 6
servers = 3
"""


@pytest.fixture
def short(tmp_path: Path) -> str:
    path = tmp_path / "short.toml"
    path.write_text(SHORT)
    return str(path)


def test_trouble_changes_no_count_but_those_it_must(lab: Lab, short: str, tmp_path: Path) -> None:
    before = lab.snapshot()
    with (
        before_the_api(lab.kubeconfig, tmp_path) as (proxy, kubeconfig),
        lab.run(short, "--setting", "max-age", kubeconfig=kubeconfig) as command,
    ):
        command.until("load runs")
        # In the middle of the scale-up nobody hears what the API tells.
        command.until("scale to 3 servers", 60)
        assert proxy.cut() >= 3
        instance = "app.kubernetes.io/instance=greeter-max-age"
        killed = lab.get("pods", "-l", instance)[0]["metadata"]["name"]
        lab.kubectl("delete", "pod", killed, "--grace-period=0", "--force")
        done = command.finish(300)

    result = done.result
    (setting,) = result["settings"]
    ledger = entries(setting)
    assert result["ledger_closes"], ledger
    assert done.code == 0, done.err
    tally = ledger["RPC spans"]
    assert tally["left_count"] == tally["right_count"] > 0
    # Another one came in its place, and each has its life told once.
    assert killed in setting["servers"]
    assert len(setting["servers"]) == 4
    assert lab.snapshot().keys() == before.keys()


def test_a_collector_that_is_deleted_loses_no_count_of_the_programs(lab: Lab, short: str) -> None:
    with lab.run(short, "--setting", "stock") as command:
        command.until("load runs")
        command.until("Ready", 60)
        lab.kubectl("delete", "pod", "-l", "app.kubernetes.io/component=collector", "--wait=false")
        done = command.finish(300)

    (setting,) = done.result["settings"]
    ledger = entries(setting)
    for name in ("RPCs scheduled", "RPCs ended"):
        assert ledger[name]["closes"]
    spans = ledger["RPC spans"]
    # What it had accepted and not yet passed on is lost with its pod: that is told, and never made up.
    assert spans["left_count"] <= spans["right_count"] > 0
    assert done.result["ledger_closes"] == (done.code == 0)
    assert (done.code == 0) == all(entry["closes"] for entry in ledger.values())


def test_an_interrupted_run_leaves_nothing(lab: Lab) -> None:
    before = lab.snapshot()
    with lab.run("quick", "--setting", "stock") as command:
        command.until("load runs")
        command.signal(signal.SIGINT)
        done = command.finish(120)
    assert done.code == 130
    assert lab.snapshot() == before


def test_what_a_killed_run_left_is_removed_by_the_next(lab: Lab) -> None:
    before = lab.snapshot()
    with lab.run("quick", "--setting", "stock") as command:
        command.until("starting the clients")
        command.signal(signal.SIGKILL)
        command.finish(30)
    assert lab.snapshot().keys() > before.keys()

    with lab.run("quick", "--setting", "stock") as command:
        refused = command.finish(60)
    assert refused.code == 1
    assert "another run is on in namespace" in refused.err

    past = (datetime.now(UTC) - timedelta(seconds=60)).isoformat(timespec="microseconds")
    patch = f'{{"spec": {{"renewTime": "{past.replace("+00:00", "Z")}"}}}}'
    lab.kubectl("patch", "lease", "lbstudy-run", "--type=merge", "-p", patch)
    with lab.run("quick", "--setting", "stock") as command:
        command.until("removing what the run")
        done = command.finish(200)
    assert done.code == 0, done.err
    assert lab.snapshot() == before


def test_deleting_the_lease_removes_everything(lab: Lab) -> None:
    before = lab.snapshot()
    with lab.run("quick", "--setting", "stock") as command:
        command.until("Ready")
        command.signal(signal.SIGKILL)
        command.finish(30)
    lab.kubectl("delete", "lease", "lbstudy-run", "--wait=false")
    deadline = time.monotonic() + 120
    while lab.snapshot() != before:
        assert time.monotonic() < deadline, sorted(lab.snapshot().keys() ^ before.keys())
        time.sleep(1)
