"""A run on this machine: its pods are processes."""

import math
import os
from typing import Final

from lbstudy.platform.interface import Platform
from lbstudy.platform.local.naming import Naming
from lbstudy.platform.local.platform import LocalPlatform
from lbstudy.run.describe import Place, this_machine
from lbstudy.venues.receiving import ReceivingSession

_CLIENTS_AT_LEAST: Final = 4.0  # s for the client processes to start before their first RPC is due


class LocalSession(ReceivingSession):
    """One run on this machine."""

    def create_platform(self) -> Platform:
        """Make a platform of processes."""
        plan, dns = self.plan, self.plan.scenario.dns
        return LocalPlatform(
            plan.run_dir,
            seed=plan.seed,
            propagation=dns.propagation,
            ttl=dns.ttl,
            preload=plan.preloads,
            naming=Naming(dns.families, tuple(dns.search), dns.ndots),
        )

    @property
    def place(self) -> Place:
        """This machine."""
        return this_machine("local: pods as processes")

    def lead(self, servers_took: float) -> float:  # noqa: ARG002 - what the platform took says more
        """Return how long client processes take to start."""
        starts = max(self.plan.programs(setting).client_program.start for setting in self.plan.settings)
        return max(_lead(self.start_took, len(self.plan.settings)), starts)


def _lead(platform_start: float, clients: int) -> float:
    """Return the seconds from starting the client processes to the first RPC.

    They import the same modules that the platform's own process has just imported, all at the same time.
    """
    rounds = math.ceil(clients / len(os.sched_getaffinity(0)))
    return max(_CLIENTS_AT_LEAST, 2 + 2 * rounds * platform_start)
