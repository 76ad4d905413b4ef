"""Which runs a comparison consists of: settings in groups side by side, each repeat at another phase."""

import math
from collections.abc import Sequence
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, Field

from lbstudy.config import Scenario, Setting
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
"""In the order in which the page shows them; the first one is what the others are held against."""
DEFAULT_SCENARIOS: Final = ("compare",)
DEFAULT_REPEAT: Final = 4
"""The fewest runs of which two settings can be told apart, see interval.FEWEST."""

PER_CORE: Final = 3.0
"""Settings side by side on a core under a light load: with more, the clients are late."""
RATE_PER_CORE: Final = 60.0
"""RPC/s of all settings together on a core, for the same reason."""
PHASES: Final = 10.0
"""s, over which the repeats spread a timeline: its changes meet the clients' timers at every phase."""
OVERHEAD: Final = 17.0
"""s that a run takes beside its load, about: starting, stopping, measuring."""
ON_A_CLUSTER: Final = 2
"""Settings side by side on a cluster: what it carries is not known here, and each pod's start takes CPU."""
OVERHEAD_ON_A_CLUSTER: Final = 60.0
"""s, the same there: images, probes, and reading the run back."""

T = TypeVar("T", bound=BaseModel)


class ChosenCluster(Part):
    """Where a comparison runs that does not run on this machine."""

    context: str = Field(description="of the kubeconfig")
    namespace: str


class PlannedRun(Part):
    """One run: a scenario under some settings side by side."""

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
    cluster: ChosenCluster | None = Field(
        default=None, description="a Kubernetes cluster; null: the machine on which the command was given"
    )
    runs: list[PlannedRun]


def side_by_side(scenarios: Sequence[Scenario], cores: int) -> int:
    """How many settings the machine carries at the same time without being late."""
    rate = max(scenario.load.clients * scenario.load.rate for scenario in scenarios)
    return max(1, math.floor(min(PER_CORE * cores, RATE_PER_CORE * cores / rate)))


def make(
    settings: Sequence[Setting],
    scenarios: Sequence[Scenario],
    *,
    repeat: int,
    seed: int,
    at_once: int,
    command: str,
    started: str,
    cluster: ChosenCluster | None = None,
) -> Plan:
    """All runs, each repeat whole before the next, so that an interrupted comparison has whole ones."""
    names = [setting.name for setting in settings]
    runs = []
    for number in range(repeat):
        shift = float(round(PHASES * number / repeat))
        for scenario in scenarios:
            for part, group in enumerate(_groups(names, at_once, number), start=1):
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
        cluster=cluster,
        runs=runs,
    )


def _groups(names: Sequence[str], at_once: int, turn: int) -> list[list[str]]:
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
    for name in ("replace", "fault"):
        if (found := getattr(scenario, name, None)) is not None:
            update[name] = [_later(one, by) for one in found]
    return scenario.model_copy(update=update)


def _later(one: T, by: float) -> T:
    moved = {name: at + by for name in ("at", "until") if (at := getattr(one, name, None)) is not None}
    return one.model_copy(update=moved)


def seconds(plan: Plan, scenarios: Sequence[Scenario]) -> float:
    """How long all runs take, about."""
    duration = {scenario.name: scenario.duration for scenario in scenarios}
    overhead = OVERHEAD if plan.cluster is None else OVERHEAD_ON_A_CLUSTER
    return sum(duration[run.scenario] + run.shift + overhead for run in plan.runs)
