"""What every pod is: restricted, probed, ended with time enough, and told who it is."""

import re
from itertools import chain
from typing import Any

import pytest
from lbstudy.config.load import load_setting

from tests.kubernetes.manifests.rendered import OVERLAYS, Object, container, find, pod, render, workloads

FLUSH = 20.0  # s, seen where the Collector is gone: the exporters of spans and of metrics try for 10 s each


def containers(workload: Object) -> list[Object]:
    return [*pod(workload).get("initContainers", []), *pod(workload)["containers"]]


@pytest.fixture(params=OVERLAYS)
def objects(request: pytest.FixtureRequest) -> list[Object]:
    return render(request.param)


def test_pods_are_restricted(objects: list[Object]) -> None:
    for workload in workloads(objects):
        context = pod(workload)["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not any("hostPath" in volume for volume in pod(workload).get("volumes", []))
        for one in containers(workload):
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, one["name"]


def test_a_token_for_the_api_is_there_only_where_a_role_is_bound(objects: list[Object]) -> None:
    bound = {
        subject["name"]
        for binding in objects
        if binding["kind"] == "RoleBinding"
        for subject in binding["subjects"]
    }
    accounts = {one["metadata"]["name"] for one in objects if one["kind"] == "ServiceAccount"}
    for workload in workloads(objects):
        account = pod(workload)["serviceAccountName"]
        assert account in accounts
        assert pod(workload)["automountServiceAccountToken"] is (account in bound)


def test_no_variable_comes_from_other_services(objects: list[Object]) -> None:
    # Kubernetes would make OTEL_COLLECTOR_PORT and the like of the Services' names.
    for workload in workloads(objects):
        assert pod(workload)["enableServiceLinks"] is False


def test_resources_are_asked_for_and_memory_is_bounded(objects: list[Object]) -> None:
    for one in chain.from_iterable(map(containers, workloads(objects))):
        assert one["resources"]["requests"].keys() == {"cpu", "memory", "ephemeral-storage"}
        assert "memory" in one["resources"]["limits"]
        assert "cpu" not in one["resources"]["limits"]  # throttling would be taken for latency


def test_what_is_written_to_is_bounded(objects: list[Object]) -> None:
    for workload in workloads(objects):
        for volume in pod(workload).get("volumes", []):
            if "emptyDir" in volume:
                assert "sizeLimit" in volume["emptyDir"], volume["name"]


def test_whoever_listens_is_probed(objects: list[Object]) -> None:
    for workload in workloads(objects):
        for one in pod(workload)["containers"]:
            ports = {port["name"]: port["containerPort"] for port in one.get("ports", [])}
            if not ports:
                continue
            for probe in (one["readinessProbe"], one["livenessProbe"]):
                where: Any = (probe.get("grpc") or probe["httpGet"])["port"]
                assert where in (ports if isinstance(where, str) else ports.values())
            # The time to discovery begins with Ready: the kubelet's shortest period.
            assert one["readinessProbe"]["periodSeconds"] == 1


def test_servers_are_probed_by_grpc_and_have_time_to_start() -> None:
    server = container(render("k8s"), "greeter")

    assert all(
        server[probe]["grpc"] == {"port": 50051}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    )
    assert server["startupProbe"]["periodSeconds"] == 1
    assert server["startupProbe"]["failureThreshold"] >= 30


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_servers_are_given_the_time_of_their_drain(overlay: str) -> None:
    deployment = find(render(overlay), "Deployment", "greeter")
    one = pod(deployment)["containers"][0]
    stop = one.get("lifecycle", {}).get("preStop", {})
    # The server waits itself: a preStop sleep would be the same wait again.
    assert "sleep" not in stop
    said = [*one["args"], *stop.get("exec", {}).get("command", [])]
    seconds = dict(argument.split("=", 1) for argument in said if "=" in argument)
    before = float(seconds["--deadline"]) if stop else 0.0
    drain = before + float(seconds["--drain-wait"]) + float(seconds["--drain-grace"])

    assert pod(deployment)["terminationGracePeriodSeconds"] > drain + FLUSH


def test_servers_drain_as_the_stock_setting_says() -> None:
    drain = load_setting("stock").drain
    arguments = container(render("k8s"), "greeter")["args"]

    assert f"--drain-wait={drain.wait:g}" in arguments
    assert f"--drain-grace={drain.grace:g}" in arguments


def test_servers_can_be_signalled_by_an_exec() -> None:
    assert pod(find(render("k8s"), "Deployment", "greeter"))["shareProcessNamespace"] is True


@pytest.mark.parametrize("deployment", ["greeter", "client"])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_variable_comes_after_those_that_it_refers_to(overlay: str, deployment: str) -> None:
    known: set[str] = set()
    one = container(render(overlay), deployment)
    for variable in one["env"]:
        assert set(re.findall(r"\$\(([A-Z_]+)\)", variable.get("value", ""))) <= known
        known.add(variable["name"])
    assert set(re.findall(r"\$\(([A-Z_]+)\)", " ".join(one["args"]))) <= known


def test_programs_are_told_where_they_are() -> None:
    for deployment in ("greeter", "client"):
        fields = {
            variable["name"]: variable["valueFrom"]["fieldRef"]["fieldPath"]
            for variable in container(render("k8s"), deployment)["env"]
            if "valueFrom" in variable
        }
        assert fields == {
            "POD_NAME": "metadata.name",
            "POD_NAMESPACE": "metadata.namespace",
            "POD_UID": "metadata.uid",
            "POD_IP": "status.podIP",
            "NODE_NAME": "spec.nodeName",
        }
