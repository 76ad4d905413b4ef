"""The scenarios in which a requirement's clauses are judged; checks that each can show its clause."""

from pathlib import Path
from typing import Final

from lbstudy.config.error import ConfigError
from lbstudy.config.load import load_scenario
from lbstudy.config.requirement import (
    AnyClause,
    FailingServer,
    HungServer,
    KilledServer,
    NewServer,
    RemovedServer,
    Requirement,
    RollingUpdate,
)
from lbstudy.config.scenario import Scenario

FAULT_OF: Final = {HungServer: "stop", FailingServer: "error", KilledServer: "kill"}
"""A kind of clause → the kind of fault whose losses it limits."""
START: Final = 3.0
"""Longest time in seconds until a new server is Ready, in a scenario that shows when it is first called."""


def judged_scenarios(requirement: Requirement) -> list[Scenario]:
    """Return the scenario of each clause, in the clauses' order.

    Raises:
        ConfigError: a scenario cannot be read, or cannot show whether its clause holds.
    """
    shown = requirement.path or requirement.name
    scenarios: list[Scenario] = []
    loaded: dict[str, Scenario] = {}
    for number, clause in enumerate(requirement.clause, start=1):
        where = f"{shown}: clause {number}, scenario"
        name = clause.judged_in
        if name not in loaded:
            loaded[name] = _load(name, requirement, where)
        scenario = loaded[name]
        same = next(
            (other for other in scenarios if other.name == scenario.name and other is not scenario), None
        )
        if same is not None:
            raise ConfigError(f"{where}: expected another name than {scenario.name}, which {same.path} has")
        if reason := unfit(clause, scenario):
            raise ConfigError(f"{where}: {reason}")
        scenarios.append(scenario)
    return scenarios


def unfit(clause: AnyClause, scenario: Scenario) -> str:
    """Return why a scenario cannot show whether a clause holds; "" if it can."""
    name = scenario.name
    if isinstance(clause, NewServer):
        watched = watched_after_a_scale_up(scenario)
        if watched is None:
            return f"expected one in which servers are added, found {name}"
        if watched - START < clause.within:
            return (
                f"expected one that watches a new server for more than {clause.within + START:g} s"
                f" (within, and {START:g} s for its start), found {name}, which does so for {watched:g} s"
            )
    if isinstance(clause, RemovedServer) and not _has_scale_down(scenario):
        return f"expected one in which servers are removed, found {name}"
    if isinstance(clause, RollingUpdate) and not any(
        replace.how == "rolling-update" for replace in scenario.replace
    ):
        return f'expected one with a [[replace]] of how = "rolling-update", found {name}'
    kind = FAULT_OF.get(type(clause))
    if kind is not None and not any(fault.kind == kind for fault in scenario.fault):
        return f'expected one with a [[fault]] of kind = "{kind}", found {name}'
    return ""


def watched_after_a_scale_up(scenario: Scenario) -> float | None:
    """Return the seconds for which every added server is at least watched; None if no server is added."""
    steps = scenario.step
    ends = [*(step.at for step in steps[1:]), scenario.duration]
    watched: list[float] = []
    for i, step in enumerate(steps[1:], start=1):
        if step.servers > steps[i - 1].servers:
            # A scale-down removes the youngest servers first: they are watched until the next step that
            # removes any.
            gone = (
                at
                for at, later in zip(ends[i:], steps[i + 1 :], strict=False)
                if later.servers < step.servers
            )
            watched.append(next(gone, scenario.duration) - step.at)
    return min(watched, default=None)


def _has_scale_down(scenario: Scenario) -> bool:
    return any(
        after.servers < before.servers
        for before, after in zip(scenario.step, scenario.step[1:], strict=False)
    )


def _load(name: str, requirement: Requirement, where: str) -> Scenario:
    path: str | Path = name
    if requirement.path is not None and ("/" in name or name.endswith(".toml")):
        path = requirement.path.parent / name
    try:
        return load_scenario(path)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
