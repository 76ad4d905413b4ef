"""The runs of a comparison: settings in groups side by side, each repeat at another phase."""

import math
from collections.abc import Sequence
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, Field, model_validator

from lbstudy.config import Scenario, Setting
from lbstudy.config.phases import PHASES
from lbstudy.result.model import Part

DEFAULT_SETTINGS: Final = (
    "stock",
    "min-interval",
    "max-age",
    "push",
    "keepalive",
    "outlier-detection",
    "retries",
    "combined",
    "push-combined",
    "weighted-round-robin",
    "pick-first",
)
"""In the order in which the page shows them; the others are compared with the first."""
DEFAULT_SCENARIOS: Final = ("compare",)
DEFAULT_REPEAT: Final = 4
"""The fewest runs that can show a difference between two settings, see interval.FEWEST."""

T = TypeVar("T", bound=BaseModel)


class ChosenVenue(Part):
    """Where the runs are made: a venue and its options."""

    platform: str = Field(default="local", description="as --on names it")
    options: dict[str, str] = Field(
        default_factory=dict,
        description="of a Kubernetes cluster: its context, of the kubeconfig, and namespace",
    )


class PlannedRun(Part):
    """One run: a scenario with some settings side by side."""

    folder: str = Field(description="of the run, relative to the comparison's own")
    scenario: str
    settings: list[str]
    repeat: int = Field(description="from 1")
    seed: int
    shift: float = Field(description="s by which all that the timeline does under load comes later")


class Plan(Part):
    """All runs of a comparison, in the order in which they are made."""

    schema_version: Literal["1"] = "1"
    command: str
    started: str = Field(description="ISO 8601, UTC")
    settings: list[str]
    scenarios: list[str]
    repeat: int
    seed: int
    side_by_side: int
    subjects: list[str] = Field(
        default_factory=list,
        description="built-in names or absolute paths; several: each setting is a pair, as go-stock",
    )
    setting_files: list[str] = Field(
        default_factory=list, description="the settings' own names, before they were paired with subjects"
    )
    venue: ChosenVenue = Field(default_factory=ChosenVenue, description="where the runs are made")
    runs: list[PlannedRun]

    @model_validator(mode="before")
    @classmethod
    def _with_its_venue(cls, plan: object) -> object:
        """Accept a plan of a version that only knew clusters or none, and no other venues."""
        if not isinstance(plan, dict) or "cluster" not in plan:
            return plan
        rest = {name: value for name, value in plan.items() if name != "cluster"}
        if plan["cluster"] is None:
            return rest
        return rest | {"venue": {"platform": "kubernetes", "options": plan["cluster"]}}


def make(
    settings: Sequence[Setting],
    scenarios: Sequence[Scenario],
    *,
    repeat: int,
    seed: int,
    at_once: int,
    command: str,
    started: str,
    venue: ChosenVenue | None = None,
    subjects: Sequence[str] = (),
    setting_files: Sequence[str] = (),
) -> Plan:
    """All runs, each repeat whole before the next, so that an interrupted comparison has whole ones."""
    names = [setting.name for setting in settings]
    runs = []
    for number in range(repeat):
        shift = float(round(PHASES * number / repeat))
        for scenario in scenarios:
            for part, group in enumerate(groups(names, at_once, number), start=1):
                runs.append(
                    PlannedRun(
                        folder=f"runs/{scenario.name}-{number + 1}-{part}",
                        scenario=scenario.name,
                        settings=group,
                        repeat=number + 1,
                        seed=(seed + number) % 2**31,
                        shift=shift,
                    )
                )
    return Plan(
        command=command,
        started=started,
        settings=names,
        scenarios=[scenario.name for scenario in scenarios],
        repeat=repeat,
        seed=seed,
        side_by_side=at_once,
        subjects=list(subjects),
        setting_files=list(setting_files),
        venue=venue or ChosenVenue(),
        runs=runs,
    )


def groups(names: Sequence[str], at_once: int, turn: int) -> list[list[str]]:
    """Groups of about the same size; with each repeat other settings share a group."""
    count = math.ceil(len(names) / at_once)
    offset = turn % len(names)
    turned = [*names[offset:], *names[:offset]]
    size, more = divmod(len(turned), count)
    groups, at = [], 0
    for number in range(count):
        until = at + size + (number < more)
        groups.append(sorted(turned[at:until], key=list(names).index))
        at = until
    return groups


def shifted(scenario: Scenario, by: float) -> Scenario:
    """The scenario with all that it does under load, and its end, so much later."""
    if not by:
        return scenario
    update: dict[str, object] = {
        "duration": scenario.duration + by,
        "description": f"{scenario.description} (everything {by:g} s later)",
        "step": [
            step if step.at == 0 else step.model_copy(update={"at": step.at + by}) for step in scenario.step
        ],
    }
    if scenario.load.step:
        steps = [_later(step, by) for step in scenario.load.step]
        update["load"] = scenario.load.model_copy(update={"step": steps})
    for name in ("replace", "fault"):
        if (commands := getattr(scenario, name, None)) is not None:
            update[name] = [_later(command, by) for command in commands]
    return scenario.model_copy(update=update)


def _later(command: T, by: float) -> T:
    moved = {name: at + by for name in ("at", "until") if (at := getattr(command, name, None)) is not None}
    return command.model_copy(update=moved)


def seconds(plan: Plan, scenarios: Sequence[Scenario], overhead: float) -> float:
    """How long all runs take, about, when each takes ``overhead`` seconds beside its load."""
    duration = {scenario.name: scenario.duration for scenario in scenarios}
    return sum(duration[run.scenario] + run.shift + overhead for run in plan.runs)
