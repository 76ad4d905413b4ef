"""``lbstudy compare``: runs settings × scenarios repeatedly, and writes a page that compares the settings."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from lbstudy import venues
from lbstudy.cli import options, workloads
from lbstudy.cli.command import examples, new_command
from lbstudy.cli.compare_folder import ComparisonFolder, read_comparison
from lbstudy.cli.compare_plan_text import comparison_as_json, comparison_as_text, lacking
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError, in_one_line, say
from lbstudy.cli.files import default_folder
from lbstudy.cli.interrupts import uninterrupted
from lbstudy.cli.kept_folder import kept_as
from lbstudy.cli.names import require_different_names
from lbstudy.cli.on import choose
from lbstudy.cli.options import AsJson, Context, DryRun, Namespace, SideBySide, WhichOn
from lbstudy.cli.perform import perform, quiet_view
from lbstudy.cli.subject import Subjects, choose_subjects, refuse_unfit
from lbstudy.cli.trials import heed_grpc
from lbstudy.compare import plan as planning
from lbstudy.compare.model import ComparedScenario, Comparison
from lbstudy.compare.plan import ChosenVenue, Plan, PlannedRun
from lbstudy.config import Scenario, Setting, load_scenario, load_setting, notes
from lbstudy.config.subject import Subject
from lbstudy.platform.kubernetes.workloads import Workloads
from lbstudy.result.model import Result
from lbstudy.run.crossed import crossed
from lbstudy.run.plan import RunPlan
from lbstudy.run.venue import Venue
from lbstudy.venues import On

_HELP = (
    "Compare settings: run scenarios under all of them, several times, and write one page that says which to"
    " use.\n\n"
    "For each setting: how soon new servers are found, what is lost meanwhile, and what it costs, each with"
    " its interval. No difference is claimed that the runs do not show. It takes minutes: --dry-run shows how"
    " many.\n\n"
    "The folder gets compare.html, comparison.json and the folders of all runs. Ctrl-C keeps what has"
    " finished."
)

app = new_command()


@dataclass(frozen=True, slots=True)
class _Show:
    """How progress and the comparison are shown."""

    as_json: bool
    as_markdown: bool
    plain: bool
    before: Comparison | None  # an earlier comparison to set beside this one


@dataclass(frozen=True, slots=True)
class _Programs:
    """What is compared: settings, and the programs that run under each."""

    settings: Sequence[Setting]
    subject: Subject
    subjects: Mapping[str, Subject]  # a setting's name → its programs, if there are several subjects
    workloads: Mapping[str, Workloads]  # a subject's name → the Deployments that it names


@app.command(
    help=_HELP,
    epilog=examples(
        "lbstudy compare",
        "lbstudy compare --dry-run",
        "lbstudy compare --setting stock --setting ./mine.toml --repeat 8",
        "lbstudy compare --subject greeter,go,java,node -s stock --scenario scale-up --scenario restart",
        "lbstudy compare --on kubernetes --subject ./checkout.toml --subject ./checkout-keepalive.toml",
        "lbstudy compare --resume runs/20261123-150000-compare",
        "lbstudy compare --against docs/answers/comparison.json",
        "lbstudy compare --from runs/20261123-150000-compare --json | jq .headline",
    ),
)
def compare(
    context: typer.Context,
    setting: Annotated[
        list[str] | None,
        options.setting(
            "A built-in setting's name or the path of a setting file; the others are compared with the"
            " first one. Without any: all built-in settings that differ in something measured."
        ),
    ] = None,
    subject: Subjects = None,
    scenario: Annotated[
        list[str] | None,
        options.scenario("A built-in scenario's name or the path of a scenario file; by default compare."),
    ] = None,
    repeat: Annotated[
        int,
        typer.Option(
            "--repeat",
            min=1,
            max=100,
            help="How often each scenario is run, each time with another seed and at another phase. With"
            " fewer than 4, no difference can be shown; from 6 on, intervals have 95 % confidence.",
        ),
    ] = planning.DEFAULT_REPEAT,
    seed: Annotated[int, options.seed("The first run's seed; the next has the next.")] = 0,
    out: Annotated[
        Path | None,
        options.out("The comparison's folder, new or empty; by default runs/<time>-compare."),
    ] = None,
    as_json: AsJson = False,
    *,
    side_by_side: SideBySide = None,
    dry_run: DryRun = False,
    origin: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Make the page of this comparison again, from its runs."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume", metavar="DIR", help="Make the runs that this interrupted comparison still lacks."
        ),
    ] = None,
    on: WhichOn = On.LOCAL,
    kube_context: Context = None,
    namespace: Namespace = None,
    server: workloads.Server = None,
    client: workloads.Client = None,
    target_env: workloads.TargetEnv = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the comparison as Markdown, for a page or a comment.")
    ] = False,
    earlier: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="FILE",
            help="List the figures that moved since an earlier comparison (its comparison.json), by more"
            " than the intervals of both.",
        ),
    ] = None,
    plain: Annotated[bool, options.plain("Report each run's progress as plain lines, too.")] = False,
) -> int:
    """Compare settings; the command's help is ``_HELP``.

    Raises:
        ConfigError, UsageError: a file or an option cannot be used.
        ResultFileError, OSError: a run cannot be read, or the page cannot be written.
        KeyboardInterrupt: interrupted; the page shows the runs that had finished.
    """
    if as_json and as_markdown:
        raise UsageError("--json and --markdown exclude each other")
    before = None if earlier is None else read_comparison(earlier)
    show = _Show(as_json=as_json, as_markdown=as_markdown, plain=plain, before=before)
    venue = choose(on, kube_context, namespace)
    command = str(context.obj)
    if origin is not None or resume is not None:
        if origin is not None and resume is not None:
            raise UsageError("--from and --resume exclude each other")
        if setting or subject or scenario or out or side_by_side:
            raise UsageError(
                "--from and --resume take settings, scenarios, subjects and folder from the"
                " earlier comparison"
            )
        if on is not On.LOCAL or server or client or target_env:
            raise UsageError("--from and --resume take the cluster, too, from the earlier comparison")
        if origin is not None:
            return _again(ComparisonFolder(origin.resolve()), show)
        return _resume(ComparisonFolder((resume or Path()).resolve()), command, show)
    named = workloads.named_subject(server, client, target_env, venue, subject)
    subjects = [named] if named else choose_subjects(subject, venue)
    given = [
        load_setting(name)
        for name in setting or workloads.default_settings(subjects, planning.DEFAULT_SETTINGS)
    ]
    scenarios = [load_scenario(name) for name in scenario or planning.DEFAULT_SCENARIOS]
    require_different_names(given)
    require_different_names(scenarios)
    _check_obstacles(scenarios, venue)
    refuse_unfit(subjects, given)
    settings, programs = crossed(subjects, given)
    plan = planning.make(
        settings,
        scenarios,
        repeat=repeat,
        seed=seed,
        at_once=side_by_side or venue.side_by_side(scenarios),
        command=command,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        venue=ChosenVenue(platform=venue.platform, options=dict(venue.options)),
        subjects=[kept_as(subject) for subject in subjects],
        setting_files=[setting.name for setting in given],
    )
    for note in dict.fromkeys(note for each in scenarios for note in notes(each, settings)):
        say(f"note: {note}")
    heed_grpc(given, subjects)
    folder = ComparisonFolder(out or default_folder("compare", datetime.now().astimezone()))
    chosen = _Programs(settings, subjects[0], programs, workloads.read_named(subjects, venue))
    if dry_run:
        left_out = lacking(settings, subjects[0], programs, scenarios)
        made = _copied(chosen, scenarios[0], venue)
        typer.echo(
            comparison_as_json(plan, left_out, made)
            if as_json
            else comparison_as_text(plan, venue, scenarios, folder.path, subjects, left_out, made)
        )
        return ExitCode.OK
    # The plan names the cluster even if the environment chose it, so that --resume uses the same one.
    venue = venue.settled()
    chosen_venue = ChosenVenue(platform=venue.platform, options=dict(venue.options))
    plan = plan.model_copy(update={"venue": chosen_venue})
    folder.create(plan, subjects, given, scenarios)
    return _carry_out(folder, plan, chosen, scenarios, command, show)


def _check_obstacles(scenarios: Sequence[Scenario], venue: Venue) -> None:
    """Raise UsageError if the venue cannot run the scenarios."""
    if obstacles := [obstacle for each in scenarios for obstacle in venue.obstacles(each)]:
        raise UsageError("; ".join(obstacles))


def _copied(chosen: _Programs, scenario: Scenario, venue: Venue) -> list[str]:
    """Return how a run's copies differ from the Deployments that were named, in any scenario."""
    plan = RunPlan(
        scenario=scenario,
        settings=list(chosen.settings),
        run_dir=Path(),
        run_id="RUN",
        seed=0,
        command="",
        venue=venue,
        subject=chosen.subject,
        subjects=chosen.subjects,
        workloads=chosen.workloads,
    )
    return workloads.copied(plan)


def _again(folder: ComparisonFolder, show: _Show) -> int:
    """Make the page again from the runs of an earlier comparison."""
    plan = folder.plan()
    results = {run.folder: result for run in plan.runs if (result := folder.result(run)) is not None}
    return _conclude(folder, plan, folder.scenarios(plan), results, show)


def _resume(folder: ComparisonFolder, command: str, show: _Show) -> int:
    """Make the runs that an interrupted comparison still lacks."""
    plan = folder.plan()
    subjects = folder.subjects(plan)
    settings, programs = crossed(subjects, folder.settings(plan))
    venue = venues.choose(plan.venue.platform, plan.venue.options)
    chosen = _Programs(settings, subjects[0], programs, workloads.read_named(subjects, venue))
    return _carry_out(folder, plan, chosen, folder.scenarios(plan), command, show)


def _carry_out(
    folder: ComparisonFolder,
    plan: Plan,
    chosen: _Programs,
    scenarios: Sequence[Scenario],
    command: str,
    show: _Show,
) -> int:
    venue = venues.choose(plan.venue.platform, plan.venue.options)
    results: dict[str, Result] = {}
    try:
        for number, run in enumerate(plan.runs):
            result = folder.result(run)
            if result is None:
                _announce(plan, number, scenarios, venue.overhead)
                result = _run(folder, run, chosen, scenarios, venue, command, plain=show.plain)
            if result is not None:
                results[run.folder] = result
    except KeyboardInterrupt:
        with uninterrupted():
            if results:
                folder.write(_comparison(folder, plan, scenarios, results))
                say(f"{len(results)} of {len(plan.runs)} runs had finished, and are in {folder.page}")
            say(f"to continue: lbstudy compare --resume {folder.path}")
        raise
    return _conclude(folder, plan, scenarios, results, show)


def _run(
    folder: ComparisonFolder,
    run: PlannedRun,
    chosen: _Programs,
    scenarios: Sequence[Scenario],
    venue: Venue,
    command: str,
    *,
    plain: bool,
) -> Result | None:
    """Make one run. A failure is noted, and returns None: the other runs are still made."""
    scenario = next(scenario for scenario in scenarios if scenario.name == run.scenario)
    own = folder.run(run)
    plan = RunPlan(
        scenario=planning.shifted(scenario, run.shift),
        settings=[setting for setting in chosen.settings if setting.name in run.settings],
        run_dir=own.path,
        run_id=f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{Path(run.folder).name}-{secrets.token_hex(3)}",
        seed=run.seed,
        command=command,
        venue=venue,
        subject=chosen.subject,
        subjects=chosen.subjects,
        workloads=chosen.workloads,
    )
    try:
        return perform(plan, own, quiet_view(plain=plain))
    except Exception as error:  # whatever it was, report it and make the other runs
        reason = in_one_line(error)
        say(f"{run.folder} failed: {reason}")
        folder.fail(run, reason)
        return None


def _conclude(
    folder: ComparisonFolder,
    plan: Plan,
    scenarios: Sequence[Scenario],
    results: dict[str, Result],
    show: _Show,
) -> int:
    comparison = _comparison(folder, plan, scenarios, results)
    if show.before is not None:
        from lbstudy.compare.against import against  # noqa: PLC0415 - only for this

        comparison = comparison.model_copy(update={"against": against(comparison, show.before)})
    folder.write(comparison)
    if show.as_json:
        typer.echo(comparison.model_dump_json(indent=2))
        say(f"page: {folder.page}")
    elif show.as_markdown:
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
    from lbstudy.compare.build import build  # noqa: PLC0415 - brings in numpy

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
    """Return the exit code of the comparison, and print the reason unless it is DONE."""
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


def _announce(plan: Plan, number: int, scenarios: Sequence[Scenario], overhead: float) -> None:
    run = plan.runs[number]
    left = planning.seconds(plan.model_copy(update={"runs": plan.runs[number:]}), scenarios, overhead)
    done = datetime.now().astimezone() + timedelta(seconds=left)
    say(
        f"run {number + 1} of {len(plan.runs)}: {run.scenario} with {', '.join(run.settings)};"
        f" the comparison ends at about {done:%H:%M}"
    )
