"""The checks of ``lbstudy doctor --on kubernetes``: this program, the cluster, and what was applied there."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import connect
from lbstudy.platform.kubernetes.checks import Need, needs
from lbstudy.run.check import Check, CheckStatus
from lbstudy.venues import machine, software
from lbstudy.venues.kubernetes import Kubernetes

_HERE: Final[Sequence[Callable[[], Check]]] = (
    software.python,
    software.packages,
    machine.disk,
    machine.write_permission,
    machine.terminal,
)
"""The checks of this machine for a run whose pods are elsewhere."""


def look(where: Kubernetes) -> list[Check]:
    """Return one check for each need of a run; if the cluster does not answer, one that says so."""
    here = [check() for check in _HERE]
    try:
        present_needs = asyncio.run(_needs(where))
    except PlatformError as error:
        present_needs = [Need("cluster", False, str(error))]
    return here + [_check(need) for need in present_needs]


def _check(need: Need) -> Check:
    if need.is_met:
        return Check(need.name, CheckStatus.OK, need.found, need.advice)
    if need.only_for:
        text = f"{need.found}, which settings with {need.only_for} need"
        return Check(need.name, CheckStatus.NOTE, text, need.advice)
    return Check(need.name, CheckStatus.MISSING, need.found, need.advice)


async def _needs(where: Kubernetes) -> list[Need]:
    cluster = connect(where.context, where.namespace)
    try:
        return await needs(cluster)
    finally:
        await cluster.aclose()
