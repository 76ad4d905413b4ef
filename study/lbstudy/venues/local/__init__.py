"""This machine: pods are processes with loopback addresses, and the study has its own DNS server."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from lbstudy.config.scenario import Scenario
from lbstudy.run.check import Check
from lbstudy.run.venue import Venue

if TYPE_CHECKING:
    from lbstudy.live.view import View
    from lbstudy.run.plan import RunPlan
    from lbstudy.run.progress import ViewProgress
    from lbstudy.run.session import Session


PER_CORE: Final = 3.0
"""Settings that a core can run side by side under a light load; with more, clients would be late."""
RATE_PER_CORE: Final = 60.0
"""RPC/s of all settings together that a core can run, for the same reason."""


@dataclass(frozen=True, slots=True)
class Local(Venue):
    """This machine."""

    platform: ClassVar[str] = "local"
    own_dns: ClassVar[bool] = True
    runs_what_was_applied: ClassVar[bool] = False
    overhead: ClassVar[float] = 17.0

    @property
    def options(self) -> Mapping[str, str]:
        """Empty: there is only one such machine."""
        return {}

    @property
    def announced(self) -> str:
        """Empty: it is the machine on which the command runs."""
        return ""

    def side_by_side(self, scenarios: Sequence[Scenario]) -> int:
        """Return how many settings the cores can run without clients being late."""
        return carried(scenarios, len(os.sched_getaffinity(0)))

    def obstacles(self, scenario: Scenario) -> list[str]:
        """A search list of several names, without root: c-ares reads it from /etc/resolv.conf only."""
        if len(scenario.dns.search) > 1 and os.geteuid() != 0:
            why = "more than one name needs root, to give clients an /etc/resolv.conf of their own"
            return [f"scenario {scenario.name}: [dns] search: {why}"]
        return []

    def checks(self) -> list[Check]:
        """Check what is installed, the loopback network, and this machine's free resources."""
        from lbstudy.venues.local.checks import look  # noqa: PLC0415 - only for this

        return look()

    def session(self, plan: "RunPlan", view: "View", progress: "ViewProgress") -> "Session":
        """Prepare one run."""
        from lbstudy.venues.local.session import LocalSession  # noqa: PLC0415 - brings in gRPC and DuckDB

        return LocalSession(plan, view, progress)


def carried(scenarios: Sequence[Scenario], cores: int) -> int:
    """Return how many settings so many cores can run at the same time without clients being late."""
    rate = max(
        scenario.load.clients * max([scenario.load.rate, *(step.rate for step in scenario.load.step)])
        for scenario in scenarios
    )
    return max(1, math.floor(min(PER_CORE * cores, RATE_PER_CORE * cores / rate)))


def choose(options: Mapping[str, str]) -> Local:
    """Choose this machine. Raises ValueError for any option."""
    if options:
        raise ValueError("--context and --namespace go with --on kubernetes")
    return Local()
