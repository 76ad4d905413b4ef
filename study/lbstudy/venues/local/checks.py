"""The checks of ``lbstudy doctor`` for a run on this machine."""

from collections.abc import Callable, Sequence
from typing import Final

from lbstudy.run.check import Check
from lbstudy.venues import machine, software
from lbstudy.venues.local import network
from lbstudy.venues.local.subjects import subjects

_CHECKS: Final[Sequence[Callable[[], Check]]] = (
    software.python,
    software.grpcio,
    software.packages,
    software.instrumentor,
    software.stubs,
    network.loopback,
    network.port,
    network.resolver,
    machine.cores,
    machine.memory,
    machine.disk,
    machine.open_files,
    machine.write_permission,
    machine.terminal,
)


def look() -> list[Check]:
    """Make all checks."""
    return [*(check() for check in _CHECKS), *subjects()]
