"""The ways in which all pods of a Deployment are replaced by new ones."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import httpx2
from lightkube import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.types import CascadeType, PatchType

from lbstudy.platform.kubernetes.api import Cluster, persistently, typed
from lbstudy.platform.kubernetes.owner import Object

_RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
_GONE_WITHIN: Final = 30.0  # s
_LOOK: Final = 0.05  # s
_ALLOWED: Final = 0.5  # s, after which an eviction that is not allowed yet is asked for again


async def restart(cluster: Cluster, deployment: str, run_id: str) -> None:
    """A rolling update by an annotation of the pod template, as `kubectl rollout restart` makes it."""
    annotations = {_RESTARTED: f"{run_id}-{time.time_ns()}"}
    patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    await persistently(
        lambda: cluster.objects.patch(Deployment, deployment, patch, patch_type=PatchType.STRATEGIC)
    )


async def recreate(cluster: Cluster, made: Object) -> None:
    """Delete the Deployment as `kubectl delete` does, its pods go in the background, and create it anew."""
    name = made["metadata"]["name"]
    await cluster.objects.delete(Deployment, name, cascade=CascadeType.BACKGROUND)
    async with asyncio.timeout(_GONE_WITHIN):
        while True:
            try:
                await cluster.objects.create(typed(Deployment, made))
            except ApiError as error:
                if error.status.code != httpx2.codes.CONFLICT:
                    raise
                await asyncio.sleep(_LOOK)  # it is still being deleted
            else:
                return


async def evict(cluster: Cluster, pods: Sequence[str]) -> None:
    """Evict pods, as `kubectl drain` does: within what PodDisruptionBudgets allow."""
    await asyncio.gather(*(_evict(cluster, pod) for pod in pods))


async def _evict(cluster: Cluster, pod: str) -> None:
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": cluster.namespace},
    }
    url = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}/eviction"
    while True:
        answer = await persistently(lambda: cluster.http.post(url, json=body, timeout=15.0))
        if answer.status_code == httpx2.codes.NOT_FOUND:
            return  # it is gone already
        if answer.status_code != httpx2.codes.TOO_MANY_REQUESTS:
            answer.raise_for_status()
            return
        await asyncio.sleep(_ALLOWED)  # a PodDisruptionBudget wants another pod Ready first
