"""Which pod stands behind a Service."""

from lightkube.resources.core_v1 import Pod, Service

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import Cluster, api_errors


async def ready_pod(cluster: Cluster, service: str) -> str:
    """The name of a Ready pod of a Service. Raises PlatformError when there is none."""
    with api_errors(f"looking for Service {service}"):
        found = await cluster.objects.get(Service, service)
        selector = (found.spec.selector if found.spec else None) or {}
        if not selector:
            raise PlatformError(f"Service {service} selects no pods")
        async for pod in cluster.objects.list(Pod, labels=selector):
            if _is_ready(pod):
                assert pod.metadata is not None
                return str(pod.metadata.name)
    raise PlatformError(f"no pod of Service {service} is Ready")


def _is_ready(pod: Pod) -> bool:
    if pod.metadata is None or pod.metadata.deletionTimestamp is not None:
        return False
    conditions = (pod.status.conditions if pod.status else None) or []
    return any(one.type == "Ready" and one.status == "True" for one in conditions)
