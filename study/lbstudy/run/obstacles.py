"""What a platform cannot do of a scenario, told before anything begins. Pure."""

from typing import Final

from lbstudy.config.scenario import Scenario

NOT_ON_A_CLUSTER: Final = frozenset(
    {
        "dns-stale",
        "dns-nxdomain",
        "dns-servfail",
        "dns-silent",
        "dns-truncated",
        "dns-late",
    }
)
"""The kinds of faults that would change what is not the run's own: the cluster's DNS."""


def obstacles(scenario: Scenario, *, on_a_cluster: bool) -> list[str]:
    """Collect what of a scenario cannot be done there, in words; none when everything can."""
    if not on_a_cluster:
        return [
            f"scenario {scenario.name}: [[replace]] how = {how}: only on Kubernetes: --on kubernetes"
            for how in dict.fromkeys(replace.how for replace in scenario.replace)
        ]
    return [
        f"scenario {scenario.name}: [[fault]] kind = {kind}: not on a cluster: --on local"
        for kind in dict.fromkeys(fault.kind for fault in scenario.fault)
        if kind in NOT_ON_A_CLUSTER
    ]
