"""An autoscaled run on a real cluster: the run itself decides, by what servers say through port-forwards."""

from pathlib import Path

from tests.kubernetes.e2e.lab import Lab, Witness
from tests.kubernetes.e2e.results import of_setting

SCENARIO = """
name = "hot"
description = "for a test: a server with twice as much to do as it can, from 8 s on"
duration = 45
[load]
clients = 2
rate = 2
timeout = 2
[[load.step]]
at = 8
rate = 10
[server]
work = 0.1
concurrency = 1
[[step]]
at = 0
servers = 1
[autoscaler]
max_replicas = 3
target = 0.6
sync_period = 5
metric_window = 5
"""


def test_the_run_scales_the_servers_by_how_busy_they_say_that_they_are(lab: Lab, tmp_path: Path) -> None:
    before = lab.snapshot()
    path = tmp_path / "hot.toml"
    path.write_text(SCENARIO)
    witness = Witness(lab, tmp_path / "witness")
    try:
        with lab.run(str(path), "--setting", "stock") as command:
            done = command.finish(400)
    finally:
        witness.close()

    assert done.code == 0, done.err
    result = done.result
    assert result["ledger_closes"]
    stock = of_setting(result, "stock")
    entries = {entry["name"]: entry for entry in stock["ledger"]["entries"]}
    assert entries["scale commands"]["left_count"] >= 1

    # One server at 100 % of 60 % asks for two; the new one stays idle under stock, and the mean is then 50 %.
    scaling = stock["scaling"]
    assert scaling["not_observed"] is None
    assert scaling["most"] == 2
    assert [one["desired"] for one in scaling["decisions"]][-1] == 2
    last = [value for value in scaling["hottest_utilisation"][-15:] if value is not None]
    assert len(last) > 10
    assert min(last) > 0.9
    assert len(stock["adaptability"]["undiscovered"]) == 1

    # By the servers' own last words, which the study has no part in: one of the two was never called.
    answered = sorted(
        sum(said["answered"].values()) for pod, said in witness.events("stopped").items() if "greeter" in pod
    )
    assert len(answered) == 2
    assert answered[0] == 0
    assert answered[1] > 200
    assert lab.snapshot() == before
