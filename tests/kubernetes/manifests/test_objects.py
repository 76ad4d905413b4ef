"""Every object of every overlay, against Kubernetes' schemas and this project's rules."""

import json
import re
from itertools import chain

import kubernetes_validate  # type: ignore[import-untyped]  # it has no annotations
import pytest

from tests.kubernetes.manifests.rendered import (
    CLUSTER_WIDE,
    NAMESPACE,
    OVERLAYS,
    Object,
    pod,
    render,
    workloads,
)

KUBERNETES = "1.34"
OWN_IMAGES = {"lbstudy:dev", "lbstudy-push:dev", "lbstudy-study:dev"}


@pytest.fixture(params=OVERLAYS)
def objects(request: pytest.FixtureRequest) -> list[Object]:
    return render(request.param)


def test_every_object_fits_the_schema() -> None:
    # Most are the same in several overlays, and a schema takes its time.
    different = {json.dumps(one, sort_keys=True) for overlay in OVERLAYS for one in render(overlay)}
    for one in different:
        kubernetes_validate.validate(json.loads(one), KUBERNETES, strict=True)


def test_everything_is_in_one_namespace_that_is_restricted(objects: list[Object]) -> None:
    (namespace,) = (one for one in objects if one["kind"] == "Namespace")

    assert namespace["metadata"]["name"] == NAMESPACE
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for one in objects:
        if one["kind"] not in CLUSTER_WIDE:
            assert one["metadata"]["namespace"] == NAMESPACE, one["metadata"]["name"]
    for binding in (one for one in objects if one["kind"] == "RoleBinding"):
        assert [subject["namespace"] for subject in binding["subjects"]] == [NAMESPACE]


def test_nothing_reaches_beyond_the_namespace(objects: list[Object]) -> None:
    assert not {one["kind"] for one in objects} & {"ClusterRole", "ClusterRoleBinding"}


def test_workloads_have_the_recommended_labels_and_select_by_them(objects: list[Object]) -> None:
    for workload in workloads(objects):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["metadata"]["labels"] == labels
        assert {key.removeprefix("app.kubernetes.io/") for key in labels} == {
            "name",
            "component",
            "instance",
            "part-of",
        }
        assert labels["app.kubernetes.io/instance"] == workload["metadata"]["name"]
        if workload["kind"] == "Deployment":
            # By the instance, which a run's copies replace: none is taken for another's.
            selector = workload["spec"]["selector"]["matchLabels"]
            assert "app.kubernetes.io/instance" in selector
            assert selector.items() <= labels.items()


def test_services_select_pods_and_their_ports(objects: list[Object]) -> None:
    templates = [workload["spec"]["template"] for workload in workloads(objects)]
    for service in (one for one in objects if one["kind"] == "Service"):
        (template,) = (
            one
            for one in templates
            if service["spec"]["selector"].items() <= one["metadata"]["labels"].items()
        )
        ports = {
            port["name"]: port["containerPort"]
            for port in chain.from_iterable(one["ports"] for one in template["spec"]["containers"])
        }
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]


def test_images_are_pinned(objects: list[Object]) -> None:
    for workload in workloads(objects):
        for one in chain(pod(workload).get("initContainers", []), pod(workload)["containers"]):
            assert one["image"] in OWN_IMAGES or re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", one["image"])


def test_generated_configuration_is_named_by_its_content(objects: list[Object]) -> None:
    # So that changed configuration rolls out.
    for one in objects:
        if one["kind"] == "ConfigMap":
            assert re.search(r"-[a-z0-9]{10}$", one["metadata"]["name"])


def test_the_autoscaler_has_the_number_of_servers_to_itself() -> None:
    scaled = render("k8s/overlays/autoscaling")
    (autoscaler,) = (one for one in scaled if one["kind"] == "HorizontalPodAutoscaler")
    target = autoscaler["spec"]["scaleTargetRef"]
    (deployment,) = (
        one
        for one in scaled
        if (one["apiVersion"], one["kind"], one["metadata"]["name"])
        == (target["apiVersion"], target["kind"], target["name"])
    )

    assert "replicas" not in deployment["spec"]
    # Utilisation is of what is asked for.
    assert all("cpu" in one["resources"]["requests"] for one in pod(deployment)["containers"])


def test_a_drain_takes_one_server_and_is_not_held_up_by_one_that_is_not_ready(objects: list[Object]) -> None:
    budgets = {
        one["metadata"]["name"]: one["spec"] for one in objects if one["kind"] == "PodDisruptionBudget"
    }
    assert "greeter" in budgets
    assert all(budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow" for budget in budgets.values())
    for name, budget in budgets.items():
        (workload,) = (one for one in workloads(objects) if one["metadata"]["name"] == name)
        assert budget["selector"] == workload["spec"]["selector"]
        assert pod(workload)["topologySpreadConstraints"][0]["labelSelector"] == budget["selector"]


def test_every_container_requests_room_for_what_it_writes(objects: list[Object]) -> None:
    for workload in workloads(objects):
        for container in pod(workload)["containers"]:
            assert "ephemeral-storage" in container["resources"]["requests"]
