"""What an applied Deployment's pod template becomes: a run's pod, its container, its variables. Pure."""

import copy
from collections.abc import Mapping, Sequence
from typing import Final

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.owner import Object, Owner

_RESOURCE: Final = "OTEL_RESOURCE_ATTRIBUTES"
_EXPORTER: Final = "OTEL_EXPORTER_OTLP_"
"""Where telemetry goes is the applied Deployment's business."""
_DOWNWARD: Final = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}


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


def pod_of(template: Object, owner: Owner, workload: str) -> Object:
    """The applied pod template with the run's labels."""
    pod = copy.deepcopy(template)
    metadata = pod.setdefault("metadata", {})
    metadata.pop("creationTimestamp", None)
    metadata["labels"] = (metadata.get("labels") or {}) | owner.labels(workload)
    return pod


def container_of(pod: Object, name: str) -> Object:
    """The container of that name in a pod, or its only one. Raises PlatformError."""
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
    found: str = container_of(template["spec"]["template"], name)["name"]
    return found
