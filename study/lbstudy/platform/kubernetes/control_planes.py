"""The control planes of a run: created with their servers, Ready before the clients, ended last."""

from collections.abc import Collection
from typing import Final

from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Service
from lightkube.types import PatchType

from lbstudy.platform import push
from lbstudy.platform.interface import ServerSpec
from lbstudy.platform.kubernetes import control_plane
from lbstudy.platform.kubernetes.api import Cluster, api_errors, create, persistently, typed
from lbstudy.platform.kubernetes.names import Object, Owner
from lbstudy.platform.kubernetes.templates import container_name
from lbstudy.platform.kubernetes.watching import Watching

_READY_WITHIN: Final = 180.0  # s


class ControlPlanes:
    """The control planes of a run's services.

    Args:
        cluster: the cluster.
        services: the Deployments of servers that have a control plane.
        seen: watches the pods.
    """

    def __init__(self, cluster: Cluster, services: Collection[str], seen: Watching) -> None:
        self._cluster = cluster
        self._services = frozenset(services)
        self._seen = seen
        self._made: list[str] = []
        self.template: Object = {}  # the applied Deployment

    def push(self, service: str) -> bool:
        """Return whether a service has a control plane."""
        return service in self._services

    def __contains__(self, workload: str) -> bool:
        return any(workload == push.control_plane(service) for service in self._services)

    @property
    def container(self) -> str:
        """The name of their container. Raises PlatformError."""
        return container_name(self.template, control_plane.CONTAINER)

    async def create(self, spec: ServerSpec, owner: Owner) -> None:
        """Create the control plane of a Deployment of servers. Raises PlatformError."""
        assert spec.push is not None
        name = push.control_plane(spec.name)
        with api_errors(f"creating {name}"):
            await create(self._cluster, typed(Service, control_plane.service(spec.name, owner)))
            made = control_plane.deployment(self.template, spec.name, spec.push, owner)
            await create(self._cluster, typed(Deployment, made))
        self._made.append(name)

    async def ready(self, service: str) -> None:
        """Wait until clients can reach the control plane of a service. Raises PlatformError."""
        name = push.control_plane(service)
        await self._seen.until(
            lambda: any(pod.ready for pod in self._seen.pods.of(name)),
            lambda: f"{name} to be Ready",
            _READY_WITHIN,
        )

    async def end(self) -> None:
        """End all of them; servers must have ended before. Raises the errors of the API's client."""
        for name in self._made:
            await persistently(
                lambda name=name: self._cluster.objects.patch(  # type: ignore[misc]
                    Deployment, name, {"spec": {"replicas": 0}}, patch_type=PatchType.MERGE
                )
            )
        await self._seen.until(lambda: not any(pod.deployment in self for pod in self._seen.pods.present()))
