"""A user's own Deployments that are studied by name, and what prevents running them twice. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.names import Object
from lbstudy.platform.kubernetes.redirect import Route, containers, ports_of

_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
"""The annotation by which a pod names its main container."""
_ONE_NODE_DISKS: Final = (
    "awsElasticBlockStore",
    "azureDisk",
    "cinder",
    "fc",
    "gcePersistentDisk",
    "iscsi",
    "rbd",
    "vsphereVolume",
)
"""Kinds of volumes that name one disk, which only one node at a time may write to."""


@dataclass(frozen=True, slots=True)
class Workloads:
    """What is studied by name, as it was read from the cluster.

    Attributes:
        namespace: the namespace of all of it.
        server: the Deployment of the servers.
        client: the Deployment of the clients; None: the study's own client calls the servers.
        all_services: the Services of the namespace.
        target_env: variables of the clients whose whole value may be a Service's name.
        port: the servers' port that the study's client calls; None: the only port of their Services.
    """

    namespace: str
    server: Object
    client: Object | None
    all_services: tuple[Object, ...]
    target_env: tuple[str, ...] = ()
    port: int | None = None

    @property
    def services(self) -> list[Object]:
        """The Services that select the servers' pods."""
        return [service for service in self.all_services if selected(service, self.server)]

    @property
    def routes(self) -> list[Route]:
        """The ways in which clients may find the servers."""
        ports = self._named_ports()
        return [Route(service["metadata"]["name"], ports_of(service, ports.get)) for service in self.services]

    @property
    def ports(self) -> list[int]:
        """The servers' own ports to which their Services lead."""
        return sorted({port for route in self.routes for port in route.ports.values()})

    @property
    def called_port(self) -> int:
        """The port that the study's client calls. Raises PlatformError if it is unknown."""
        ports = self.ports
        if self.port is not None and self.port in ports:
            return self.port
        listed = ", ".join(map(str, ports))
        if self.port is not None:
            raise PlatformError(
                f"{title(self.server)}: expected port in [kubernetes] to be one that a Service leads to"
                f" ({listed}), found {self.port}"
            )
        if len(ports) != 1:
            raise PlatformError(
                f"{title(self.server)} has the ports {listed}: name the one that is called, by port in"
                " [kubernetes]"
            )
        return ports[0]

    def _named_ports(self) -> dict[str, int]:
        pod = self.server["spec"]["template"]
        ports = (port for container in containers(pod) for port in container.get("ports") or [])
        return {port["name"]: port["containerPort"] for port in ports if port.get("name")}


def title(deployment: Object) -> str:
    """Return how messages call a Deployment."""
    return f"deployment/{deployment['metadata']['name']}"


def main_container(deployment: Object) -> Object:
    """Return the container with the program. Raises PlatformError if it is ambiguous."""
    pod = deployment["spec"]["template"]
    pod_containers: list[Object] = pod["spec"]["containers"]
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    for name in (annotations.get(_DEFAULT_CONTAINER), deployment["metadata"]["name"]):
        for container in pod_containers:
            if container["name"] == name:
                return container
    if len(pod_containers) == 1:
        return pod_containers[0]
    names = ", ".join(container["name"] for container in pod_containers)
    raise PlatformError(
        f"{title(deployment)} has the containers {names}, and none has its name: say which one is meant by"
        f" the annotation {_DEFAULT_CONTAINER} of its pod template"
    )


def selected(service: Object, deployment: Object) -> bool:
    """Whether a Service selects a Deployment's pods."""
    selector = service["spec"].get("selector") or {}
    labels = (deployment["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return bool(selector) and selector.items() <= labels.items()


def unrepeatable(deployment: Object, *, is_server: bool) -> list[str]:
    """Return why a second pod like a Deployment's cannot run beside it; empty if it can."""
    return list(_unrepeatable(deployment["spec"]["template"], is_server=is_server))


def _unrepeatable(pod: Object, *, is_server: bool) -> Iterator[str]:
    spec = pod["spec"]
    for volume in spec.get("volumes") or []:
        claim = volume.get("persistentVolumeClaim")
        if claim and not claim.get("readOnly"):
            yield f"its volume {volume['name']} is the PersistentVolumeClaim {claim['claimName']}"
        for kind in _ONE_NODE_DISKS:
            if kind in volume and not (volume[kind] or {}).get("readOnly"):
                yield f"its volume {volume['name']} is one disk ({kind})"
    ports = [
        (container["name"], port) for container in containers(pod) for port in container.get("ports") or []
    ]
    if spec.get("hostNetwork"):
        if is_server or ports:
            yield "it listens on its node's own network (hostNetwork)"
        return
    for name, port in ports:
        if port.get("hostPort"):
            yield f"its container {name} takes port {port['hostPort']} of its node (hostPort)"
