"""Finds the pod and the workload that sent a span or a sample. No I/O.

Programs name themselves in many ways; this module has all that are tried, in their order.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

from grpc_lb_instrumentor import names

_OWNERS: Final = (
    names.K8S_DEPLOYMENT_NAME,
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
)
OF_RESOURCES: Final = (*_OWNERS, names.K8S_POD_NAME, names.SERVICE_NAME, names.SERVICE_INSTANCE_ID)
"""The attributes that ``workload_of`` and ``client_of`` read."""
_INSTANCE: Final = re.compile(r"[^.]+\.(?P<pod>.+)\.[^.]+")
"""``service.instance.id`` as OpenTelemetry advises on Kubernetes: namespace.pod.container."""
_HASHES: Final = re.compile(r"(-[a-f0-9]{6,10})?-[a-z0-9]{5}$")
_NOT_CALLS: Final = ("grpc.health.", "grpc.reflection.", "grpc.channelz.")


def pod_of(resource: Mapping[str, object]) -> str | None:
    """Return the pod that a resource names, by its name or its IP; None if it names none."""
    if pod := resource.get(names.K8S_POD_NAME):
        return str(pod)
    match = _INSTANCE.fullmatch(str(resource.get(names.SERVICE_INSTANCE_ID, "")))
    if match is not None:
        return match["pod"]
    # A container's host name is its pod's name, unless the pod uses its node's network.
    other = resource.get(names.K8S_POD_IP) or resource.get("host.name")
    return str(other) if other else None


def workload_of(resource: Mapping[str, object]) -> str | None:
    """Return the workload that a resource belongs to; None if it names none."""
    for key in _OWNERS:
        if owner := resource.get(key):
            return str(owner)
    service = str(resource.get(names.SERVICE_NAME, ""))
    if service and not service.startswith("unknown_service"):
        return service
    pod = resource.get(names.K8S_POD_NAME)
    return without_hashes(str(pod)) if pod else None


def without_hashes(pod: str) -> str:
    """Return the workload in a pod's name: "orders" for "orders-67f75665bb-bbdcm"."""
    return _HASHES.sub("", pod)


def client_of(resource: Mapping[str, object]) -> str | None:
    """Return the single client that a resource is; None if it cannot be distinguished from others."""
    return pod_of(resource) or (str(resource.get(names.SERVICE_INSTANCE_ID) or "") or None)


def is_call(method: str) -> bool:
    """Return whether clients call this method themselves: it is not a probe or one of gRPC's own services.

    Args:
        method: "pkg.Service/Method", or "pkg.Service".
    """
    return not method.lstrip("/").startswith(_NOT_CALLS)


def address(text: object) -> str | None:
    """Return the IP in "10.0.0.7:50051", "[::1]:50051" or "10.0.0.7"; None if there is none."""
    host = str(text or "")
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ip_address(host))
    except ValueError:
        return None
