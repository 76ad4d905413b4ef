"""`lbstudy watch` of servers that kubectl scales and restarts: it can only read, and tells what they log.

The servers' own lines are the referee: each writes when a client's address first called it.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lbstudy.report.schemas import json_schema

from tests.kubernetes.e2e.lab import Command, Lab
from tests.kubernetes.e2e.shop import firsts, go_client, go_image, pods_of, program, service, shop

ROOT = Path(__file__).parents[3]
EXACT = 0.1  # s, between a first request as it is told and as the server wrote it
READING = {"get", "list", "watch"}


def reader(lab: Lab, folder: Path) -> Path:
    """The kubeconfig of a ServiceAccount that has the Role of k8s/watch, and nothing else."""
    lab.kubectl("apply", "-f", str(ROOT / "k8s/watch/role.yaml"))
    token = lab.kubectl("create", "token", "lbstudy-watch").strip()
    config = json.loads(lab.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    config["users"][0]["user"] = {"token": token}
    made = folder / "reader.kubeconfig"
    made.write_text(json.dumps(config))
    return made


def as_reader(lab: Lab, kubeconfig: Path, *arguments: str, stdin: str | None = None) -> tuple[int, str]:
    """kubectl's exit code, and what it said, with the rights of a kubeconfig."""
    done = subprocess.run(
        ["kubectl", "--kubeconfig", str(kubeconfig), "--namespace", lab.namespace, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        input=stdin,
    )
    return done.returncode, done.stdout + done.stderr


def clients_of(lab: Lab, *names: str) -> dict[str, str]:
    """IP → client workload."""
    return {address: name for name in names for address in pods_of(lab, name).values()}


@contextmanager
def watched(lab: Lab, folder: Path, kubeconfig: Path, *names: str) -> Iterator[Command]:
    """A watch of the Services, which asks the cluster's Prometheus and Jaeger, and leaves a report."""
    with (
        lab.cluster.forwarded("prometheus", 9090) as prometheus,
        lab.cluster.forwarded("jaeger", 16686) as jaeger,
        lab.lbstudy(
            folder,
            "watch",
            *(f"{lab.namespace}/{name}" for name in names),
            *("--prometheus", prometheus, "--jaeger", jaeger, "--out", str(folder / "watched")),
            kubeconfig=kubeconfig,
        ) as command,
    ):
        command.until(f"{names[-1]}: 1 Ready")
        yield command


def test_the_account_of_a_watch_can_only_read(lab: Lab, tmp_path: Path) -> None:
    kubeconfig = reader(lab, tmp_path)
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": lab.namespace},
    }
    code, told = as_reader(
        lab, kubeconfig, "create", "--validate=false", "-f", "-", "--output", "json", stdin=json.dumps(review)
    )
    assert code == 0, told
    status = json.loads(told)["status"]
    assert not status["incomplete"]
    # Kubernetes lets each account ask what it may do itself, and no more than that.
    own = {"selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"}
    rules = [one for one in status["resourceRules"] if not set(one["resources"]) <= own]
    assert {verb for one in rules for verb in one["verbs"]} == READING
    assert {what for one in rules for what in one["resources"]} == {"pods", "services", "endpointslices"}
    assert {verb for one in status["nonResourceRules"] for verb in one["verbs"]} <= {"get"}

    for tried in (
        ("scale", "deployment/jaeger", "--replicas=0"),
        ("rollout", "restart", "deployment/jaeger"),
        ("delete", "service/jaeger"),
        ("label", "service/jaeger", "changed=yes"),
        ("create", "configmap", "made"),
    ):
        code, told = as_reader(lab, kubeconfig, *tried)
        assert code != 0
        assert "Forbidden" in told or "forbidden" in told, (tried, told)


def test_watch_tells_what_the_servers_own_logs_say(lab: Lab, tmp_path: Path) -> None:
    """Clients find new pods of orders; of stock they do not; servers of vault tell nothing of themselves."""
    go = go_image()
    telling = ["checkout", *(["billing"] if go else [])]
    clients = [program(lab, "checkout", "client.py", "orders", "stock")]
    clients.append(program(lab, "audit", "client.py", "orders", "stock", "vault", traced=False))
    if go:
        clients.append(go_client(lab, "billing", go, "orders"))
    servers = [
        program(lab, "orders", "server.py", "3000", "0"),
        program(lab, "stock", "server.py", "0", "0"),
        program(lab, "vault", "server.py", "3000", "0", traced=False),
    ]
    services = [service(name) for name in ("orders", "stock", "vault")]
    with (
        shop(lab, *services, *servers, *clients),
        watched(lab, tmp_path, reader(lab, tmp_path), "orders", "stock", "vault") as command,
    ):
        by_address = clients_of(lab, "audit", *telling)
        lab.kubectl("scale", "deployment/orders", "--replicas=3")
        lab.kubectl("scale", "deployment/stock", "--replicas=2")
        lab.kubectl("rollout", "restart", "deployment/vault")
        lab.cluster.ready("orders", "stock", "vault")
        scaled = called_by_all(lab, command, "orders", set(by_address))
        (uncalled,) = (pod for pod, calls in firsts(lab, "stock").items() if not calls)
        command.until(f"{uncalled} is Ready for", within=60)

        lab.kubectl("rollout", "restart", "deployment/orders")
        lab.cluster.ready("orders")
        restarted = called_by_all(lab, command, "orders", set(by_address))
        (unseen,) = pods_of(lab, "vault")
        command.until("whether anybody calls it is not observed", within=60)
        assert [by_address[address] for address in firsts(lab, "vault")[unseen]] == ["audit"]
        assert not firsts(lab, "stock")[uncalled]
        command.process.send_signal(2)
        finished = command.finish()

    assert finished.code == 0, finished.err
    found = json.loads((tmp_path / "watched" / "watch.json").read_text())
    jsonschema.validate(found, json_schema("watch"))
    jsonschema.validate(json.loads((tmp_path / "watched" / "result.json").read_text()), json_schema("result"))
    orders, stock, vault = ({pod["name"]: pod for pod in one["pods"]} for one in found["services"])
    logs = {
        pod: {by_address[address]: at for address, at in calls.items()}
        for pod, calls in (scaled | restarted).items()
        if pod in orders and orders[pod]["came"]
    }
    (tmp_path / "logs.json").write_text(json.dumps(logs))
    assert len(logs) == 5  # two were added, and then all three replaced
    for pod, calls in logs.items():
        assert_told(orders[pod], calls, telling)
    callers = {one["name"]: one for one in found["services"][0]["clients"]}
    assert set(callers) == set(telling)
    assert callers["checkout"]["connections"] > 0

    told = [one for one in found["events"] if one["kind"] == "uncalled"]
    assert_named(stock[uncalled], told)
    # What comes from Jaeger comes some seconds late; nobody was called late otherwise.
    for pod, calls in logs.items():
        assert not [one for one in told if pod in one["pods"] and one["at"] > max(calls.values()) + 10]
    assert_nothing_claimed(vault[unseen])
    assert found["services"][2]["clients"] == []


def assert_named(named: dict[str, Any], told: list[dict[str, Any]]) -> None:
    """The pod that nobody calls, 15 s after it was Ready at the latest, with the reason."""
    assert named["uncalled"]
    assert named["first_request"] is None
    event = next(one for one in told if named["name"] in one["pods"])
    assert event["at"] - named["stages"]["ready"]["at"] <= 15
    assert event["why"] == {"checkout": "waits"}


def assert_nothing_claimed(unseen: dict[str, Any]) -> None:
    """Neither it nor its only client tells of itself: it was called, and that is not observed."""
    assert unseen["came"]
    assert unseen["first_request"] is None
    assert not unseen["uncalled"]
    assert unseen["callers"] == []


def called_by_all(lab: Lab, command: Command, name: str, clients: set[str]) -> dict[str, dict[str, float]]:
    """Wait until each pod has written that each client called it, and the watch has said so of each pod."""
    deadline = time.monotonic() + 60
    found = firsts(lab, name)
    while any(clients != set(calls) for calls in found.values()):
        assert time.monotonic() < deadline, found
        time.sleep(0.5)  # kubectl has nothing to wait by
        found = firsts(lab, name)
    for pod in found:
        if any(f"{pod} was created" in line for line in command.lines):
            command.until(f"{pod} got its first request", within=60)
    return found


def assert_told(pod: dict[str, Any], calls: dict[str, float], telling: list[str]) -> None:
    """The pod's first request, and those of clients that tell of themselves, are as it wrote; no others."""
    assert pod["first_request"]["at"] == pytest.approx(min(calls.values()), abs=EXACT), (pod, calls)
    assert pod["first_request"]["error"] == 0
    told = {one["workload"]: one["first"] for one in pod["callers"]}
    assert set(told) == set(telling)
    for name, first in told.items():
        assert first["at"] - first["error"] - EXACT <= calls[name] <= first["at"] + EXACT, (name, pod, calls)
        assert first["error"] < 2  # s, a client's deadline: by spans, not by samples
