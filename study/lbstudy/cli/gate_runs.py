"""The runs of a gate: rounds of runs until every clause is decided or the limit of runs is reached.

A gate's folder is laid out as a comparison's (``kept_folder``), with ``requirement.toml`` and ``result.json``
beside its plan. A round is planned as a whole before it begins, so that an interrupted gate goes on with what
the plan has and the folder lacks, and then as if nothing had happened.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from lbstudy.cli.failure import in_one_line, say
from lbstudy.cli.files import replacing
from lbstudy.cli.interrupts import uninterrupted
from lbstudy.cli.kept_folder import KeptFolder
from lbstudy.cli.perform import perform, quiet_view
from lbstudy.compare import plan as planning
from lbstudy.compare.plan import PlannedRun
from lbstudy.config import Requirement, Scenario, Setting
from lbstudy.config.load import load_requirement
from lbstudy.config.subject import Subject
from lbstudy.gate.model import GateResult
from lbstudy.gate.plan import GatePlan, next_round
from lbstudy.gate.progress import Progress
from lbstudy.platform.kubernetes.workloads import Workloads
from lbstudy.result.model import Result
from lbstudy.run.plan import RunPlan
from lbstudy.run.venue import Venue

RESULT: Final = "result.json"
_REQUIREMENT: Final = "requirement.toml"
MOST_LEFT_OUT: Final = 3
"""After so many runs that failed, or whose ledger does not close, the gate stops: this machine or cluster is
at fault.
"""


class GateFolder(KeptFolder[GatePlan]):
    """Reads and writes the folder. Raises UsageError for one that is none, ConfigError, OSError."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, GatePlan, "gate")

    def keep(self, requirement: Requirement) -> None:
        """Keep the requirement as it was at the beginning."""
        (self.path / _REQUIREMENT).write_text(requirement.toml, encoding="utf-8")

    def requirement(self) -> Requirement:
        """The requirement as it was at the beginning."""
        return load_requirement(self.path / _REQUIREMENT)


@dataclass(frozen=True, slots=True)
class GateRuns:
    """What a gate runs, and where."""

    requirement: Requirement
    scenarios: Sequence[Scenario]  # of each clause
    settings: Sequence[Setting]
    subject: Subject
    subjects: Mapping[str, Subject]  # a setting's name → its programs, if there are several subjects
    venue: Venue
    workloads: Mapping[str, Workloads]  # a subject's name → the Deployments that it names
    path: Path
    plain: bool


def distinct_scenarios(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """Each once, in the clauses' order."""
    return list({scenario.name: scenario for scenario in scenarios}.values())


def prove(runs: GateRuns, plan: GatePlan) -> GateResult:
    """Run until everything is decided, the limit of runs is reached, or too many runs failed.

    What the plan has already is made first, as far as the folder lacks it.

    Returns:
        What it comes to, which result.json has, too.

    Raises:
        KeyboardInterrupt: interrupted; result.json has what had been decided.
    """
    folder = GateFolder(runs.path)
    most = runs.requirement.proof.most_runs
    progress = Progress(
        runs.requirement,
        runs.scenarios,
        runs.settings,
        options_known=all(
            programs.kubernetes is None for programs in (runs.subject, *runs.subjects.values())
        ),
    )

    def write() -> GateResult:
        result = progress.result(command=plan.command, started=plan.started, platform=plan.venue.platform)
        with replacing(runs.path / RESULT) as partial:
            partial.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return result

    planned, rounds = plan.runs, max((run.repeat for run in plan.runs), default=0)
    try:
        while True:
            for run in planned:
                _take(runs, folder, run, plan.command, progress)
            written = write()
            if progress.left_out >= MOST_LEFT_OUT or rounds >= most:
                return written
            # Chosen before the round: a setting that fails a clause in it is still judged by all of its runs.
            wanted = {name: progress.wanted(name) for name in plan.scenarios}
            planned = next_round(plan, wanted)
            if not planned:
                return written
            rounds += 1
            plan = plan.model_copy(update={"runs": [*plan.runs, *planned]})
            folder.write_plan(plan)
    except KeyboardInterrupt:
        with uninterrupted():
            write()
            say(f"what had been decided is in {runs.path / RESULT}")
            say(f"to continue: lbstudy gate --resume {runs.path}")
        raise


def _take(runs: GateRuns, folder: GateFolder, run: PlannedRun, command: str, progress: Progress) -> None:
    """Judge a run, which is made unless it is there; one that fails is told, and decides nothing."""
    result = folder.result(run)
    if result is None:
        say(
            f"round {run.repeat}, at most {runs.requirement.proof.most_runs}: {run.scenario}"
            f" with {', '.join(run.settings)}"
        )
        try:
            result = _made(runs, folder, run, command)
        except Exception as error:  # whatever it was, report it; the run decides nothing
            why = in_one_line(error)
            say(f"{run.folder} failed: {why}")
            folder.fail(run, why)
            progress.leave_out(run.folder, why)
            return
    progress.add(run.folder, run.scenario, result)


def _made(runs: GateRuns, folder: GateFolder, run: PlannedRun, command: str) -> Result:
    own = folder.run(run)
    scenario = next(planned for planned in runs.scenarios if planned.name == run.scenario)
    plan = RunPlan(
        scenario=_without_expectations(planning.shifted(scenario, run.shift)),
        settings=[setting for setting in runs.settings if setting.name in run.settings],
        run_dir=own.path,
        run_id=f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{Path(run.folder).name}-{secrets.token_hex(3)}",
        seed=run.seed,
        command=command,
        venue=runs.venue,
        subject=runs.subject,
        subjects=runs.subjects,
        workloads=runs.workloads,
    )
    return perform(plan, own, quiet_view(plain=runs.plain))


def _without_expectations(scenario: Scenario) -> Scenario:
    """Return the scenario without its expectations, which a requirement does not use."""
    return scenario.model_copy(update={"expect": []})
