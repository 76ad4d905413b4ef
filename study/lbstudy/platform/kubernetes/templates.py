"""Makes a run's pod, its container and its variables from an applied Deployment's pod template. No I/O."""

import copy
from collections.abc import Mapping, Sequence
from typing import Final

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.names import Object, Owner

_RESOURCE: Final = "OTEL_RESOURCE_ATTRIBUTES"
_EXPORTER: Final = "OTEL_EXPORTER_OTLP_"
"""Variables of the exporter, which the applied Deployment alone sets."""
_DOWNWARD: Final = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}


def environment(applied: Sequence[Object], run: Mapping[str, str]) -> list[Object]:
    """Return a container's variables: the template's, then the run's, which may refer to earlier ones.

    Resource attributes are merged key by key. Where telemetry is sent remains as applied.
    """
    own = {name: value for name, value in run.items() if not name.startswith(_EXPORTER)}
    kept = [dict(entry) for entry in applied if entry["name"] not in own]
    present = {entry["name"] for entry in kept}
    downward = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
        for name, path in _DOWNWARD.items()
        if name not in present
    ]
    before = next((entry.get("value") or "" for entry in applied if entry["name"] == _RESOURCE), "")
    if _RESOURCE in own:
        own[_RESOURCE] = merged_attributes(before, own[_RESOURCE])
    return [*downward, *kept, *({"name": name, "value": value} for name, value in own.items())]


def merged_attributes(before: str, after: str) -> str:
    """Merge two values of OTEL_RESOURCE_ATTRIBUTES; the second wins."""
    pairs = [part.split("=", 1) for part in f"{before},{after}".split(",") if "=" in part]
    return ",".join(f"{key}={value}" for key, value in {key.strip(): value for key, value in pairs}.items())


def pod_of(template: Object, owner: Owner, workload: str) -> Object:
    """Return the applied pod template with the run's labels."""
    pod = copy.deepcopy(template)
    metadata = pod.setdefault("metadata", {})
    metadata.pop("creationTimestamp", None)
    metadata["labels"] = (metadata.get("labels") or {}) | owner.labels(workload)
    return pod


def container_of(pod: Object, name: str) -> Object:
    """Return the container of that name in a pod, or its only one. Raises PlatformError."""
    containers: list[Object] = pod["spec"]["containers"]
    for container in containers:
        if container["name"] == name:
            return container
    if len(containers) == 1:
        return containers[0]
    listed = ", ".join(container["name"] for container in containers)
    raise PlatformError(f"the pod template has no container named {name!r}; it has {listed}")


def container_name(template: Object, name: str) -> str:
    """Return the name of the container with that role in an applied Deployment. Raises PlatformError."""
    result: str = container_of(template["spec"]["template"], name)["name"]
    return result
