"""What a run is to do, before it does anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from lbstudy.config.fault import labels
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting
from lbstudy.platform.interface import Fault, Manner

STORE_FILE = "run.duckdb"
"""The file, in a run's folder, with everything that was observed."""


@dataclass(frozen=True, slots=True)
class Collector:
    """An OpenTelemetry Collector, and where what it passes on can be looked at, as far as that is known."""

    endpoint: str  # OTLP/gRPC, "http://127.0.0.1:4317"
    jaeger: str | None = None  # base URLs
    prometheus: str | None = None


@dataclass(frozen=True, slots=True)
class ClusterChoice:
    """A Kubernetes cluster, and where in it."""

    context: str | None  # of the kubeconfig; None: the current one
    namespace: str


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
    cluster: ClusterChoice | None = None  # where it runs; None: on this machine


@dataclass(frozen=True, slots=True)
class Planned:
    """Something that the run will do, for every setting at the same instant."""

    at: float  # s since the load's start
    action: Literal["start", "scale", "replace", "inject", "lift", "end"]
    servers: int  # wanted from then on, per setting
    before: int  # wanted until then
    manner: Manner | None = None  # of a replacement
    fault: Fault | None = None  # that begins, or is lifted


def timeline(plan: RunPlan) -> list[Planned]:
    """List what the run will do, in order: the servers before the load, each command, the end."""
    steps = plan.scenario.step
    planned = [Planned(steps[0].at, "start", steps[0].servers, 0)]
    planned.extend(
        Planned(step.at, "scale", step.servers, before.servers) for before, step in pairwise(steps)
    )
    for replace in plan.scenario.replace:
        servers = _wanted(plan.scenario, replace.at)
        planned.append(Planned(replace.at, "replace", servers, servers, Manner(replace.how)))
    planned.extend(_faults(plan.scenario))
    # Stable: of two at the same instant, the step comes first; what ends then, ends before something begins.
    planned.sort(key=lambda one: (one.at, one.action == "inject"))
    planned.append(Planned(plan.scenario.duration, "end", 0, steps[-1].servers))
    return planned


def _faults(scenario: Scenario) -> Iterator[Planned]:
    """When each fault begins and is lifted; one without an end is lifted when the load ends."""
    for table, label in zip(scenario.fault, labels(scenario.fault), strict=True):
        fault = Fault(label, table.kind, getattr(table, "servers", None), table.options)
        begun, until = _wanted(scenario, table.at), table.until or scenario.duration
        yield Planned(table.at, "inject", begun, begun, fault=fault)
        yield Planned(until, "lift", _wanted(scenario, until), _wanted(scenario, until), fault=fault)


def _wanted(scenario: Scenario, at: float) -> int:
    """How many servers are wanted at an instant."""
    return next(step.servers for step in reversed(scenario.step) if step.at <= at)


def planned_rpcs(plan: RunPlan) -> int:
    """Count the RPCs that the load schedules in all settings together."""
    load = plan.scenario.load
    return round(load.clients * load.rate * plan.scenario.duration) * len(plan.settings)


def largest(plan: RunPlan) -> int:
    """Count the servers that run at the same time, in all settings together, when there are most."""
    return max(step.servers for step in plan.scenario.step) * len(plan.settings)
