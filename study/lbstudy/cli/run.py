"""``lbstudy run``: from the command's options to a run's folder and an exit code."""

import secrets
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lbstudy.cli import options, workloads
from lbstudy.cli.collector import find_collector, notes_of
from lbstudy.cli.command import examples, new_command
from lbstudy.cli.completion import complete_scenario
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError, say
from lbstudy.cli.files import RunFolder, default_folder
from lbstudy.cli.names import require_different_names
from lbstudy.cli.on import choose
from lbstudy.cli.options import AsJson, Context, DryRun, Namespace, Plain, WhichOn
from lbstudy.cli.perform import choose_view, perform
from lbstudy.cli.plan_text import plan_as_json, plan_as_text
from lbstudy.cli.subject import Subjects, choose_subjects, refuse_unfit, say_not_applied
from lbstudy.cli.trials import heed_grpc
from lbstudy.config import load_scenario, load_setting, notes
from lbstudy.run.crossed import crossed
from lbstudy.run.plan import RunPlan
from lbstudy.venues import On

DEFAULT_SETTINGS = ("stock", "max-age")

# One line a paragraph: typer keeps line ends as they are.
_HELP = (
    "Run a scenario under one or more settings, and write the report.\n\n"
    "Servers and clients are processes on this machine, on loopback addresses. They need neither root nor"
    " Docker."
    " Progress goes to standard error, the summary (or, with --json, the result) to standard output.\n\n"
    "The run's folder gets report.html, result.json, run.duckdb (all telemetry, for plain SQL), dns.jsonl,"
    " connections.jsonl and logs/; while the run lasts, the folder's name ends in .partial."
)

app = new_command()


@app.command(
    help=_HELP,
    epilog=examples(
        "lbstudy run",
        "lbstudy run --dry-run",
        "lbstudy run quick --setting stock --out /tmp/first-look",
        "lbstudy run ./mine.toml --setting stock --setting ./keepalive.toml",
        "lbstudy run --json > result.json",
        "lbstudy run --otlp http://127.0.0.1:4317",
        "lbstudy run --on kubernetes",
        "lbstudy run --on kubernetes --server deployment/orders --client deployment/checkout --dry-run",
        "lbstudy run --on kubernetes --subject ./orders-by-name.toml",
        "lbstudy run scale --subject ./orders.toml",
    ),
)
def run(
    context: typer.Context,
    scenario: Annotated[
        str,
        typer.Argument(
            help="A built-in scenario's name or the path of a scenario file.",
            show_default=True,
            autocompletion=complete_scenario,
        ),
    ] = "scale",
    setting: Annotated[
        list[str] | None,
        options.setting(
            "A built-in setting's name or the path of a setting file; several run side by side."
            " Without any: stock and max-age; where a Deployment of yours is the client: stock."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        options.out("The run's folder, new or empty; by default runs/<time>-<scenario>."),
    ] = None,
    subject: Subjects = None,
    seed: Annotated[int, options.seed("Seeds pod names and the phases of the load.")] = 0,
    as_json: AsJson = False,
    *,
    on: WhichOn = On.LOCAL,
    kube_context: Context = None,
    namespace: Namespace = None,
    server: workloads.Server = None,
    client: workloads.Client = None,
    target_env: workloads.TargetEnv = None,
    otlp: Annotated[
        str | None,
        typer.Option(
            "--otlp",
            metavar="ENDPOINT",
            help="Send everything to this OpenTelemetry Collector too, by OTLP/gRPC, for example"
            " http://127.0.0.1:4317. By default: to the stack of [bold]lbstudy stack up[/bold], if it is up.",
        ),
    ] = None,
    no_otlp: Annotated[
        bool, typer.Option("--no-otlp", help="Send nothing to a Collector, even if the stack is up.")
    ] = False,
    dry_run: DryRun = False,
    plain: Plain = False,
) -> int:
    """Run a scenario; the command's help is ``_HELP``.

    Raises:
        ConfigError, UsageError: a file or an option cannot be used.
        PlatformError, StoreError, OSError: something failed in the run.
    """
    venue = choose(on, kube_context, namespace)
    if venue.own_collector and otlp is not None:
        raise UsageError(f"--otlp does not go with --on {venue.platform}: {venue.own_collector}")
    chosen = load_scenario(scenario)
    named = workloads.named_subject(server, client, target_env, venue, subject)
    subjects = [named] if named else choose_subjects(subject, venue)
    given = [load_setting(name) for name in setting or workloads.default_settings(subjects, DEFAULT_SETTINGS)]
    require_different_names(given)
    refuse_unfit(subjects, given)
    settings, programs = crossed(subjects, given)
    collector = find_collector(otlp, refused=no_otlp or bool(venue.own_collector))
    plan = RunPlan(
        scenario=chosen,
        settings=settings,
        run_dir=out or default_folder(chosen.name, datetime.now().astimezone()),
        run_id=f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{chosen.name}-{secrets.token_hex(3)}",
        seed=seed,
        command=str(context.obj),
        collector=collector,
        venue=venue,
        subject=subjects[0],
        subjects=programs,
        workloads=workloads.read_named(subjects, venue),
    )
    if obstacle := "; ".join(venue.obstacles(plan.scenario)):
        raise UsageError(obstacle)
    for note in notes(plan.scenario, plan.settings):
        say(f"note: {note}")
    if not dry_run:  # a dry run prints it with the plan
        say_not_applied(plan)
    if collector is not None:
        for note in notes_of(collector, is_asked_for=otlp is not None):
            say(f"note: {note}")
    heed_grpc(given, subjects)
    if dry_run:
        typer.echo(plan_as_json(plan) if as_json else plan_as_text(plan))
        return ExitCode.OK
    return _carry_out(plan, plain=plain, as_json=as_json)


def _carry_out(plan: RunPlan, *, plain: bool, as_json: bool) -> int:
    folder = RunFolder(plan.run_dir)
    result = perform(plan, folder, choose_view(plain=plain))
    # Imported here, because it imports the renderers.
    from lbstudy.cli.results import exit_code, print_result  # noqa: PLC0415

    print_result(result, folder.path, as_json=as_json)
    return exit_code(result)
