"""Push on a real cluster: in a run beside DNS and under faults, compared, and live."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.kubernetes.e2e.lab import LIVE, Lab, Witness
from tests.kubernetes.e2e.results import assert_counts, of_setting
from tests.stack.parts import GUARD

# A start that crashes must have begun before the fault is lifted, and be over, with the kubelet's back-off,
# before the servers are scaled down.
FAULTS = """
name = "faults"
description = "for a test"
duration = 66
[load]
clients = 2
rate = 20
[[step]]
at = 0
servers = 2
[[fault]]
kind = "slow-start"
at = 1
until = 40
servers = 1
seconds = 5
[[fault]]
kind = "crash-at-start"
at = 2
until = 24
servers = 1
[[step]]
at = 4
servers = 4
[[fault]]
kind = "error"
at = 45
until = 52
servers = 1
rate = 0.5
[[step]]
at = 57
servers = 2
"""
GROWING = """
name = "growing"
description = "for a test"
duration = 16
[load]
clients = 2
rate = 10
[[step]]
at = 0
servers = 1
[[step]]
at = 2
servers = 2
"""


def run(lab: Lab, tmp_path: Path, scenario: str, *settings: str) -> tuple[dict[str, Any], Witness]:
    """A run whose ledger closes and agrees with the pods' own logs: its result, and who saw the pods."""
    witness = Witness(lab, tmp_path / "witness")
    try:
        chosen = [word for setting in settings for word in ("--setting", setting)]
        with lab.run(scenario, *chosen) as command:
            done = command.finish(400)
    finally:
        witness.close()
    assert done.code == 0, done.err
    assert done.result["ledger_closes"]
    assert_counts(done.result, witness)
    return done.result, witness


def test_beside_dns_under_faults(lab: Lab, tmp_path: Path) -> None:
    before = lab.snapshot()
    scenario = tmp_path / "faults.toml"
    scenario.write_text(FAULTS)
    result, witness = run(lab, tmp_path, str(scenario), "stock", "push")

    stock, push = of_setting(result, "stock"), of_setting(result, "push")
    for name in ("detect", "discovery"):
        assert stock["adaptability"][name]["censored"] == stock["adaptability"][name]["count"] == 4
        assert push["adaptability"][name]["censored"] == 0
        assert push["adaptability"][name]["count"] == 4
    # Told by the control plane, in its own log and in its traces.
    for added in push["adaptability"]["added"]:
        stages = {stage["name"]: stage for stage in added["stages"]}
        assert stages["in DNS"]["at"] is not None
        for client in added["clients"]:
            update = next(stage for stage in client["stages"] if stage["name"] == "resolver update")
            assert update["link"] is not None
    (control_plane,) = (name for name in witness.pods if name.startswith("push-greeter-push-"))
    taken_in = {address for said in told(witness, control_plane) for address in said["added"]}
    assert {server_address(witness, name) for name in push["servers"]} <= taken_in

    # What is lost is what the fault took, as the server counted it itself.
    stopped = witness.events("stopped")
    for setting in (stock, push):
        mine = [name for name in stopped if name.startswith(f"greeter-{setting['name']}-")]
        erred = {name: stopped[name]["answered"].get("UNAVAILABLE", 0) for name in mine}
        assert len([count for count in erred.values() if count]) == 1
        assert setting["errors"]["client_by_code"].get("UNAVAILABLE", 0) == sum(erred.values())
        assert [removed["failed"] for removed in setting["adaptability"]["removed"]] == [0, 0]

        # Of the two that were added, one crashed at its start, once or more, and no other ever did.
        crashed = [name for name in mine if "cannot listen" in witness.log(name)]
        (troubled,) = [name for name in mine if restarts(witness.pods[name])]
        assert crashed == [troubled]
        assert troubled in {added["server"] for added in setting["adaptability"]["added"]}

    # The hook of a pushed server asks the run's own control plane, and there is none with DNS.
    for name, pod in witness.pods.items():
        lifecycle = json.dumps(pod["spec"]["containers"][0].get("lifecycle", {}))
        assert ("push-greeter-push:18000" in lifecycle) == name.startswith("greeter-push-"), name
        assert "push-replicas" not in lifecycle
    assert lab.snapshot() == before


def told(witness: Witness, control_plane: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in witness.log(control_plane).splitlines() if line.startswith("{"))
    return [said for said in lines if said["event"] == "endpoints" and said["service"] == "greeter-push"]


def server_address(witness: Witness, pod: str) -> str:
    return f"{witness.pods[pod]['status']['podIP']}:50051"


def restarts(pod: dict[str, Any]) -> int:
    return sum(int(status["restartCount"]) for status in pod["status"].get("containerStatuses", []))


def test_the_scenario_that_settings_are_compared_with(lab: Lab, tmp_path: Path) -> None:
    """The answers of a comparison hold on a cluster as well, in their order."""
    result, witness = run(lab, tmp_path, "compare", "stock", "push-combined")

    stock, combined = of_setting(result, "stock"), of_setting(result, "push-combined")
    assert stock["adaptability"]["discovery"]["censored"] == 4
    assert combined["adaptability"]["discovery"]["censored"] == 0
    assert [fault["label"].partition(" ")[0] for fault in stock["faults"]] == ["stop", "error"]
    stopped = witness.events("stopped")
    erred = {
        setting: sum(
            said["answered"].get("UNAVAILABLE", 0)
            for name, said in stopped.items()
            if name.startswith(f"greeter-{setting}-")
        )
        for setting in ("stock", "push-combined")
    }
    # Without retries each error that a server gave reached the application; with them none did.
    assert stock["errors"]["client_by_code"]["UNAVAILABLE"] == erred["stock"] > 0
    assert erred["push-combined"] > 0
    assert "UNAVAILABLE" not in combined["errors"]["client_by_code"]
    (hung, _), (kept, _) = stock["faults"], combined["faults"]
    assert kept["during"]["failed"] < hung["during"]["failed"]


def test_a_comparison_goes_on_where_it_was(lab: Lab, tmp_path: Path) -> None:
    before = lab.snapshot()
    scenario, folder = tmp_path / "growing.toml", tmp_path / "compared"
    scenario.write_text(GROWING)
    arguments = ("-s", "stock", "-s", "push", "--scenario", str(scenario), "--repeat", "2")
    where = ("--on", "kubernetes", "--namespace", lab.namespace, "--out", str(folder))
    with lab.lbstudy(folder, "compare", *arguments, *where) as command:
        command.until("run 2 of 2")
        command.until("of 21 s")  # its load, which is 5 s longer
        command.signal(signal.SIGINT)
        done = command.finish()
    assert done.code == 130, done.err
    assert lab.snapshot() == before

    with lab.lbstudy(folder, "compare", "--resume", str(folder)) as command:
        done = command.finish()
    assert done.code == 0, done.err
    assert (folder / "compare.html").stat().st_size > 10_000
    compared = done.result
    assert [(one["state"], one["ledger_closes"]) for one in compared["outcomes"]] == [("done", True)] * 2
    for run in sorted((folder / "runs").iterdir()):
        result = json.loads((run / "result.json").read_text())
        assert result["provenance"]["platform"] == f"kubernetes: namespace {lab.namespace}"
    detect = {cell["setting"]: cell["figures"][0]["estimate"]["median"]["more"] for cell in compared["cells"]}
    assert detect == {"stock": True, "push": False}
    assert lab.snapshot() == before


def test_live_servers_are_replaced_without_a_failed_rpc(lab: Lab) -> None:
    """Benchmarks/push has fifty of these; here it is what the manifests must have right."""
    control_planes = "app.kubernetes.io/component=control-plane,app.kubernetes.io/instance=push"
    try:
        lab.kubectl("scale", "deployment/push", "deployment/greeter", "--replicas=2")
        lab.cluster.ready("push", "greeter")
        lab.kubectl("scale", "deployment/client", "--replicas=1")
        lab.cluster.ready("client")
        (client,) = lab.get("pods", "-l", "app.kubernetes.io/instance=client")
        name = client["metadata"]["name"]
        log = ["kubectl", "-n", lab.namespace, "logs", "--follow", name]
        with subprocess.Popen(log, stdout=subprocess.PIPE, text=True) as follow:
            try:
                lab.kubectl("scale", "deployment/greeter", "--replicas=3")
                lab.cluster.ready("greeter")
                lab.kubectl("rollout", "restart", "deployment/greeter")
                lab.cluster.ready("greeter")
                lab.kubectl("rollout", "restart", "deployment/greeter")
                lab.cluster.ready("greeter")
                lab.kubectl("scale", "deployment/greeter", "--replicas=2")
                lab.cluster.ready("greeter")
                pods = [
                    pod["metadata"] for pod in lab.get("pods", "-l", "app.kubernetes.io/instance=greeter")
                ]
                last = {pod["name"] for pod in pods if "deletionTimestamp" not in pod}
                # Each that ends waits until the client has the list without it.
                if ending := [f"pod/{pod['name']}" for pod in pods if pod["name"] not in last]:
                    lab.kubectl("wait", *ending, "--for=delete", "--timeout=120s")
                # Last, since clients come back to those that follow after a back-off of their own.
                lab.kubectl("delete", "pods", "-l", control_planes, "--grace-period=0", "--force")
                lab.cluster.ready("push")
                lab.kubectl("delete", "pod", name)
                said, _ = follow.communicate(timeout=GUARD)
            finally:
                follow.kill()
    finally:
        lab.kubectl("scale", *LIVE, "--replicas=0")
        live = "app.kubernetes.io/name in (greeter, endpoint-push)"
        lab.kubectl("wait", "pods", "-l", live, "--for=delete", "--timeout=120s")

    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    (tally,) = [event["tally"] for event in events if event["event"] == "finished"]
    assert tally["by_code"].keys() == {"OK"}, tally
    # It followed: the servers that are there last were none of the first.
    assert last <= tally["by_server"].keys()
    assert len(tally["by_server"]) >= 3 + 3 + 2
