"""What a run's platform cannot do of what is planned, told before it begins. Pure."""

from typing import Final

from lbstudy.run.plan import RunPlan

NOT_ON_A_CLUSTER: Final = frozenset(
    {
        "crash-at-start",
        "slow-start",
        "dns-stale",
        "dns-nxdomain",
        "dns-servfail",
        "dns-silent",
        "dns-truncated",
        "dns-late",
    }
)
"""The kinds of faults that would change what is not the run's own: the cluster's DNS, how its pods start."""


def obstacles(plan: RunPlan) -> list[str]:
    """Collect what cannot be done, in words; none when everything can."""
    scenario = plan.scenario
    if plan.cluster is None:
        return [
            f"scenario {scenario.name}: [[replace]] how = {how}: only on Kubernetes: --on kubernetes"
            for how in dict.fromkeys(replace.how for replace in scenario.replace)
        ]
    return [
        *(
            f"scenario {scenario.name}: [[fault]] kind = {kind}: not on a cluster: --on local"
            for kind in dict.fromkeys(fault.kind for fault in scenario.fault)
            if kind in NOT_ON_A_CLUSTER
        ),
    ]
