"""Which runs a gate has asked for so far: round after round, each planned as a whole before it begins."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from lbstudy.compare.plan import Plan, PlannedRun, groups
from lbstudy.config.phases import PHASES


class GatePlan(Plan):
    """What a gate was asked, and the runs of all rounds that have begun."""

    kind: Literal["gate"] = "gate"
    judged_in: list[str] = Field(description="the scenario of each clause, by its name")


def phase(number: int) -> float:
    """Return by how many seconds the n-th round's changes are delayed, so that the delays are evenly spread.

    The van der Corput sequence of base 2 (0, 1/2, 1/4, 3/4, 1/8 …) of ``PHASES``, which is even after any
    number of rounds.
    """
    share, step = 0.0, 0.5
    while number:
        share += step * (number % 2)
        number //= 2
        step /= 2
    return PHASES * share


def next_round(plan: Plan, wanted: Mapping[str, Sequence[str]]) -> list[PlannedRun]:
    """The runs of the round after those that are planned; none when nothing is left to be decided.

    Args:
        plan: with the runs of all rounds before.
        wanted: a scenario's name → the settings of which it can still decide something.
    """
    number = max((run.repeat for run in plan.runs), default=0)
    return [
        PlannedRun(
            folder=f"runs/{scenario}-{number + 1}-{part}",
            scenario=scenario,
            settings=group,
            repeat=number + 1,
            seed=(plan.seed + number) % 2**31,
            shift=phase(number),
        )
        for scenario in plan.scenarios
        if (names := wanted.get(scenario))
        for part, group in enumerate(groups(names, plan.side_by_side, number), start=1)
    ]
