"""The control plane of a setting's servers: a Deployment, and the Service by which it is found. Pure.

It has the pod template of the applied Deployment of k8s/components/push, with its image and service account.
It watches the whole namespace, and tells clients of the service that they name.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from lbstudy.platform import push
from lbstudy.platform.interface import PushSpec, ServerSpec
from lbstudy.platform.kubernetes import names
from lbstudy.platform.kubernetes.observer import Answer
from lbstudy.platform.kubernetes.owner import Object, Owner
from lbstudy.platform.kubernetes.templates import container_of, environment, pod_of

REMOVED_WITHIN: Final = 10
"""Seconds that a server which ends waits until no client has it in its list."""
CONTAINER: Final = "control-plane"
_AWAIT_REMOVED: Final = f"{push.MODULE}.await_removed"


def deployment(template: Object, service: str, spec: PushSpec, owner: Owner) -> Object:
    """The Deployment of a service's control plane: one replica, as on the local platform.

    Args:
        template: the applied Deployment.
        service: whose servers are pushed.
        spec: of the control plane.
        owner: of the object.
    """
    name = push.control_plane(service)
    pod = pod_of(template["spec"]["template"], owner, name)
    # Those of the applied Deployment count its own pods.
    pod["spec"].pop("topologySpreadConstraints", None)
    container = container_of(pod, CONTAINER)
    container["command"] = ["opentelemetry-instrument", "python", "-m", push.MODULE]
    container["args"] = [
        *("--address", f"0.0.0.0:{push.CLIENTS_PORT}", "--kubernetes=$(POD_NAMESPACE)"),
        *("--port-name=grpc", f"--policy={spec.policy}"),
    ]
    container["env"] = environment(container.get("env") or [], spec.env)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": owner.metadata(name, name),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {names.RUN: owner.run_id, names.WORKLOAD: name}},
            "progressDeadlineSeconds": 86_400,
            "template": pod,
        },
    }


def service(service: str, owner: Owner) -> Object:
    """The Service of a service's control plane, for clients, and for servers that end.

    It has an address of its own, so that a client whose control plane ended is led to the next one.
    """
    name = push.control_plane(service)
    port = {"name": "xds", "port": push.CLIENTS_PORT, "targetPort": push.CLIENTS_PORT, "appProtocol": "grpc"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": owner.metadata(name, name),
        "spec": {"selector": {names.RUN: owner.run_id, names.WORKLOAD: name}, "ports": [port]},
    }


def client_env(service: str) -> Mapping[str, str]:
    """The variables by which a service's clients find the control plane."""
    return push.client_env(f"dns:///{push.control_plane(service)}:{push.CLIENTS_PORT}")


def set_hook(container: Object, spec: ServerSpec) -> None:
    """Have a server wait before its end until its removal is acknowledged, where it is pushed.

    Where k8s/overlays/push was applied, the template has that hook for the live control plane. It is not
    that of a run's servers; another hook of the template's stays.
    """
    lifecycle: Object = container.get("lifecycle") or {}
    command = ((lifecycle.get("preStop") or {}).get("exec") or {}).get("command") or []
    if _AWAIT_REMOVED in command:
        del lifecycle["preStop"]
    if spec.push is not None:
        asked = f"{push.control_plane(spec.name)}:{push.CLIENTS_PORT}"
        hook = ["python", "-m", _AWAIT_REMOVED, f"--control-plane={asked}", f"--deadline={REMOVED_WITHIN}"]
        lifecycle["preStop"] = {"exec": {"command": hook}}
    container.pop("lifecycle", None)
    if lifecycle:
        container["lifecycle"] = lifecycle


class _Told(msgspec.Struct, frozen=True):
    """What a control plane writes of a service's endpoints; ``addresses`` have ports."""

    event: str
    time_unix_nano: int
    service: str = ""
    addresses: tuple[str, ...] = ()


def read_told(line: str, service: str) -> Answer | None:
    """What a line of a control plane's log says of which servers it tells the service's clients.

    None when it says nothing of that. The instant is the control plane's own.
    """
    try:
        told = msgspec.json.decode(line, type=_Told)
    except msgspec.DecodeError:
        return None
    if told.service != service or told.event not in {"endpoints", "withheld"}:
        return None
    hosts = [address.rpartition(":")[0].strip("[]") for address in told.addresses]
    return Answer(service, "NOERROR", hosts, told.time_unix_nano, told.time_unix_nano)
