"""Reads the named Deployments, and the Services that lead to them."""

from collections.abc import Sequence

import httpx2
from lightkube import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Service

from lbstudy.config.deployments import Deployments
from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import Cluster, api_errors, connect, status_of
from lbstudy.platform.kubernetes.names import Object
from lbstudy.platform.kubernetes.workloads import Workloads


async def read_workloads(
    context: str | None, namespace: str, subjects: Sequence[tuple[str, Deployments]]
) -> dict[str, Workloads]:
    """Read what is studied by name. Raises PlatformError if something does not exist.

    Args:
        context: the kubeconfig's context; None: the current one.
        namespace: the namespace.
        subjects: a subject's name → the Deployments that it names.
    """
    cluster = connect(context, namespace)
    try:
        with api_errors(f"reading the Services of namespace {namespace}"):
            services = tuple([item.to_dict() async for item in cluster.objects.list(Service)])
        return {name: await _workloads(cluster, named, services) for name, named in subjects}
    finally:
        await cluster.aclose()


async def _workloads(cluster: Cluster, named: Deployments, services: tuple[Object, ...]) -> Workloads:
    servers = await _deployment(cluster, named.server)
    clients = None if named.client is None else await _deployment(cluster, named.client)
    return Workloads(cluster.namespace, servers, clients, services, tuple(named.target_env), named.port)


async def _deployment(cluster: Cluster, name: str) -> Object:
    try:
        with api_errors(f"reading deployment/{name}"):
            deployment: Object = (await cluster.objects.get(Deployment, name)).to_dict()
    except PlatformError as error:
        if isinstance(error.__cause__, ApiError) and status_of(error.__cause__) == httpx2.codes.NOT_FOUND:
            raise PlatformError(f"there is no deployment/{name} in namespace {cluster.namespace}") from error
        raise
    return deployment
