"""What ``lbstudy doctor --on kubernetes`` looks at: the cluster, and what was applied there."""

import asyncio

from lbstudy.cli.check import Check, Status
from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import connect
from lbstudy.platform.kubernetes.checks import Need, needs
from lbstudy.run.plan import ClusterChoice


def look(choice: ClusterChoice) -> list[Check]:
    """One check for each need of a run there; where there is no cluster to ask, one that says so."""
    try:
        found = asyncio.run(_needs(choice))
    except PlatformError as error:
        found = [Need("cluster", False, str(error))]
    return [_check(need) for need in found]


def _check(need: Need) -> Check:
    if need.is_met:
        return Check(need.name, Status.OK, need.found, need.advice)
    if need.only_for:
        found = f"{need.found}, which settings with {need.only_for} need"
        return Check(need.name, Status.NOTE, found, need.advice)
    return Check(need.name, Status.MISSING, need.found, need.advice)


async def _needs(choice: ClusterChoice) -> list[Need]:
    cluster = connect(choice.context, choice.namespace)
    try:
        return await needs(cluster)
    finally:
        await cluster.aclose()
