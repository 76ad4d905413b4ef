"""The Lease of a run: who runs in a namespace, that it is alive, and the owner of all that it makes.

One Lease a namespace, so that two runs cannot disturb each other. Deleting it deletes everything of the run:
the cluster's garbage collector does that, also when this program is gone.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx2
from lightkube import ApiError
from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.types import CascadeType, PatchType

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes import names
from lbstudy.platform.kubernetes.api import Cluster, api_errors, persistently
from lbstudy.platform.kubernetes.owner import Owner

DURATION: Final = 30
"""Seconds after which a run that has not renewed its Lease is taken for dead."""
_RENEW: Final = 2.0  # s
_GONE_WITHIN: Final = 120.0  # s, for everything that a Lease owns to be deleted
_LOOK: Final = 0.3  # s


async def acquire(cluster: Cluster, run_id: str, holder: str, tell: Callable[[str], None]) -> Owner:
    """Make the run's Lease, when an earlier run that is dead has been cleaned up.

    Args:
        cluster: where.
        run_id: the run.
        holder: who runs it, for people: "user@host".
        tell: is told in a line when something was cleaned up.

    Raises:
        PlatformError: another run is on, or the API refused.
    """
    with api_errors("making the run's Lease"):
        found = await _find(cluster)
        if found is not None:
            await _clean_up(cluster, found, tell)
        now = datetime.now(UTC)
        lease = Lease(
            metadata=ObjectMeta(
                name=names.LEASE,
                namespace=cluster.namespace,
                labels={names.RUN: run_id, "app.kubernetes.io/managed-by": "lbstudy"},
            ),
            spec=LeaseSpec(
                holderIdentity=f"{run_id} {holder}",
                leaseDurationSeconds=DURATION,
                acquireTime=now,
                renewTime=now,
            ),
        )
        try:
            made = await cluster.objects.create(lease)
        except ApiError as error:
            if error.status.code == httpx2.codes.CONFLICT:
                raise PlatformError(f"another run has just begun in namespace {cluster.namespace}") from error
            raise
    assert made.metadata is not None
    return Owner(names.LEASE, str(made.metadata.uid), run_id)


async def renew(cluster: Cluster, renewing: Callable[[str], None]) -> None:
    """Keep the Lease alive until cancelled; an API that is away for a while does not matter.

    Args:
        cluster: where.
        renewing: is told the renewTime before it is sent.
    """
    while True:
        await asyncio.sleep(_RENEW)
        now = _text(datetime.now(UTC))
        patch = {"spec": {"renewTime": now}}
        renewing(now)
        try:
            await cluster.objects.patch(Lease, names.LEASE, patch, patch_type=PatchType.MERGE)
        except httpx2.HTTPError:
            continue


async def release(cluster: Cluster) -> None:
    """Delete the Lease, with everything that it owns, and wait until all of that is gone.

    Raises PlatformError.
    """
    with api_errors("removing the run's objects"):
        await _delete(cluster)


async def _delete(cluster: Cluster) -> None:
    try:
        await persistently(lambda: cluster.objects.delete(Lease, names.LEASE, cascade=CascadeType.FOREGROUND))
    except ApiError as error:
        if error.status.code != httpx2.codes.NOT_FOUND:
            raise
    try:
        async with asyncio.timeout(_GONE_WITHIN):
            while await _find(cluster) is not None:  # noqa: ASYNC110 - the API is asked, nothing tells
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        raise PlatformError(
            f"what the run made is not gone after {_GONE_WITHIN:.0f} s; look at"
            f" kubectl -n {cluster.namespace} get all -l {names.RUN}"
        ) from None


async def _find(cluster: Cluster) -> Lease | None:
    try:
        return await persistently(lambda: cluster.objects.get(Lease, names.LEASE))
    except ApiError as error:
        if error.status.code == httpx2.codes.NOT_FOUND:
            return None
        raise


async def _clean_up(cluster: Cluster, lease: Lease, tell: Callable[[str], None]) -> None:
    spec = lease.spec or LeaseSpec()
    is_going = lease.metadata is not None and lease.metadata.deletionTimestamp is not None
    who = spec.holderIdentity or "somebody"
    if not is_going and spec.renewTime is not None:
        duration = timedelta(seconds=spec.leaseDurationSeconds or DURATION)
        left = (spec.renewTime + duration - datetime.now(UTC)).total_seconds()
        if left > 0:
            raise PlatformError(
                f"another run is on in namespace {cluster.namespace} ({who}); should it be dead, it is taken"
                f" for that in {left:.0f} s"
            )
    tell(f"removing what the run {who} has left")
    await _delete(cluster)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
