"""Every connection that a pod's variables, arguments and hooks name is let through, and no other."""

import re
from typing import Any

import pytest

from tests.kubernetes.manifests.rendered import (
    OVERLAYS,
    Object,
    environment,
    find,
    pod,
    render,
    selects,
    workloads,
)

NAMED = re.compile(r"(?:^|[/=:])(?:[a-z0-9+]+://)?([a-z][a-z0-9-]*)(?:\.\S*?)?:(\d+)")
PUSHED = re.compile(r"xds:///([a-z][a-z0-9-]*)$")
"""A target whose addresses a control plane tells, with those of the Service's port grpc."""


def behind(objects: list[Object], service: str) -> Object:
    """The Deployment whose pods a Service selects."""
    selector = find(objects, "Service", service)["spec"]["selector"]
    (found,) = (
        one
        for one in objects
        if one["kind"] == "Deployment"
        and selects({"matchLabels": selector}, one["spec"]["template"]["metadata"]["labels"])
    )
    return found


def used_connections(objects: list[Object]) -> set[tuple[str, str, int]]:
    """(who, whose pods, which port), from the addresses in variables, arguments and hooks."""
    services = {one["metadata"]["name"]: one["spec"]["ports"] for one in objects if one["kind"] == "Service"}
    used = set()
    for workload in objects:
        if workload["kind"] != "Deployment":
            continue
        name = workload["metadata"]["name"]
        one = pod(workload)["containers"][0]
        hook = one.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
        for text in (*environment(objects, name).values(), *one.get("args", []), *hook):
            named = {(service, int(port)) for service, port in NAMED.findall(text)}
            named |= {
                (service, port["port"])
                for service in PUSHED.findall(text)
                for port in services[service]
                if port["name"] == "grpc"
            }
            used |= {
                (name, behind(objects, service)["metadata"]["name"], port)
                for service, port in named
                if service in services
            }
    return used


def allowed(objects: list[Object], source: str, name: str, port: int) -> bool:
    """What a network that enforces the policies would do."""
    labels = find(objects, "Deployment", source)["spec"]["template"]["metadata"]["labels"]
    target = find(objects, "Deployment", name)
    target_labels = target["spec"]["template"]["metadata"]["labels"]
    names = {one["name"]: one["containerPort"] for one in pod(target)["containers"][0]["ports"]}
    policies = [
        one["spec"]
        for one in objects
        if one["kind"] == "NetworkPolicy" and selects(one["spec"]["podSelector"], target_labels)
    ]
    return not policies or any(
        any(selects(peer["podSelector"], labels) for peer in rule["from"])
        and any(names.get(item["port"], item["port"]) == port for item in rule["ports"])
        for policy in policies
        for rule in policy.get("ingress", [])
    )


@pytest.fixture(params=OVERLAYS)
def objects(request: pytest.FixtureRequest) -> list[Object]:
    return render(request.param)


def test_the_connections_are_found() -> None:
    assert used_connections(render("k8s/overlays/grafana")) == {
        ("client", "greeter", 50051),
        ("client", "otel-collector", 4317),
        ("greeter", "otel-collector", 4317),
        ("otel-collector", "jaeger", 4327),
        ("otel-collector", "prometheus", 9090),
        ("jaeger", "prometheus", 9090),
        ("grafana", "prometheus", 9090),
        ("grafana", "jaeger", 16686),
    }


def test_every_connection_that_is_used_is_allowed(objects: list[Object]) -> None:
    for source, service, port in used_connections(objects):
        assert allowed(objects, source, service, port), (source, service, port)


def test_nothing_else_between_the_parts_is_allowed(objects: list[Object]) -> None:
    used = used_connections(objects)
    deployments = [one["metadata"]["name"] for one in objects if one["kind"] == "Deployment"]
    # Every pod may send telemetry, also what has none now.
    anyone = {(source, "otel-collector", port) for source in deployments for port in (4317, 4318)}
    for source in deployments:
        for target in workloads(objects):
            service = target["metadata"]["name"]
            ports: list[dict[str, Any]] = pod(target)["containers"][0].get("ports", [])
            for port in (one["containerPort"] for one in ports):
                if (source, service, port) not in used | anyone:
                    assert not allowed(objects, source, service, port), (source, service, port)


def test_pods_of_the_namespace_are_closed_to_begin_with(objects: list[Object]) -> None:
    deny = find(objects, "NetworkPolicy", "default-deny")["spec"]

    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_who_may_go_out_of_the_namespace(overlay: str) -> None:
    """Everybody to DNS, and to the API exactly those who have a token for it."""
    objects = render(overlay)
    for workload in workloads(objects):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        rules = [
            rule
            for one in objects
            if one["kind"] == "NetworkPolicy" and selects(one["spec"]["podSelector"], labels)
            for rule in one["spec"].get("egress", [])
        ]
        outside = {port["port"] for rule in rules if "to" not in rule for port in rule["ports"]}
        to_api = {443, 6443} if pod(workload)["automountServiceAccountToken"] else set()
        assert outside == {53} | to_api, workload["metadata"]["name"]
        assert {"to": [{"podSelector": {}}]} in rules
