"""A run's Lease: it shows who runs in a namespace, that the run is alive, and it owns all that the run makes.

There is one Lease in a namespace, so that two runs cannot disturb each other. If it is deleted, the cluster's
garbage collector deletes everything of the run, even if this program is gone.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx2
import msgspec
from lightkube import ApiError
from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.types import CascadeType

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes import names, wire
from lbstudy.platform.kubernetes.api import Cluster, api_errors, persistently
from lbstudy.platform.kubernetes.names import Owner

DURATION: Final = 30
"""Seconds after which a run that has not renewed its Lease counts as dead."""
_RENEW: Final = 0.1  # s: the bounds of all instants from watches are little larger than this
_RENEWED_WITHIN: Final = 5.0  # s
_AGAIN: Final = 1.0  # s after a failed renewal
_GONE_WITHIN: Final = 300.0  # s for everything that a Lease owns to be deleted
_SAY_EVERY: Final = 10.0  # s
_LOOK: Final = 0.3  # s


async def acquire(cluster: Cluster, run_id: str, holder: str, tell: Callable[[str], None]) -> Owner:
    """Create the run's Lease, after cleaning up an earlier run that is dead.

    Args:
        cluster: the cluster.
        run_id: the run.
        holder: who runs it, for people: "user@host".
        tell: called with a line if something was cleaned up.

    Raises:
        PlatformError: another run is in progress, or the API refused.
    """
    with api_errors("making the run's Lease"):
        present = await _find(cluster)
        if present is not None:
            await _clean_up(cluster, present, tell)
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


async def renew(
    cluster: Cluster, renewing: Callable[[str], None], renewed: Callable[[str, int, int], None]
) -> None:
    """Renew the Lease until cancelled. It does not matter if the API is unavailable for a while.

    It is renewed far more often than its life needs, because the versions of the renewals show when other
    changes happened.

    Args:
        cluster: the cluster.
        renewing: called with the renewTime before it is sent.
        renewed: called with the version of the renewal, and when (ns, monotonic) it was sent and answered.
    """
    url = f"/apis/coordination.k8s.io/v1/namespaces/{cluster.namespace}/leases/{names.LEASE}"
    headers = {"Content-Type": "application/merge-patch+json"}
    due = time.monotonic()
    while True:
        due = max(due + _RENEW, time.monotonic())
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        now = _text(datetime.now(UTC))
        renewing(now)
        sent = time.monotonic_ns()
        try:
            answer = await cluster.http.patch(
                url, json={"spec": {"renewTime": now}}, headers=headers, timeout=_RENEWED_WITHIN
            )
            answered = time.monotonic_ns()
            answer.raise_for_status()
            renewed_lease = msgspec.json.decode(answer.content, type=wire.OfAny)
        except (httpx2.HTTPError, msgspec.DecodeError):
            await asyncio.sleep(_AGAIN)
            continue
        renewed(renewed_lease.metadata.resource_version, sent, answered)


async def release(cluster: Cluster, tell: Callable[[str], None] = lambda _: None) -> None:
    """Delete the Lease with everything that it owns, and wait until all of that is gone.

    Raises PlatformError.
    """
    await remove(cluster)
    await gone(cluster, tell)


async def remove(cluster: Cluster) -> None:
    """Make the cluster delete the Lease with everything that it owns. Raises PlatformError."""
    with api_errors("removing the run's objects"):
        try:
            await persistently(
                lambda: cluster.objects.delete(Lease, names.LEASE, cascade=CascadeType.FOREGROUND)
            )
        except ApiError as error:
            if error.status.code != httpx2.codes.NOT_FOUND:
                raise


async def gone(cluster: Cluster, tell: Callable[[str], None] = lambda _: None) -> None:
    """Wait until a Lease that is being deleted is gone. Raises PlatformError."""
    begun = said = time.monotonic()
    with api_errors("removing the run's objects"):
        while await _find(cluster) is not None:
            now = time.monotonic()
            if now - begun > _GONE_WITHIN:
                raise PlatformError(
                    f"what the run made is not gone after {_GONE_WITHIN:.0f} s; look at"
                    f" kubectl -n {cluster.namespace} get all -l {names.RUN}"
                )
            if now - said > _SAY_EVERY:
                said = now
                tell(f"waiting for the cluster to remove what the run made ({now - begun:.0f} s)")
            await asyncio.sleep(_LOOK)


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
                f"another run is on in namespace {cluster.namespace} ({who}); if it is dead, it counts"
                f" as that in {left:.0f} s"
            )
    tell(f"removing what the run {who} has left")
    await release(cluster, tell)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
