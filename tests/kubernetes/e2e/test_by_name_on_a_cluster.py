"""`lbstudy run --on kubernetes --server … --client …`: Deployments that the study knows nothing of."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.e2e.lab import Lab, Witness

SCENARIO = """
name = "by-name"
description = "for a test"
duration = 5
[load]
clients = 2
rate = 20
[[step]]
at = 0
servers = 2
[[step]]
at = 2
servers = 1
"""
SECURITY = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
LOCKED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def deployment(lab: Lab, name: str, container: dict[str, Any]) -> dict[str, Any]:
    """A Deployment without pods of its own, with labels and names that are not the study's."""
    locked = {"image": lab.cluster.image, "securityContext": LOCKED}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                # The policies of the namespace go by these.
                "metadata": {"labels": {"app": name, "app.kubernetes.io/part-of": "lbstudy"}},
                "spec": {"securityContext": SECURITY, "containers": [container | locked]},
            },
        },
    }


def apply_shop(lab: Lab, name: str, start: list[str]) -> None:
    """Servers behind a Service with a port of its own, and a client that knows only that Service."""
    server = {
        "name": "app",
        "command": [*start, "greeter.server"],
        "args": ["--address=0.0.0.0:9000", "--work=0.01", "--drain-wait=0.5", "--drain-grace=3"],
        "ports": [{"name": "api", "containerPort": 9000}],
        "readinessProbe": {"grpc": {"port": 9000}, "periodSeconds": 1},
    }
    client = {
        "name": "app",
        "command": [*start, "greeter.client"],
        # No end of its own: a day.
        "args": ["--target=$(BACKEND)", "--clients=2", "--rate=20", "--duration=86400"],
        "env": [{"name": "BACKEND", "value": f"dns:///{name}:80"}],
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": "api"}]},
    }
    items = [deployment(lab, name, server), deployment(lab, f"{name}-caller", client), service]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    lab.cluster.kubectl("apply", "-f", "-", stdin=listed)


def names(name: str) -> tuple[str, ...]:
    return "--server", f"deployment/{name}", "--client", f"deployment/{name}-caller", "--setting", "stock"


@pytest.mark.parametrize("is_instrumented", [True, False])
def test_deployments_by_name(lab: Lab, tmp_path: Path, is_instrumented: bool) -> None:
    (tmp_path / "short.toml").write_text(SCENARIO)
    scenario = str(tmp_path / "short.toml")
    name = "shop" if is_instrumented else "plain"
    apply_shop(lab, name, [*(["opentelemetry-instrument"] if is_instrumented else []), "python", "-m"])
    before = lab.snapshot()

    witness = Witness(lab, tmp_path / "witness")
    try:
        with lab.run(scenario, *names(name)) as command:
            done = command.finish(300)
    finally:
        witness.close()

    assert done.code == 0, done.err
    assert lab.snapshot() == before
    (setting,) = done.result["settings"]
    assert done.result["ledger_closes"], setting["ledger"]
    # What the servers and the client said of themselves, read by kubectl.
    stopped, finished = witness.events("stopped"), witness.events("finished")
    assert len(stopped) == 2, stopped
    assert all(server.startswith(f"{name}-stock-") for server in stopped)
    answered = {server: said["answered"].get("OK", 0) for server, said in stopped.items()}
    (tally,) = (said["tally"] for said in finished.values())
    # A day of load would be 3.4 million: the client was ended with the load.
    assert 0 < sum(answered.values()) < 10_000
    assert sum(answered.values()) == tally["by_code"]["OK"]
    assert setting["errors"]["client_by_code"] == tally["by_code"]
    not_applied = {one["option"] for one in setting["not_applied"]}
    assert {"rate of the load", "duration of the load", "[drain] wait"} <= not_applied
    if is_instrumented:
        assert {one: count for one, count in setting["distribution"]["total"].items() if count} == answered


CALLED = """
name = "called"
[kubernetes]
server = "deployment/called"
[call]
method = "greeter.v1.GreeterService/SayHello"
request = { name = "you" }
"""


def test_the_studys_client_calls_a_deployment_and_applies_the_settings(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "short.toml").write_text(SCENARIO)
    (tmp_path / "called.toml").write_text(CALLED)
    apply_shop(lab, "called", ["python", "-m"])  # servers without telemetry
    before = lab.snapshot()

    witness = Witness(lab, tmp_path / "witness")
    both = ("--setting", "stock", "--setting", "pick-first")
    try:
        with lab.run(
            str(tmp_path / "short.toml"), "--subject", str(tmp_path / "called.toml"), *both
        ) as command:
            done = command.finish(300)
    finally:
        witness.close()

    assert done.code == 0, done.err
    assert lab.snapshot() == before
    settings = {setting["name"]: setting for setting in done.result["settings"]}
    assert done.result["ledger_closes"]
    stopped, finished = witness.events("stopped"), witness.events("finished")
    for name, setting in settings.items():
        answered = [
            said["answered"].get("OK", 0)
            for server, said in stopped.items()
            if server.startswith(f"called-{name}-")
        ]
        (tally,) = (said["tally"] for client, said in finished.items() if f"client-{name}" in client)
        # The load is the study's: 2 clients at 20 RPC/s for 5 s.
        assert tally["sent"] == 200
        assert sum(answered) == tally["by_code"]["OK"]
        assert setting["errors"]["client_by_code"] == tally["by_code"]
        assert {one["who"] for one in setting["not_applied"]} == {"servers"}
        # Each server of round_robin got some; of pick_first one got all, until it went.
        assert (min(answered) > 0) is (name == "stock") or name == "pick-first"


def test_two_clients_by_name_are_compared(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "short.toml").write_text(SCENARIO)
    apply_shop(lab, "pair", ["opentelemetry-instrument", "python", "-m"])
    for name, client in (("first", "pair-caller"), ("second", "pair-caller")):
        (tmp_path / f"{name}.toml").write_text(
            f'name = "{name}"\n[kubernetes]\nserver = "deployment/pair"\nclient = "deployment/{client}"\n'
        )
    folder = tmp_path / "comparison"
    where = ("--on", "kubernetes", "--namespace", lab.namespace, "--out", str(folder), "--repeat", "1")
    subjects = ("--subject", f"{tmp_path}/first.toml,{tmp_path}/second.toml")
    with lab.lbstudy(
        folder, "compare", "--scenario", str(tmp_path / "short.toml"), *subjects, *where
    ) as command:
        done = command.finish(400)
    assert done.code == 0, done.err
    (outcome,) = done.result["outcomes"]
    assert outcome["run"]["settings"] == ["first-stock", "second-stock"]
    assert outcome["ledger_closes"] is True
    # Each client called its own copy, and that alone.
    result = json.loads((folder / outcome["run"]["folder"] / "result.json").read_text())
    for setting in result["settings"]:
        assert sum(setting["distribution"]["total"].values()) > 0
        assert all(server.startswith(setting["name"]) for server in setting["distribution"]["total"])


FAULTS = """
name = "from-outside"
description = "for a test"
duration = 20
[load]
clients = 2
rate = 20
[[step]]
at = 0
servers = 3
[[fault]]
kind = "stop"
at = 2
until = 5
servers = 1
[[fault]]
kind = "not-ready"
at = 7
until = 10
servers = 1
[[fault]]
kind = "kill"
at = 13
servers = 1
[[fault]]
kind = "error"
at = 14
servers = 1
"""


def test_faults_are_made_from_outside(lab: Lab, tmp_path: Path) -> None:
    """Stopped, not Ready, killed: pods of programs that have no control service, as others see it."""
    (tmp_path / "faults.toml").write_text(FAULTS)
    apply_shop(lab, "hit", ["opentelemetry-instrument", "python", "-m"])
    witness = Witness(lab, tmp_path / "witness")
    try:
        with lab.run(str(tmp_path / "faults.toml"), *names("hit")) as command:
            done = command.finish(400)
    finally:
        witness.close()

    assert done.code in {0, 3}, done.err
    assert "[[fault]] error UNAVAILABLE" in done.err
    assert "its program would have to make it itself" in done.err
    (setting,) = done.result["settings"]
    by_kind = {fault["kind"]: fault for fault in setting["faults"]}
    assert by_kind.keys() == {"stop", "not-ready", "kill"}
    # Four servers, one of them in place of the killed one, which could not say that it stopped.
    servers = {name for name in witness.pods if name.startswith("hit-stock-")}
    assert len(servers) == 4
    assert list(servers - witness.events("stopped").keys()) == by_kind["kill"]["servers"]
    # The stopped one answered nothing for 3 s, and then what had waited; the others answered as ever.
    assert by_kind["stop"]["troubled"]["p99"] > 1.0, by_kind["stop"]
    assert by_kind["stop"]["untouched"]["p50"] < 1.0, by_kind["stop"]
    # As kubectl saw it: one whose containers were Ready was not.
    assert set(by_kind["not-ready"]["servers"]) <= witness.gated
