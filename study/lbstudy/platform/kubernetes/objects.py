"""The objects of a run, made from the applied Deployments' pod templates. Pure.

Objects are the API's JSON, as dictionaries.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lbstudy.platform.interface import ClientSpec, PlatformError, ServerSpec
from lbstudy.platform.kubernetes import names
from lbstudy.platform.programs import CLIENT_MODULE, PORT, SERVER_MODULE, client_args, server_args

Object = dict[str, Any]

END_MARGIN: Final = 10
"""Seconds beyond its drain that a server has until SIGKILL: its last telemetry goes out then."""
_RESOURCE: Final = "OTEL_RESOURCE_ATTRIBUTES"
_EXPORTER: Final = "OTEL_EXPORTER_OTLP_"
"""Where telemetry goes is the applied Deployment's business."""
_DOWNWARD: Final = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "ports")


@dataclass(frozen=True, slots=True)
class Owner:
    """The Lease that everything of a run belongs to: what is deleted with it."""

    name: str
    uid: str
    run_id: str

    def metadata(self, name: str, workload: str) -> Object:
        """The metadata of an object of the run."""
        return {
            "name": name,
            "labels": self.labels(workload),
            "ownerReferences": [
                {
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "name": self.name,
                    "uid": self.uid,
                    "blockOwnerDeletion": True,
                }
            ],
        }

    def labels(self, workload: str) -> dict[str, str]:
        """The labels of an object of the run."""
        return {names.RUN: self.run_id, names.WORKLOAD: workload, "app.kubernetes.io/managed-by": "lbstudy"}


def deployment(template: Object, spec: ServerSpec, owner: Owner) -> Object:
    """The Deployment of a setting's servers.

    Args:
        template: the applied Deployment.
        spec: of the servers.
        owner: of the object.

    Raises PlatformError for servers that a control plane is to push.
    """
    if spec.push is not None:
        raise PlatformError(
            f"{spec.name}: a run on Kubernetes brings no control plane yet, and its setting needs one"
            ' (discovery = "xds"); k8s/overlays/push has live servers and clients with one'
        )
    applied = template["spec"]
    labels = {names.RUN: owner.run_id, names.WORKLOAD: spec.name}
    pod = _pod(applied["template"], owner, spec.name)
    container = _container(pod, "server")
    container["command"] = ["opentelemetry-instrument", "python", "-m", SERVER_MODULE]
    # A pod's loopback is reached by port-forward only, which takes the rights that faults should take.
    container["args"] = server_args(spec, "0.0.0.0", "127.0.0.1")
    container["env"] = environment(container.get("env") or [], spec.env)
    if probe := container.get("readinessProbe"):
        probe["periodSeconds"] = round(spec.probe.period)
        probe["timeoutSeconds"] = round(spec.probe.timeout)
        probe["failureThreshold"] = spec.probe.failures
    needed = int(spec.drain_wait + spec.drain_grace) + END_MARGIN
    grace = pod["spec"].get("terminationGracePeriodSeconds")
    pod["spec"]["terminationGracePeriodSeconds"] = max(needed, 30 if grace is None else grace)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": owner.metadata(spec.name, spec.name),
        "spec": {
            "replicas": spec.replicas,
            "selector": {"matchLabels": labels},
            "strategy": applied.get("strategy") or {},
            "progressDeadlineSeconds": 86_400,
            "template": pod,
        },
    }


def service(spec: ServerSpec, owner: Owner) -> Object:
    """The headless Service of a setting's servers, under the Deployment's name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": owner.metadata(spec.name, spec.name),
        "spec": {
            "clusterIP": "None",
            "selector": {names.RUN: owner.run_id, names.WORKLOAD: spec.name},
            "ports": [{"name": "grpc", "port": PORT, "targetPort": PORT, "appProtocol": "grpc"}],
        },
    }


def job(template: Object, spec: ClientSpec, owner: Owner) -> Object:
    """The Job of a setting's clients: one pod, which is not started again.

    Args:
        template: the applied Deployment of the clients.
        spec: of the clients.
        owner: of the object.
    """
    pod = _pod(template["spec"]["template"], owner, spec.name)
    container = _container(pod, "client")
    container["command"] = ["opentelemetry-instrument", "python", "-m", CLIENT_MODULE]
    container["args"] = client_args(spec, f"dns:///{spec.server}:{PORT}")
    container["env"] = environment(container.get("env") or [], spec.env)
    for probe in _PROBES:
        container.pop(probe, None)
    pod["spec"]["restartPolicy"] = "Never"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": owner.metadata(spec.name, spec.name),
        "spec": {"backoffLimit": 0, "completions": 1, "parallelism": 1, "template": pod},
    }


def observer(template: Object, program: str, arguments: Sequence[str], owner: Owner) -> Object:
    """The pod that asks DNS, from the clients' pod template: what holds for them holds for it.

    Args:
        template: the applied Deployment of the clients.
        program: Python source.
        arguments: of the program.
        owner: of the object.
    """
    pod = _pod(template["spec"]["template"], owner, names.OBSERVER)
    container = _container(pod, "client")
    container["command"] = ["python", "-u", "-c", program]
    container["args"] = list(arguments)
    for probe in _PROBES:
        container.pop(probe, None)
    pod["spec"]["restartPolicy"] = "Never"
    pod["spec"]["terminationGracePeriodSeconds"] = 1
    pod["metadata"] |= owner.metadata(names.OBSERVER, names.OBSERVER) | {"labels": pod["metadata"]["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"], "spec": pod["spec"]}


def environment(applied: Sequence[Object], run: Mapping[str, str]) -> list[Object]:
    """A container's variables: the template's, then the run's, which win and may refer to those before them.

    Resource attributes are put together key by key; where telemetry goes stays as it was applied.
    """
    own = {name: value for name, value in run.items() if not name.startswith(_EXPORTER)}
    kept = [dict(one) for one in applied if one["name"] not in own]
    present = {one["name"] for one in kept}
    downward = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
        for name, path in _DOWNWARD.items()
        if name not in present
    ]
    before = next((one.get("value") or "" for one in applied if one["name"] == _RESOURCE), "")
    if _RESOURCE in own:
        own[_RESOURCE] = merged_attributes(before, own[_RESOURCE])
    return [*downward, *kept, *({"name": name, "value": value} for name, value in own.items())]


def merged_attributes(before: str, after: str) -> str:
    """Two values of OTEL_RESOURCE_ATTRIBUTES as one; the second wins."""
    pairs = [part.split("=", 1) for part in f"{before},{after}".split(",") if "=" in part]
    return ",".join(f"{key}={value}" for key, value in {key.strip(): value for key, value in pairs}.items())


def _pod(template: Object, owner: Owner, workload: str) -> Object:
    """The applied pod template with the run's labels."""
    pod = copy.deepcopy(template)
    metadata = pod.setdefault("metadata", {})
    metadata.pop("creationTimestamp", None)
    metadata["labels"] = (metadata.get("labels") or {}) | owner.labels(workload)
    return pod


def _container(pod: Object, name: str) -> Object:
    containers: list[Object] = pod["spec"]["containers"]
    for container in containers:
        if container["name"] == name:
            return container
    if len(containers) == 1:
        return containers[0]
    found = ", ".join(container["name"] for container in containers)
    raise PlatformError(f"the pod template has no container named {name!r}; it has {found}")


def container_name(template: Object, name: str) -> str:
    """The name of the container of that role in an applied Deployment's template. Raises PlatformError."""
    found: str = _container(template["spec"]["template"], name)["name"]
    return found
