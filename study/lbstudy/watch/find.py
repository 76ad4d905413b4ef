"""Finds a Prometheus in the cluster, and connects to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from lightkube.resources.core_v1 import Pod, Service

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import Cluster, api_errors, status_of
from lbstudy.platform.kubernetes.forward import PortForward, ready_pod

_PORTS: Final = (9090, 80)
_OTHERS: Final = (
    "exporter",
    "alertmanager",
    "pushgateway",
    "operator",
    "state-metrics",
    "adapter",
    "blackbox",
)


@dataclass(frozen=True, slots=True)
class PrometheusPlace:
    """A Service that looks like Prometheus."""

    namespace: str
    service: str
    port: int  # its pods' port


async def prometheus_of(cluster: Cluster, namespaces: list[str]) -> PrometheusPlace | None:
    """Return a Service that looks like Prometheus: in these namespaces first, then in all.

    Raises:
        PlatformError: Services cannot be listed anywhere.
    """
    for namespace in namespaces:
        if (place := await _in(cluster, namespace)) is not None:
            return place
    try:
        return await _in(cluster, "*")
    except PlatformError as error:
        if status_of_cause(error) in {401, 403}:
            return None  # it may list Services only in these namespaces
        raise


def status_of_cause(error: PlatformError) -> int | None:
    """Return the HTTP status with which the API refused; None if it did not answer."""
    return status_of(error.__cause__) if isinstance(error.__cause__, Exception) else None


async def _in(cluster: Cluster, namespace: str) -> PrometheusPlace | None:
    with api_errors("looking for Prometheus among the Services"):
        listed = [service async for service in cluster.objects.list(Service, namespace=namespace)]
        places = [await _place(cluster, service) for service in listed]
    candidates = [place for place in places if place is not None]
    # The shortest name: "prometheus" before "prometheus-for-something".
    return min(candidates, key=lambda place: (len(place.service), place.namespace), default=None)


async def _place(cluster: Cluster, service: Any) -> PrometheusPlace | None:  # noqa: ANN401 - lightkube's models
    name = str(service.metadata.name)
    if "prometheus" not in name or any(word in name for word in _OTHERS):
        return None
    if not service.spec.selector:
        return None
    for port in sorted(service.spec.ports or (), key=lambda port_: port_.port not in _PORTS):
        if port.port in _PORTS or port.name in {"web", "http-web", "http"}:
            target = port.targetPort or port.port
            namespace = str(service.metadata.namespace)
            number = target if isinstance(target, int) else await _numbered(cluster, service, str(target))
            return None if number is None else PrometheusPlace(namespace, name, number)
    return None


async def _numbered(cluster: Cluster, service: Any, port: str) -> int | None:  # noqa: ANN401 - the same
    """Return the number of a port that the pods name."""
    async for pod in cluster.objects.list(
        Pod, namespace=service.metadata.namespace, labels=dict(service.spec.selector)
    ):
        for container in pod.spec.containers if pod.spec else ():
            for container_port in container.ports or ():
                if container_port.name == port:
                    return int(container_port.containerPort)
    return None


@asynccontextmanager
async def reached(cluster: Cluster, place: PrometheusPlace) -> AsyncIterator[PortForward]:
    """Forward a port of 127.0.0.1 to it, as `kubectl port-forward` does."""
    there = replace(cluster, namespace=place.namespace)
    forward = PortForward(there, place.port, lambda: ready_pod(there, place.service))
    try:
        yield forward
    finally:
        await forward.aclose()
