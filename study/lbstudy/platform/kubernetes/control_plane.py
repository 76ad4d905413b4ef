"""The control plane of a setting's servers: a Deployment, and the Service that leads to it. No I/O.

It uses the pod template of the applied Deployment of k8s/components/push, including its image and service
account. It watches the whole namespace, and sends each client the service that the client names.
"""

from collections.abc import Mapping
from typing import Final

from lbstudy.platform import push
from lbstudy.platform.interface import PushSpec, ServerSpec
from lbstudy.platform.kubernetes import names
from lbstudy.platform.kubernetes.names import Object, Owner
from lbstudy.platform.kubernetes.templates import container_of, environment, pod_of

REMOVED_WITHIN: Final = 10
"""Seconds that a terminating server waits until no client has it in its list."""
CONTAINER: Final = "control-plane"
_AWAIT_REMOVED: Final = f"{push.MODULE}.await_removed"


def deployment(template: Object, service: str, spec: PushSpec, owner: Owner) -> Object:
    """Return the Deployment of a service's control plane: one replica, as on the local platform.

    Args:
        template: the applied Deployment.
        service: the service whose servers are pushed.
        spec: the control plane.
        owner: the object's owner.
    """
    name = push.control_plane(service)
    pod = pod_of(template["spec"]["template"], owner, name)
    # The applied Deployment selects its own pods by these.
    pod["spec"].pop("topologySpreadConstraints", None)
    container = container_of(pod, CONTAINER)
    container["command"] = ["opentelemetry-instrument", "python", "-m", push.MODULE]
    container["args"] = [
        *("--address", f"0.0.0.0:{push.CLIENTS_PORT}", "--kubernetes=$(POD_NAMESPACE)"),
        *("--port-name=grpc", f"--policy={spec.policy}"),
    ]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if "grpc" in (container.get(probe) or {}):
            container[probe]["grpc"]["port"] = push.CLIENTS_PORT  # with k8s/components/tls it has another one
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
    """Return the Service of a service's control plane, for clients and for terminating servers.

    It has its own address, so that a client whose control plane ended is led to the next one.
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
    """Return the variables by which a service's clients find the control plane."""
    return push.client_env(f"dns:///{push.control_plane(service)}:{push.CLIENTS_PORT}")


def set_hook(container: Object, spec: ServerSpec) -> None:
    """Make a server wait before its end until its removal is confirmed, if it has a control plane.

    With k8s/overlays/push, the template has such a hook for the live control plane, which is not the control
    plane of a run's servers. Any other hook of the template is kept.
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
