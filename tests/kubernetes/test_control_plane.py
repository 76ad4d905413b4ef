"""A run's control plane: its objects, the servers' hook, what clients are given, what its log tells."""

import json
from typing import Any

import pytest
from lbstudy.platform.interface import PushSpec
from lbstudy.platform.kubernetes import control_plane, names, objects
from lbstudy.platform.kubernetes.observer import read_told

from tests.kubernetes.test_objects import (
    ATTRIBUTES,
    OWNER,
    applied,
    client,
    container_of,
    server,
    variables,
)

SPEC = PushSpec(
    '{"balancing": "round_robin"}', {"OTEL_RESOURCE_ATTRIBUTES": "lbstudy.run.id=this,lbstudy.setting=push"}
)
LIVE_HOOK = {
    "exec": {
        "command": [
            *("python", "-m", "endpoint_push.await_removed"),
            *("--control-plane=push-replicas:18000", "--deadline=10"),
        ]
    }
}


def template() -> dict[str, Any]:
    """As k8s/components/push has it, as far as it matters here."""
    made = applied("control-plane")
    labels = {
        names.WORKLOAD: "push",
        "app.kubernetes.io/name": "endpoint-push",
        "app.kubernetes.io/component": "control-plane",
    }
    made["spec"]["selector"]["matchLabels"] = labels
    pod = made["spec"]["template"]
    pod["metadata"]["labels"] = labels
    pod["spec"]["serviceAccountName"] = "push"
    pod["spec"]["topologySpreadConstraints"] = [{"labelSelector": {"matchLabels": labels}}]
    pod["spec"]["containers"][0]["image"] = "lbstudy-push:dev"
    return made


def test_it_has_the_applied_ones_pod_and_its_own_arguments() -> None:
    made = control_plane.deployment(template(), "greeter-push", SPEC, OWNER)

    assert made["metadata"]["name"] == "push-greeter-push"
    assert made["metadata"]["ownerReferences"][0]["uid"] == OWNER.uid
    assert made["spec"]["replicas"] == 1
    pod = made["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "push"
    assert "topologySpreadConstraints" not in pod
    container = container_of(made)
    assert container["image"] == "lbstudy-push:dev"
    assert container["args"] == [
        *("--address", "0.0.0.0:18000", "--kubernetes=$(POD_NAMESPACE)", "--port-name=grpc"),
        '--policy={"balancing": "round_robin"}',
    ]
    assert variables(container)["OTEL_RESOURCE_ATTRIBUTES"] == (
        ATTRIBUTES.replace("lbstudy.run.id=live", "lbstudy.run.id=this") + ",lbstudy.setting=push"
    )


def test_its_pods_are_selected_by_its_own_service_and_not_by_the_applied_ones() -> None:
    applied_selector = template()["spec"]["selector"]["matchLabels"]
    labels = control_plane.deployment(template(), "greeter-push", SPEC, OWNER)["spec"]["template"][
        "metadata"
    ]["labels"]
    service = control_plane.service("greeter-push", OWNER)["spec"]

    assert service["selector"].items() <= labels.items()
    assert not applied_selector.items() <= labels.items()
    assert labels["app.kubernetes.io/component"] == "control-plane"  # network policies go by it
    assert "clusterIP" not in service  # one address, whichever pod there is


def test_clients_name_the_service_and_find_the_control_plane() -> None:
    container = container_of(objects.job(applied("client"), client(), OWNER, is_pushed=True))

    assert container["args"][:2] == ["--target", "xds:///greeter-stock"]
    found = variables(container)
    bootstrap = json.loads(found["GRPC_XDS_BOOTSTRAP_CONFIG"])
    assert bootstrap["xds_servers"][0]["server_uri"] == "dns:///push-greeter-stock:18000"
    assert bootstrap["node"] == {"id": "$(POD_NAME)"}
    order = list(found)
    assert order.index("POD_NAME") < order.index("GRPC_XDS_BOOTSTRAP_CONFIG")


def test_a_server_waits_for_its_removal_before_it_drains() -> None:
    made = objects.deployment(applied("server"), server(push=SPEC), OWNER)

    command = container_of(made)["lifecycle"]["preStop"]["exec"]["command"]
    assert "--control-plane=push-greeter-stock:18000" in command
    # 10 s for the hook, 6 s of drain, 10 s for the last telemetry.
    assert made["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 26


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ({"preStop": LIVE_HOOK}, None),
        ({"preStop": LIVE_HOOK, "stopSignal": "SIGINT"}, {"stopSignal": "SIGINT"}),
        ({"preStop": {"sleep": {"seconds": 3}}}, {"preStop": {"sleep": {"seconds": 3}}}),
    ],
)
def test_the_live_servers_hook_is_not_that_of_servers_in_dns(
    found: dict[str, Any], kept: dict[str, Any] | None
) -> None:
    made = applied("server")
    made["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = found

    container = container_of(objects.deployment(made, server(), OWNER))

    assert container.get("lifecycle") == kept


def line(event: str, service: str, **more: object) -> str:
    return json.dumps({"event": event, "time_unix_nano": 5, "service": service, **more})


def test_its_log_tells_which_servers_clients_are_told() -> None:
    told = read_told(
        line("endpoints", "greeter-push", addresses=["10.0.0.7:50051", "[fd00::7]:50051"]), "greeter-push"
    )
    assert told is not None
    assert told.addresses == ["10.0.0.7", "fd00::7"]
    assert (told.receipt.at, told.receipt.error) == (5, 0)


def test_a_list_that_is_withheld_has_nobody() -> None:
    told = read_told(line("withheld", "greeter-push", kept=["10.0.0.7:50051"]), "greeter-push")
    assert told is not None
    assert told.addresses == []


@pytest.mark.parametrize(
    "text",
    [
        line("endpoints", "greeter-stock", addresses=["10.0.0.7:50051"]),
        line("synced", "greeter-push"),
        "Traceback (most recent call last):",
    ],
)
def test_other_lines_tell_nothing(text: str) -> None:
    assert read_told(text, "greeter-push") is None
