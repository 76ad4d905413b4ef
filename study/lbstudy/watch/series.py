"""Finds the pod that a series of Prometheus is about, from the series' labels. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from grpc_lb_instrumentor import names

from lbstudy.watch.identity import (
    OF_RESOURCES,
    address,
    client_of,
    is_call,
    pod_of,
    without_hashes,
    workload_of,
)

Labels = Mapping[str, str]

SERVER_COUNTS: Final = (
    "rpc_server_(call_)?duration(_seconds|_milliseconds)?_count"
    "|grpc_server_call_duration(_seconds)?_count|grpc_server_handled_total"
)
"""Names of counters of a server's requests: OpenTelemetry's histograms, of any language and version, gRPC's
own (gRFC A66), and go-grpc-prometheus'. RE2, for ``__name__``.
"""
CLIENT_COUNTS: Final = "rpc_client_(call_)?duration(_seconds|_milliseconds)?_count"
"""The same for a client's requests."""
LAST_UPDATE: Final = "grpc_lb_resolver_last_update_seconds"
"""The gauge of our instrumentor: when a channel's resolver last gave a result."""

_FIRST: Final = ("k8s_pod_name", "pod", "pod_name", "kubernetes_pod_name", "exported_pod", "k8s_pod_ip")
_METHOD: Final = ("rpc_method", "rpc_service", "grpc_method", "grpc_service")
_OF_SERVER: Final = ("server_", "network_peer_", "net_peer_", "net_sock_peer_")


@dataclass(frozen=True, slots=True)
class NamedPod:
    """A pod, and the label that named it."""

    pod: str
    label: str


def is_counted(labels: Labels) -> bool:
    """Return whether the series counts calls that clients make themselves, not probes."""
    return all(is_call(labels[key]) for key in _METHOD if key in labels)


def joined(labels: Labels, info: Mapping[tuple[str, str], Labels]) -> Labels:
    """Return the labels, with those of ``target_info`` for the same job and instance, if there is one."""
    return {**info.get((labels.get("job", ""), labels.get("instance", "")), {}), **labels}


def server_pod(labels: Labels, pods: Mapping[str, str]) -> NamedPod | None:
    """Return the watched pod whose requests, as a server, the series counts; None if it names none.

    Args:
        labels: the series' labels.
        pods: name or IP → namespace of each watched pod.
    """
    rest = sorted(label for label in labels if label not in _FIRST and not label.startswith("client_"))
    return _find(labels, (*_FIRST, *rest), pods)


def own_pod(labels: Labels, namespace: str, service: str) -> str | None:
    """Return the pod that a server's series names, if its labels say that it belongs to a Service; else None.

    For the past, when the pods are gone: the workload has the Service's name, or its pods' names contain it.
    """
    where = labels.get("k8s_namespace_name") or labels.get("namespace") or labels.get("service_namespace")
    if where not in (None, namespace):
        return None
    workload, pod = caller(labels)
    names = {workload, labels.get("service_name"), labels.get("job", "").rpartition("/")[2]}
    if pod is not None and (service in names or without_hashes(pod) == service):
        return pod
    return None


def called_pod(labels: Labels, pods: Mapping[str, str]) -> NamedPod | None:
    """Return the watched pod that a client's series says it called; None if it names none."""
    return _find(labels, sorted(label for label in labels if label.startswith(_OF_SERVER)), pods)


def caller(labels: Labels) -> tuple[str | None, str | None]:
    """Return the workload and the pod of the client whose series it is; None if it does not say."""
    resource: dict[str, object] = {
        key: labels[label] for key in OF_RESOURCES if (label := key.replace(".", "_")) in labels
    }
    if "job" in labels:
        resource.setdefault(names.SERVICE_NAME, labels["job"].rpartition("/")[2])
    if "instance" in labels:
        resource.setdefault(names.SERVICE_INSTANCE_ID, labels["instance"])
    if "pod" in labels and names.K8S_POD_NAME not in resource:
        resource[names.K8S_POD_NAME] = labels["pod"]
    return workload_of(resource), client_of(resource)


def _find(labels: Labels, order: tuple[str, ...] | list[str], pods: Mapping[str, str]) -> NamedPod | None:
    namespace = labels.get("k8s_namespace_name")
    for label in order:
        value = labels.get(label)
        if not value or label == "__name__":
            continue
        for candidate in (value, address(value), pod_of({names.SERVICE_INSTANCE_ID: value})):
            if candidate is not None and candidate in pods and namespace in (None, pods[candidate]):
                return NamedPod(candidate, label)
    return None
