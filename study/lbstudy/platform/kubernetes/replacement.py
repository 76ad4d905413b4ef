"""The ways to replace all pods of a Deployment."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import httpx2
from lightkube import ApiError
from lightkube.resources.apps_v1 import Deployment
from lightkube.types import CascadeType, PatchType

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import AT_ONCE, Cluster, persistently, typed
from lbstudy.platform.kubernetes.names import Object

_RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
_GONE_WITHIN: Final = 30.0  # s
_LOOK: Final = 0.05  # s
_ALLOWED_WITHIN: Final = 600.0  # s for an eviction to be allowed
_ALLOWED: Final = 0.5  # s until an eviction that was not allowed is requested again


async def restart(cluster: Cluster, deployment: str, run_id: str) -> None:
    """Start a rolling update by an annotation of the pod template, like `kubectl rollout restart`."""
    annotations = {_RESTARTED: f"{run_id}-{time.time_ns()}"}
    patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    await persistently(
        lambda: cluster.objects.patch(Deployment, deployment, patch, patch_type=PatchType.STRATEGIC)
    )


async def recreate(cluster: Cluster, made: Object) -> None:
    """Delete the Deployment like `kubectl delete`, with its pods in the background, and create it again."""
    name = made["metadata"]["name"]
    await cluster.objects.delete(Deployment, name, cascade=CascadeType.BACKGROUND)
    deadline = time.monotonic() + _GONE_WITHIN
    while True:
        try:
            await cluster.objects.create(typed(Deployment, made))
        except ApiError as error:
            if error.status.code != httpx2.codes.CONFLICT:
                raise
            if time.monotonic() > deadline:
                raise PlatformError(
                    f"Deployment {name}: was deleted, and is still there after {_GONE_WITHIN:.0f} s"
                ) from error
            await asyncio.sleep(_LOOK)  # the old one is still being deleted
        else:
            return


async def evict(cluster: Cluster, pods: Sequence[str]) -> None:
    """Evict pods like `kubectl drain`, as far as PodDisruptionBudgets allow. Raises PlatformError."""
    slots = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_evict(cluster, pod, slots) for pod in pods))


async def _evict(cluster: Cluster, pod: str, slots: asyncio.Semaphore) -> None:
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": cluster.namespace},
    }
    url = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}/eviction"
    deadline = time.monotonic() + _ALLOWED_WITHIN
    while True:
        async with slots:
            answer = await persistently(lambda: cluster.http.post(url, json=body, timeout=15.0))
        if answer.status_code == httpx2.codes.NOT_FOUND:
            return  # the pod is gone already
        if answer.status_code != httpx2.codes.TOO_MANY_REQUESTS:
            answer.raise_for_status()
            return
        if time.monotonic() > deadline:
            raise PlatformError(
                f"pod {pod}: no PodDisruptionBudget allowed its eviction within {_ALLOWED_WITHIN:.0f} s"
            )
        await asyncio.sleep(_ALLOWED)  # a PodDisruptionBudget requires another Ready pod first
