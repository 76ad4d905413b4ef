"""``lbstudy gate``: runs a scenario until it is decided whether settings meet a requirement."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lbstudy.cli import options, workloads
from lbstudy.cli.command import examples, new_command
from lbstudy.cli.completion import complete_requirement
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError, say
from lbstudy.cli.files import default_folder
from lbstudy.cli.gate_output import (
    Output,
    conclude,
    plan_as_json,
    plan_as_text,
    refuse_no_file,
    say_if_it_cannot_hold,
)
from lbstudy.cli.gate_resume import refuse_beside_resume, resumed
from lbstudy.cli.gate_runs import GateFolder, GateRuns, distinct_scenarios, prove
from lbstudy.cli.gate_watch import Watch, WatchOptions, judge_rollout, refuse_mixed
from lbstudy.cli.kept_folder import kept_as
from lbstudy.cli.names import require_different_names
from lbstudy.cli.on import choose
from lbstudy.cli.options import AsJson, Context, DryRun, Namespace, SideBySide, WhichOn
from lbstudy.cli.subject import Subjects, choose_subjects, refuse_unfit
from lbstudy.cli.trials import heed_grpc
from lbstudy.cli.watch_options import For, JaegerUrl, OtlpListen, PrometheusUrl
from lbstudy.compare.plan import ChosenVenue
from lbstudy.config import Requirement, Scenario, Setting, load_requirement, load_setting, notes
from lbstudy.config.clause_scenario import FAULT_OF, judged_scenarios
from lbstudy.config.subject import Subject as SubjectFile
from lbstudy.gate.plan import GatePlan
from lbstudy.run.crossed import crossed
from lbstudy.run.fit import left_out, not_applied
from lbstudy.venues import On

DEFAULT_SETTINGS = ("stock",)

_HELP = (
    "Decide by runs whether a setting meets a requirement, and fail if it does not.\n\n"
    "Each clause of the requirement is judged in runs of its scenario, until the runs have decided it with"
    " the confidence that the requirement asks for (Wald's sequential test, docs/gate.md). A setting that"
    " fails in a clause is decided; the reason names the option that explains it, where one does.\n\n"
    "The folder gets result.json and the folders of all runs. Ctrl-C keeps what has finished, and --resume"
    " goes on with it. Progress goes to standard error, the verdict to standard output.\n\n"
    "With --watch, nothing is run or changed: a live Service is watched, as by lbstudy watch, while somebody"
    " else makes a rollout, and what was seen is judged."
)
_EXIT_CODES = (
    "[bold]Exit codes[/bold]: 0 every setting holds; 3 a setting does not hold; 4 undecided, after as many"
    " runs as the requirement allows, or at a watch's end, or a clause was not observed; 1 error, or too many"
    " runs failed or have a ledger that does not close; 2 options or files that cannot be used;"
    " 130 interrupted."
)

app = new_command()


@app.command(
    help=_HELP,
    epilog=examples(
        "lbstudy gate found-soon --setting max-age",
        "lbstudy gate ./mine.toml --setting ./proposed.toml --junit gate.xml",
        "lbstudy gate nothing-lost -s min-interval --markdown >> summary.md",
        "lbstudy gate found-soon -s max-age --dry-run",
        "lbstudy gate found-soon --subject go,java",
        "lbstudy gate nothing-lost --on kubernetes --server deployment/orders --client deployment/checkout",
        "lbstudy gate --resume runs/20261127-150000-gate",
        "lbstudy gate ./rollout.toml --watch shop/orders --for 5m",
        after=_EXIT_CODES,
    ),
)
def gate(
    context: typer.Context,
    requirement: Annotated[
        str | None,
        typer.Argument(
            metavar="REQUIREMENT",
            help="A built-in requirement's name or the path of a requirement file; not with --resume.",
            show_default=False,
            autocompletion=complete_requirement,
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        options.setting(
            "A built-in setting's name or the path of a setting file; several are judged side by side."
            " Without any: stock."
        ),
    ] = None,
    subject: Subjects = None,
    seed: Annotated[int, options.seed("The first run's seed; the next has the next.")] = 0,
    out: Annotated[
        Path | None,
        options.out("The gate's folder, new or empty; by default runs/<time>-gate."),
    ] = None,
    as_json: AsJson = False,
    *,
    as_markdown: Annotated[
        bool,
        typer.Option("--markdown", help="Print the verdict as Markdown, as for a pull request's summary."),
    ] = False,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write the verdict as JUnit XML, too: a test a clause."),
    ] = None,
    side_by_side: SideBySide = None,
    dry_run: DryRun = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="DIR",
            help="Go on where this interrupted gate stopped, with all that it was given.",
        ),
    ] = None,
    on: WhichOn = On.LOCAL,
    kube_context: Context = None,
    namespace: Namespace = None,
    server: workloads.Server = None,
    client: workloads.Client = None,
    target_env: workloads.TargetEnv = None,
    plain: Annotated[bool, options.plain("Report each run's progress as plain lines, too.")] = False,
    watch: Watch = None,
    duration: For = None,
    prometheus: PrometheusUrl = None,
    jaeger: JaegerUrl = None,
    otlp_listen: OtlpListen = None,
) -> int:
    """Decide whether settings meet a requirement; the command's help is ``_HELP``.

    Raises:
        ConfigError, UsageError: for files and options that cannot be used.
        PlatformError, OSError: when the cluster cannot be asked, or files cannot be written.
        KeyboardInterrupt: interrupted; result.json has what had been decided, and --resume goes on.
    """
    if as_json and as_markdown:
        raise UsageError("--json and --markdown exclude each other")
    refuse_mixed(context, watch)
    refuse_no_file(junit)
    output = Output(junit=junit, as_json=as_json, as_markdown=as_markdown)
    if resume is not None:
        refuse_beside_resume(context)
        runs, plan = resumed(GateFolder(resume.resolve()), plain=plain)
        return conclude(runs, prove(runs, plan), output)
    asked = load_requirement(_given(requirement))
    if watch is not None:
        return judge_rollout(
            asked,
            watch,
            kube_context=kube_context,
            evidence=WatchOptions(duration, prometheus, jaeger, otlp_listen),
            output=output,
            plain=plain,
            command=str(context.obj),
        )
    scenarios = judged_scenarios(asked)
    venue = choose(on, kube_context, namespace)
    named = workloads.named_subject(server, client, target_env, venue, subject)
    if named is not None and setting:
        raise UsageError("--setting does not go with --server and --client: copies use nothing of a setting")
    subjects = [named] if named else choose_subjects(subject, venue)
    given = [load_setting(name) for name in setting or DEFAULT_SETTINGS]
    require_different_names(given)
    distinct = distinct_scenarios(scenarios)
    if obstacles := [obstacle for each in distinct for obstacle in venue.obstacles(each)]:
        raise UsageError("; ".join(obstacles))
    refuse_unfit(subjects, given)
    _refuse_unmade(asked, scenarios, subjects)
    settings, programs = crossed(subjects, given)
    _say_notes(distinct, settings, subjects, programs)
    say_if_it_cannot_hold(asked)
    heed_grpc(given, subjects)
    # What was left to the environment is named in the plan: --resume goes on in the same place.
    settled = venue if dry_run else venue.settled()
    runs = GateRuns(
        requirement=asked,
        scenarios=scenarios,
        settings=settings,
        subject=subjects[0],
        subjects=programs,
        venue=settled,
        workloads=workloads.read_named(subjects, settled),
        path=out or default_folder("gate", datetime.now().astimezone()),
        plain=plain,
    )
    plan = GatePlan(
        command=str(context.obj),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        settings=[item.name for item in settings],
        scenarios=[item.name for item in distinct],
        judged_in=[item.name for item in scenarios],
        repeat=asked.proof.most_runs,
        seed=seed,
        side_by_side=side_by_side or venue.side_by_side(distinct),
        subjects=[kept_as(item) for item in subjects],
        setting_files=[item.name for item in given],
        venue=ChosenVenue(platform=settled.platform, options=dict(settled.options)),
        runs=[],
    )
    if dry_run:
        typer.echo(plan_as_json(runs, plan) if as_json else plan_as_text(runs, plan))
        return ExitCode.OK
    folder = GateFolder(runs.path)
    folder.create(plan, subjects, given, distinct)
    folder.keep(asked)
    return conclude(runs, prove(runs, plan), output)


def _given(requirement: str | None) -> str:
    if requirement is None:
        raise UsageError("Missing argument 'REQUIREMENT'.")
    return requirement


def _say_notes(
    scenarios: Sequence[Scenario],
    settings: Sequence[Setting],
    subjects: Sequence[SubjectFile],
    programs: Mapping[str, SubjectFile],
) -> None:
    """Tell what is probably not what was meant, and what is not applied."""
    for note in dict.fromkeys(
        note for each in scenarios for note in notes(each.model_copy(update={"expect": []}), settings)
    ):
        say(f"note: {note}")
    for setting in settings:
        own = programs.get(setting.name, subjects[0])
        options = [option for each in scenarios for option in not_applied(each, setting, own)]
        for option in dict.fromkeys(options):
            say(f"note: setting {setting.name}: {option.option} is not applied: {option.why}")


def _refuse_unmade(
    requirement: Requirement, scenarios: Sequence[Scenario], subjects: Sequence[SubjectFile]
) -> None:
    """Raise UsageError if a clause needs a fault that a subject cannot make: no run could decide it."""
    for number, (clause, scenario) in enumerate(zip(requirement.clause, scenarios, strict=True), start=1):
        about = [fault for fault in scenario.fault if fault.kind == FAULT_OF.get(type(clause))]
        only = scenario.model_copy(update={"fault": about})
        for lacking in (fault for subject in subjects for fault in left_out(only, subject)):
            raise UsageError(
                f"{requirement.path or requirement.name}: clause {number}, {clause.kind}: no run can show it:"
                f" {lacking.why}"
            )
