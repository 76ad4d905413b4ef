"""``lbstudy gate --resume``: a gate that was interrupted, as its folder has it."""

from typing import Final

import typer

from lbstudy import venues
from lbstudy.cli import workloads
from lbstudy.cli.failure import UsageError
from lbstudy.cli.gate_runs import GateFolder, GateRuns
from lbstudy.cli.options import given_options
from lbstudy.gate.plan import GatePlan
from lbstudy.run.crossed import crossed

_BESIDE: Final = frozenset({"resume", "as_json", "as_markdown", "junit", "plain"})


def refuse_beside_resume(context: typer.Context) -> None:
    """Raise UsageError for what a gate that goes on takes from its folder."""
    if stray := [option for name, option in given_options(context).items() if name not in _BESIDE]:
        raise UsageError(
            f"{', '.join(stray)}: not with --resume, which takes the requirement and all else from the folder"
        )


def resumed(folder: GateFolder, *, plain: bool) -> tuple[GateRuns, GatePlan]:
    """What is run, and what of it was planned. Raises UsageError, ConfigError, PlatformError."""
    plan = folder.plan()
    scenarios = {scenario.name: scenario for scenario in folder.scenarios(plan)}
    subjects = folder.subjects(plan)
    settings, programs = crossed(subjects, folder.settings(plan))
    venue = venues.choose(plan.venue.platform, plan.venue.options)
    runs = GateRuns(
        requirement=folder.requirement(),
        scenarios=[scenarios[name] for name in plan.judged_in],
        settings=settings,
        subject=subjects[0],
        subjects=programs,
        venue=venue,
        workloads=workloads.read_named(subjects, venue),
        path=folder.path,
        plain=plain,
    )
    return runs, plan
