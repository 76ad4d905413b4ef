"""The manifests against what compose, `lbstudy stack`, local pods and the settings have."""

from typing import Any

import pytest
import yaml
from lbstudy.config.load import load_setting
from lbstudy.observation import attributes
from lbstudy.platform.kubernetes import rights
from lbstudy.run.environment import pod_environment

from tests.kubernetes.manifests.rendered import ROOT, container, environment, find, pod, render

COMPOSE: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
PARTS = ("otel-collector", "jaeger", "prometheus", "grafana")
ALL = "k8s/overlays/grafana"
OTLP = "http://otel-collector:4317"


def attributes_of(variables: dict[str, str]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in variables["OTEL_RESOURCE_ATTRIBUTES"].split(","))


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_the_one_of_compose(part: str) -> None:
    one = container(render(ALL), part)
    published = {int(text.rpartition(":")[2]) for text in COMPOSE[part]["ports"]}

    assert one["image"] == COMPOSE[part]["image"]
    assert published <= {port["containerPort"] for port in one["ports"]}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_has_the_variables_of_compose(part: str) -> None:
    own = {"LBSTUDY_OTELCOL_MEMORY_MIB", "GOMEMLIMIT"}  # the memory that a pod has
    variables = environment(render(ALL), part)

    assert {key: value for key, value in variables.items() if key not in own} == COMPOSE[part].get(
        "environment", {}
    )


def test_prometheus_has_the_flags_of_compose() -> None:
    args = container(render("k8s"), "prometheus")["args"]

    assert set(COMPOSE["prometheus"]["command"]) == {one for one in args if "retention" not in one}


def test_the_collector_is_laid_over_by_what_only_kubernetes_has() -> None:
    args = container(render("k8s"), "otel-collector")["args"]

    assert args == [*COMPOSE["otel-collector"]["command"], "--config", "/etc/otelcol/config-kubernetes.yaml"]


def test_memory_limits_leave_room_above_what_the_programs_keep_to() -> None:
    for part, keeps in (("otel-collector", 400), ("jaeger", 1200), ("prometheus", 800)):
        one = container(render("k8s"), part)
        assert environment(render("k8s"), part)["GOMEMLIMIT"] == f"{keeps}MiB"
        limit = one["resources"]["limits"]["memory"]
        mebibytes = int(limit[:-2]) * (1024 if limit.endswith("Gi") else 1)
        assert mebibytes >= 1.25 * keeps
    assert environment(render("k8s"), "otel-collector")["LBSTUDY_OTELCOL_MEMORY_MIB"] == "400"


@pytest.mark.parametrize(
    ("config_map", "folder", "pattern"),
    [
        ("otel-collector", "otel-collector", "config*.yaml"),
        ("jaeger", "jaeger", "config.yaml"),
        ("prometheus", "prometheus", "prometheus.yaml"),
        ("prometheus", "prometheus/rules", "*.yaml"),
        ("grafana-provisioning", "grafana/provisioning", "*/*.yaml"),
        ("grafana-dashboards", "grafana/generated", "*.json"),
    ],
)
def test_configuration_is_all_that_lies_in_its_folder(config_map: str, folder: str, pattern: str) -> None:
    data = find(render(ALL), "ConfigMap", config_map)["data"]
    files = sorted((ROOT / folder).glob(pattern))

    assert files
    for path in files:
        assert data[path.name] == path.read_text()


def test_rules_are_mounted_where_prometheus_looks_for_them() -> None:
    objects = render("k8s")
    (volume,) = (
        one["configMap"]
        for one in pod(find(objects, "Deployment", "prometheus"))["volumes"]
        if one["name"] == "config"
    )
    paths = {item["key"]: item["path"] for item in volume["items"]}

    assert paths.keys() == find(objects, "ConfigMap", "prometheus")["data"].keys()
    assert all(path in (key, f"rules/{key}") for key, path in paths.items())
    assert paths["prometheus.yaml"] == "prometheus.yaml"


@pytest.mark.parametrize(
    ("deployment", "service", "name"),
    [
        ("greeter", attributes.service_name("greeter", "server"), "server"),
        ("client", attributes.service_name("greeter", "client"), "client"),
    ],
)
def test_pods_have_the_environment_of_local_ones(deployment: str, service: str, name: str) -> None:
    variables = environment(render("k8s"), deployment)
    local = pod_environment(
        endpoint=OTLP,
        service=service,
        deployment=deployment,
        setting="$(LBSTUDY_SETTING)",
        run_id="live",
        container=name,
    )
    resource = attributes_of(variables)
    of_the_node = {
        "k8s.pod.uid": "$(POD_UID)",
        "k8s.pod.ip": "$(POD_IP)",
        "k8s.node.name": "$(NODE_NAME)",
        "k8s.container.name": name,
    }

    assert container(render("k8s"), deployment)["name"] == name
    assert resource == attributes_of(local) | of_the_node
    rest = {key for key in (*variables, *local) if key.startswith("OTEL_")} - {"OTEL_RESOURCE_ATTRIBUTES"}
    assert {key: variables.get(key) for key in rest} == {key: local.get(key) for key in rest}


def channel_arguments(overlay: str, deployment: str) -> dict[str, str]:
    return dict(
        argument.removeprefix("--channel-arg=").split("=", 1)
        for argument in container(render(overlay), deployment)["args"]
        if argument.startswith("--channel-arg=")
    )


@pytest.mark.parametrize(("setting", "overlay"), [("stock", "k8s"), ("max-age", "k8s/overlays/max-age")])
def test_live_pods_have_the_options_of_their_setting(setting: str, overlay: str) -> None:
    options = load_setting(setting)

    assert channel_arguments(overlay, "greeter") == {key: str(value) for key, value in options.server.items()}
    assert channel_arguments(overlay, "client") == {key: str(value) for key, value in options.channel.items()}
    for deployment in ("greeter", "client"):
        assert environment(render(overlay), deployment)["LBSTUDY_SETTING"] == setting


def test_the_role_for_a_run_is_what_the_doctor_looks_for() -> None:
    """Neither has a right that the other lacks."""
    assert (ROOT / "k8s/base/runner.yaml").read_text() == rights.role()
    granted = {
        (verb, group, *(*resource.split("/"), "")[:2])
        for rule in find(render("k8s"), "Role", "lbstudy-runner")["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == set(rights.asked())
