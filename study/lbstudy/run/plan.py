"""What a run is to do, before it does anything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

from greeter.client.course import Course, RatePoint

from lbstudy.config.fault import AnyFault, labels
from lbstudy.config.load import load_subject
from lbstudy.config.scenario import Replace, Scenario
from lbstudy.config.setting import Setting
from lbstudy.config.subject import Subject
from lbstudy.platform.interface import Fault, Manner, RolloutLimits
from lbstudy.platform.kubernetes.workloads import Workloads
from lbstudy.run.fit import fitted
from lbstudy.run.venue import Venue

STORE_FILE = "run.duckdb"
"""The file in a run's folder that has everything that was observed."""


@dataclass(frozen=True, slots=True)
class Collector:
    """An OpenTelemetry Collector, and the Jaeger and Prometheus behind it, if they are known."""

    endpoint: str  # OTLP/gRPC, "http://127.0.0.1:4317"
    jaeger: str | None = None  # a base URL
    prometheus: str | None = None


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything that a run needs to know."""

    scenario: Scenario
    settings: list[Setting]  # side by side, each with its own servers, DNS name and clients
    run_dir: Path  # exists and is empty
    run_id: str
    seed: int
    command: str  # as the user typed it, to be kept with the result
    subject: Subject = field(default_factory=load_subject)  # the programs under study
    collector: Collector | None = None  # receives all telemetry as well
    venue: Venue = field(kw_only=True)  # where it runs
    subjects: Mapping[str, Subject] = field(default_factory=dict)
    """If there are several subjects: a setting's name → the programs that run with it."""

    workloads: Mapping[str, Workloads] = field(default_factory=dict)
    """Deployments that are studied by name: a subject's name → its Deployments, as read from the cluster."""

    def programs(self, setting: Setting) -> Subject:
        """Return the programs that run with a setting."""
        return self.subjects.get(setting.name, self.subject)

    def deployed_client(self, setting: Setting) -> str | None:
        """Return the name of the clients' Deployment to copy; None: the client is a program of the plan."""
        named = self.programs(setting).kubernetes
        return None if named is None else named.client

    @property
    def preloads(self) -> list[str]:
        """Return the Python modules that are imported once for all pods."""
        modules = (self.programs(setting).server_program.preload for setting in self.settings)
        return [module for module in dict.fromkeys(modules) if module]


@dataclass(frozen=True, slots=True)
class Planned:
    """Something that the run does, for every setting at the same instant."""

    at: float  # s since the load's start
    action: Literal["start", "scale", "replace", "inject", "lift", "end"]
    servers: int  # wanted from then on, for each setting
    before: int  # wanted before
    manner: Manner | None = None  # how servers are replaced
    limits: RolloutLimits | None = None  # of a rolling update, if the scenario sets them
    fault: Fault | None = None  # the fault that begins or is lifted
    table: AnyFault | None = None  # the same fault, as it is in the scenario


def timeline(plan: RunPlan) -> list[Planned]:
    """Return what the run will do, in order: the servers before the load, each command, the end."""
    steps = plan.scenario.step
    planned = [Planned(steps[0].at, "start", steps[0].servers, 0)]
    planned.extend(
        Planned(step.at, "scale", step.servers, before.servers) for before, step in pairwise(steps)
    )
    for replace in plan.scenario.replace:
        servers = _wanted(plan.scenario, replace.at)
        manner, limits = Manner(replace.how), _limits(replace)
        planned.append(Planned(replace.at, "replace", servers, servers, manner, limits))
    fits = [fitted(plan.scenario, plan.programs(setting)).fault for setting in plan.settings]
    made = [fault for fault in plan.scenario.fault if any(fault in faults for faults in fits)]
    planned.extend(_faults(plan.scenario.model_copy(update={"fault": made})))
    # A stable sort: at the same instant, steps come first, and ends come before beginnings.
    planned.sort(key=lambda item: (item.at, item.action == "inject"))
    planned.append(Planned(plan.scenario.duration, "end", 0, steps[-1].servers))
    return planned


def _limits(replace: Replace) -> RolloutLimits | None:
    """Return the limits of a rolling update; None if the file has none."""
    if not replace.model_fields_set & {"max_surge", "max_unavailable"}:
        return None
    return RolloutLimits(replace.max_surge, replace.max_unavailable)


def _faults(scenario: Scenario) -> Iterator[Planned]:
    """Yield when each fault begins and is lifted; one without an end is lifted at the end of the load."""
    for table, label in zip(scenario.fault, labels(scenario.fault), strict=True):
        fault = Fault(label, table.kind, getattr(table, "servers", None), table.options)
        begun, until = _wanted(scenario, table.at), table.until or scenario.duration
        yield Planned(table.at, "inject", begun, begun, fault=fault, table=table)
        wanted = _wanted(scenario, until)
        yield Planned(until, "lift", wanted, wanted, fault=fault, table=table)


def _wanted(scenario: Scenario, at: float) -> int:
    """Return how many servers are wanted at an instant."""
    return next(step.servers for step in reversed(scenario.step) if step.at <= at)


def planned_rpcs(plan: RunPlan) -> int:
    """Return how many RPCs the load schedules, in all settings together."""
    load, changes = plan.scenario.load, course(plan.scenario)
    of_each = load.rate * plan.scenario.duration if changes is None else changes.rpcs(plan.scenario.duration)
    return round(load.clients * of_each) * len(plan.settings)


def course(scenario: Scenario) -> Course | None:
    """Return how each client's rate changes; None if it is constant."""
    points = scenario.load.points
    return Course([RatePoint(at, rate) for at, rate in points]) if points else None


def largest(plan: RunPlan) -> int:
    """Return the largest number of servers that run at the same time, in all settings together."""
    scaler = plan.scenario.autoscaler
    most = max(step.servers for step in plan.scenario.step)
    return max(most, scaler.max_replicas if scaler is not None else 0) * len(plan.settings)
