"""``lbstudy compare``: settings × scenarios, repeated, and one page that says which setting does what."""

import json
import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from lbstudy.cli.compare_folder import ComparisonFolder
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError, in_one_line, say
from lbstudy.cli.files import default_folder
from lbstudy.cli.interrupts import uninterrupted
from lbstudy.cli.on import On, choose
from lbstudy.cli.run import choose_view, perform, require_different_names
from lbstudy.compare import plan as planning
from lbstudy.compare.model import ComparedScenario, Comparison
from lbstudy.compare.plan import ChosenCluster, Plan, PlannedRun
from lbstudy.config import Scenario, Setting, load_scenario, load_setting, notes
from lbstudy.live.view import View
from lbstudy.result.model import Result
from lbstudy.run.obstacles import obstacles
from lbstudy.run.plan import ClusterChoice, RunPlan

_CURRENT = "the kubeconfig's current context"


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """The command's options."""

    settings: Sequence[str]  # names or paths; none: the default ones
    scenarios: Sequence[str]  # the same
    repeat: int
    seed: int
    side_by_side: int | None  # None: as the cores allow
    out: Path | None
    origin: Path | None  # --from: make the page again
    resume: Path | None  # run what is missing there
    on: On
    context: str | None  # these two only on Kubernetes
    namespace: str | None
    as_json: bool
    as_markdown: bool
    dry_run: bool
    plain: bool
    command: str  # as the user typed it


def compare(request: CompareRequest) -> int:
    """Do what the command asks for; returns the exit code.

    Raises:
        ConfigError, UsageError: for files and options that cannot be used.
        ResultFileError, OSError: when runs cannot be read, or the page cannot be written.
        KeyboardInterrupt: interrupted; the page shows the runs that had finished.
    """
    if request.as_json and request.as_markdown:
        raise UsageError("--json and --markdown exclude each other")
    cluster = choose(request.on, request.context, request.namespace)
    if request.origin is not None or request.resume is not None:
        return _again(request)
    settings = [load_setting(name) for name in request.settings or planning.DEFAULT_SETTINGS]
    scenarios = [load_scenario(name) for name in request.scenarios or planning.DEFAULT_SCENARIOS]
    require_different_names(settings)
    require_different_names(scenarios)
    _check_obstacles(scenarios, cluster)
    plan = planning.make(
        settings,
        scenarios,
        repeat=request.repeat,
        seed=request.seed,
        at_once=request.side_by_side or _side_by_side(scenarios, cluster),
        command=request.command,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        cluster=None
        if cluster is None
        else ChosenCluster(context=cluster.context or "", namespace=cluster.namespace),
    )
    for note in dict.fromkeys(note for scenario in scenarios for note in notes(scenario, settings)):
        say(f"note: {note}")
    folder = ComparisonFolder(request.out or default_folder("compare", datetime.now().astimezone()))
    if request.dry_run:
        typer.echo(_as_json(plan) if request.as_json else _as_text(plan, scenarios, folder.path))
        return ExitCode.OK
    plan = _with_context(plan)
    folder.create(plan, settings, scenarios)
    return _carry_out(folder, plan, settings, scenarios, request)


def _side_by_side(scenarios: Sequence[Scenario], cluster: ClusterChoice | None) -> int:
    if cluster is not None:
        return planning.ON_A_CLUSTER
    return planning.side_by_side(scenarios, len(os.sched_getaffinity(0)))


def _check_obstacles(scenarios: Sequence[Scenario], cluster: ClusterChoice | None) -> None:
    """Raise UsageError when the scenarios cannot be run there."""
    found = [one for each in scenarios for one in obstacles(each, on_a_cluster=cluster is not None)]
    if found:
        raise UsageError("; ".join(found))


def _with_context(plan: Plan) -> Plan:
    """With the name of the current context, where none was chosen: --resume goes on in that cluster."""
    if plan.cluster is None or plan.cluster.context:
        return plan
    from lbstudy.platform.kubernetes.api import current_context  # noqa: PLC0415 - only on a cluster

    cluster = plan.cluster.model_copy(update={"context": current_context()})
    return plan.model_copy(update={"cluster": cluster})


def _again(request: CompareRequest) -> int:
    """With the plan of a comparison that is there."""
    if request.origin is not None and request.resume is not None:
        raise UsageError("--from and --resume exclude each other")
    if request.settings or request.scenarios or request.out or request.side_by_side:
        raise UsageError(
            "--from and --resume take settings, scenarios and folder from the comparison that is there"
        )
    if request.on is On.KUBERNETES:
        raise UsageError("--from and --resume take the cluster, too, from the comparison that is there")
    folder = ComparisonFolder((request.origin or request.resume or Path()).resolve())
    plan = folder.plan()
    settings, scenarios = folder.settings(plan), folder.scenarios(plan)
    if request.origin is None:
        return _carry_out(folder, plan, settings, scenarios, request)
    results = {run.folder: found for run in plan.runs if (found := folder.result(run)) is not None}
    return _conclude(folder, plan, scenarios, results, request)


def _carry_out(
    folder: ComparisonFolder,
    plan: Plan,
    settings: Sequence[Setting],
    scenarios: Sequence[Scenario],
    request: CompareRequest,
) -> int:
    chosen = plan.cluster
    cluster = None if chosen is None else ClusterChoice(chosen.context, chosen.namespace)
    results: dict[str, Result] = {}
    try:
        for number, run in enumerate(plan.runs):
            found = folder.result(run)
            if found is None:
                _announce(plan, number, scenarios)
                found = _run(folder, run, settings, scenarios, cluster, request)
            if found is not None:
                results[run.folder] = found
    except KeyboardInterrupt:
        with uninterrupted():
            if results:
                folder.write(_comparison(folder, plan, scenarios, results))
                say(f"{len(results)} of {len(plan.runs)} runs had finished: {folder.page}")
            say(f"to go on: lbstudy compare --resume {folder.path}")
        raise
    return _conclude(folder, plan, scenarios, results, request)


def _run(
    folder: ComparisonFolder,
    run: PlannedRun,
    settings: Sequence[Setting],
    scenarios: Sequence[Scenario],
    cluster: ClusterChoice | None,
    request: CompareRequest,
) -> Result | None:
    """One run; None when it failed, which is noted, and is no reason to leave out the others."""
    scenario = next(scenario for scenario in scenarios if scenario.name == run.scenario)
    own = folder.run(run)
    plan = RunPlan(
        scenario=planning.shifted(scenario, run.shift),
        settings=[setting for setting in settings if setting.name in run.settings],
        run_dir=own.path,
        run_id=f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{Path(run.folder).name}-{secrets.token_hex(3)}",
        seed=run.seed,
        command=request.command,
        cluster=cluster,
    )
    try:
        return perform(plan, own, _view(plain=request.plain))
    except Exception as error:  # whatever it was, it is told, and the others are run
        reason = in_one_line(error)
        say(f"{run.folder} failed: {reason}")
        folder.fail(run, reason)
        return None


def _conclude(
    folder: ComparisonFolder,
    plan: Plan,
    scenarios: Sequence[Scenario],
    results: dict[str, Result],
    request: CompareRequest,
) -> int:
    comparison = _comparison(folder, plan, scenarios, results)
    folder.write(comparison)
    if request.as_json:
        typer.echo(comparison.model_dump_json(indent=2))
        say(f"page: {folder.page}")
    elif request.as_markdown:
        from lbstudy.report.compare_markdown import render_markdown  # noqa: PLC0415 - only for this

        typer.echo(render_markdown(comparison), nl=False)
        say(f"page: {folder.page}")
    else:
        from rich.console import Console  # noqa: PLC0415 - only for the summary

        from lbstudy.report.compare_terminal import print_comparison  # noqa: PLC0415 - the same

        print_comparison(comparison, Console())
        typer.echo(f"\nPage: {folder.page}")
    return _exit_code(comparison)


def _comparison(
    folder: ComparisonFolder, plan: Plan, scenarios: Sequence[Scenario], results: dict[str, Result]
) -> Comparison:
    from lbstudy.compare.build import build  # noqa: PLC0415 - brings in SciPy

    compared = [
        ComparedScenario(
            name=scenario.name,
            description=scenario.description,
            duration=scenario.duration,
            clients=scenario.load.clients,
            rate=scenario.load.rate,
        )
        for scenario in scenarios
    ]
    return build(plan, compared, results, folder.failures(plan))


def _exit_code(comparison: Comparison) -> ExitCode:
    """Judge the comparison, saying why where it is not simply done."""
    for outcome in comparison.outcomes:
        if outcome.ledger_closes is False:
            say(f"{outcome.run.folder}: the ledger does not close; see its report")
        for unmet in outcome.unmet:
            say(f"{outcome.run.folder}: expectation not met: {unmet}")
    missing = sum(outcome.state == "not run" for outcome in comparison.outcomes)
    if missing:
        say(f"{missing} of {len(comparison.outcomes)} runs have not been made")
    if not comparison.is_whole:
        return ExitCode.ERROR
    return ExitCode.UNMET if any(outcome.unmet for outcome in comparison.outcomes) else ExitCode.OK


def _announce(plan: Plan, number: int, scenarios: Sequence[Scenario]) -> None:
    run = plan.runs[number]
    left = planning.seconds(plan.model_copy(update={"runs": plan.runs[number:]}), scenarios)
    done = datetime.now().astimezone() + timedelta(seconds=left)
    say(
        f"run {number + 1} of {len(plan.runs)}: {run.scenario} with {', '.join(run.settings)};"
        f" all is done at about {done:%H:%M}"
    )


def _view(*, plain: bool) -> View:
    """As for a single run, but silent where nobody looks: a line for each run is enough there."""
    if plain or sys.stderr.isatty():
        return choose_view(plain=plain)
    from lbstudy.live.quiet import Quiet  # noqa: PLC0415 - only where it is needed

    return Quiet()


def _as_text(plan: Plan, scenarios: Sequence[Scenario], path: Path) -> str:
    minutes = planning.seconds(plan, scenarios) / 60
    lines = [
        f"Settings: {', '.join(plan.settings)}; at most {plan.side_by_side} side by side",
        *(f"Scenario {scenario.name}: {scenario.description}" for scenario in scenarios),
        *(
            [f"On Kubernetes: namespace {plan.cluster.namespace} of {plan.cluster.context or _CURRENT}."]
            if plan.cluster
            else []
        ),
        f"{len(plan.runs)} runs, about {minutes:.0f} minutes, results in {path}:",
    ]
    lines.extend(
        f"  {run.folder}: seed {run.seed}, {run.shift:g} s later: {', '.join(run.settings)}"
        for run in plan.runs
    )
    return "\n".join(lines)


def _as_json(plan: Plan) -> str:
    return json.dumps(plan.model_dump(mode="json"), indent=2, ensure_ascii=False)
