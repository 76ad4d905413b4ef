"""What a run is to do, before it does anything."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting


@dataclass(frozen=True, slots=True)
class Collector:
    """An OpenTelemetry Collector, and where what it passes on can be looked at, as far as that is known."""

    endpoint: str  # OTLP/gRPC, "http://127.0.0.1:4317"
    jaeger: str | None = None  # base URLs
    prometheus: str | None = None


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything that a run needs to know."""

    scenario: Scenario
    settings: list[Setting]  # side by side, each with its own servers, DNS name and clients
    run_dir: Path  # exists and is empty
    run_id: str
    seed: int
    command: str  # as the user typed it, for the provenance
    collector: Collector | None = None  # gets everything too


@dataclass(frozen=True, slots=True)
class Planned:
    """Something that the run will do, for every setting at the same instant."""

    at: float  # s since the load's start
    action: str  # "start", "scale" or "end"
    servers: int  # wanted from then on, per setting
    before: int  # wanted until then


def timeline(plan: RunPlan) -> list[Planned]:
    """List what the run will do, in order: the servers before the load, each scale step, the end."""
    steps = plan.scenario.step
    planned = [Planned(steps[0].at, "start", steps[0].servers, 0)]
    planned.extend(
        Planned(step.at, "scale", step.servers, before.servers) for before, step in pairwise(steps)
    )
    planned.append(Planned(plan.scenario.duration, "end", 0, steps[-1].servers))
    return planned


def planned_rpcs(plan: RunPlan) -> int:
    """Count the RPCs that the load schedules in all settings together."""
    load = plan.scenario.load
    return round(load.clients * load.rate * plan.scenario.duration) * len(plan.settings)


def largest(plan: RunPlan) -> int:
    """Count the servers that run at the same time, in all settings together, when there are most."""
    return max(step.servers for step in plan.scenario.step) * len(plan.settings)
