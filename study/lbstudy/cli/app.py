"""The commands and their options; what they do is in a module each, imported when it is called for."""

# Imports inside functions keep `lbstudy --help` and the shell's completion quick: gRPC, DuckDB and SciPy
# take seconds together.
# ruff: noqa: PLC0415

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lbstudy.cli import options
from lbstudy.cli.completion import complete_name, complete_scenario
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.model_app import register_model_commands
from lbstudy.cli.on import On, choose
from lbstudy.cli.options import AsJson, Context, DryRun, Namespace, Plain, WhichOn
from lbstudy.cli.origin import Origin
from lbstudy.cli.stack_app import app as stack_app

EXIT_CODES = (
    "[bold]Exit codes[/bold]: 0 done; 1 error, or the run's ledger does not close; 2 options or files that"
    " cannot be used; 3 an expectation of the scenario was not met (the report is written all the same);"
    " 130 interrupted."
)

# A paragraph a line: typer keeps line ends as they are.
_RUN_HELP = (
    "Run a scenario under one or more settings, and write the report.\n\n"
    "Servers and clients are processes on this machine, on loopback addresses; no root, no Docker."
    " Progress goes to standard error, the summary (or, with --json, the result) to standard output.\n\n"
    "The run's folder gets report.html, result.json, run.duckdb (all telemetry, for plain SQL), dns.jsonl"
    " and logs/; while the run lasts, the folder's name ends in .partial."
)

_COMPARE_HELP = (
    "Compare settings: run scenarios under all of them, several times, and write one page that says which to"
    " use.\n\n"
    "For each setting: how soon new servers are found, what is lost meanwhile, and what it costs, each with"
    " its interval; no difference is claimed that the runs do not show. It takes minutes: --dry-run tells how"
    " many.\n\n"
    "The folder gets compare.html, comparison.json and the folders of all runs. Ctrl-C keeps what has"
    " finished."
)


def _epilog(*examples: str, after: str = "") -> str:
    """Write examples below a command's help."""
    lines = ["[bold]Examples[/bold]", *(f"  {example}" for example in examples)]
    return "\n".join(lines + (["", after] if after else []))


app = typer.Typer(
    name="lbstudy",
    help="Measures how a gRPC client reacts when its servers are scaled up and down.",
    epilog=_epilog(
        "lbstudy run                         80 s, two settings side by side",
        "lbstudy run quick --setting stock   a first look, in a quarter of a minute",
        "lbstudy compare                     which settings to use: all of them, several times",
        "lbstudy report runs/…               the report again, from a stored run",
        after=EXIT_CODES,
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

app.add_typer(stack_app, name="stack")
register_model_commands(app, EXIT_CODES)


def execute(arguments: Sequence[str]) -> int:
    """Parse the arguments and run what they name; returns the exit code, raises whatever goes wrong."""
    command = typer.main.get_command(app)
    typed = shlex.join(["lbstudy", *arguments])
    code = command.main(args=list(arguments), prog_name="lbstudy", standalone_mode=False, obj=typed)
    if code == ExitCode.INTERRUPTED:  # what typer makes of it; no command returns this
        raise KeyboardInterrupt
    return code if isinstance(code, int) else ExitCode.OK


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"lbstudy {version('grpc-lb-study')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _lbstudy(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback does it all
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(
    help=_RUN_HELP,
    epilog=_epilog(
        "lbstudy run",
        "lbstudy run --dry-run",
        "lbstudy run quick --setting stock --out /tmp/first-look",
        "lbstudy run ./mine.toml --setting stock --setting ./keepalive.toml",
        "lbstudy run --json > result.json",
        "lbstudy run --otlp http://127.0.0.1:4317",
        "lbstudy run --on kubernetes",
        after=EXIT_CODES,
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
            " Without any: stock and max-age."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        options.out("The run's folder, new or empty; by default runs/<time>-<scenario>."),
    ] = None,
    seed: Annotated[int, options.seed("Seeds pod names and the phases of the load.")] = 0,
    as_json: AsJson = False,
    *,
    on: WhichOn = On.LOCAL,
    kube_context: Context = None,
    namespace: Namespace = None,
    otlp: Annotated[
        str | None,
        typer.Option(
            "--otlp",
            metavar="ENDPOINT",
            help="Send everything on to this OpenTelemetry Collector too, by OTLP/gRPC, as"
            " http://127.0.0.1:4317. Without it: to the stack of [bold]lbstudy stack up[/bold], if that is"
            " up.",
        ),
    ] = None,
    no_otlp: Annotated[
        bool, typer.Option("--no-otlp", help="Send nothing on, also when the stack is up.")
    ] = False,
    dry_run: DryRun = False,
    plain: Plain = False,
) -> int:
    """Run a scenario; its help is ``_RUN_HELP``."""
    from lbstudy.cli.run import Request, run_scenario

    return run_scenario(
        Request(
            scenario=scenario,
            settings=setting or [],
            out=out,
            seed=seed,
            as_json=as_json,
            otlp=otlp,
            no_otlp=no_otlp,
            cluster=choose(on, kube_context, namespace),
            dry_run=dry_run,
            plain=plain,
            command=str(context.obj),
        )
    )


@app.command(
    help=_COMPARE_HELP,
    epilog=_epilog(
        "lbstudy compare",
        "lbstudy compare --dry-run",
        "lbstudy compare --setting stock --setting ./mine.toml --repeat 8",
        "lbstudy compare --resume runs/20261123-150000-compare",
        "lbstudy compare --from runs/20261123-150000-compare --json | jq .headline",
        after=EXIT_CODES,
    ),
)
def compare(
    context: typer.Context,
    setting: Annotated[
        list[str] | None,
        options.setting(
            "A built-in setting's name or the path of a setting file; the first one is what the others"
            " are held against. Without any: all that tell something apart."
        ),
    ] = None,
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
            help="How often each is run, each time with another seed and at another phase. Below 4 nothing"
            " can be told apart; from 6 on the intervals have 95 %.",
        ),
    ] = 4,
    seed: Annotated[int, options.seed("The first run's seed; the next has the next.")] = 0,
    out: Annotated[
        Path | None,
        options.out("The comparison's folder, new or empty; by default runs/<time>-compare."),
    ] = None,
    as_json: AsJson = False,
    *,
    side_by_side: Annotated[
        int | None,
        typer.Option(
            "--side-by-side",
            min=1,
            max=100,
            metavar="N",
            help="How many settings run at the same time; by default as many as the cores carry,"
            " on a cluster 2.",
        ),
    ] = None,
    dry_run: DryRun = False,
    origin: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Make the page again, from the runs that are there."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="DIR", help="Run what an interrupted comparison still lacks."),
    ] = None,
    on: WhichOn = On.LOCAL,
    kube_context: Context = None,
    namespace: Namespace = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the comparison as Markdown, for a page or a comment.")
    ] = False,
    plain: Annotated[bool, options.plain("Report each run's progress as plain lines, too.")] = False,
) -> int:
    """Compare settings; its help is ``_COMPARE_HELP``."""
    from lbstudy.cli.compare import CompareRequest
    from lbstudy.cli.compare import compare as compare_settings

    return compare_settings(
        CompareRequest(
            settings=setting or [],
            scenarios=scenario or [],
            repeat=repeat,
            seed=seed,
            side_by_side=side_by_side,
            out=out,
            origin=origin,
            resume=resume,
            on=on,
            context=kube_context,
            namespace=namespace,
            as_json=as_json,
            as_markdown=as_markdown,
            dry_run=dry_run,
            plain=plain,
            command=str(context.obj),
        )
    )


@app.command(
    epilog=_epilog(
        "lbstudy report runs/20261123-150000-scale",
        "lbstudy report run.duckdb --out /tmp/again",
        "lbstudy report runs/20261123-150000-scale --json | jq .verdict",
        "lbstudy report --from stack         the latest run in Jaeger and Prometheus",
        after=EXIT_CODES,
    )
)
def report(
    run: Annotated[
        Path | None, typer.Argument(help="A run's folder, or its run.duckdb.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    out: Annotated[
        Path | None,
        options.out("Where to write; by default the run's own folder, or runs/<ID> with --from stack."),
    ] = None,
    origin: Annotated[
        Origin,
        typer.Option(
            "--from",
            help="Where to read the run: from the store that it wrote, or from Jaeger and Prometheus alone;"
            " what these have of it is then kept as run.duckdb, too.",
        ),
    ] = Origin.STORE,
    run_id: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="Which run of the stack; by default the latest.")
    ] = None,
    jaeger: Annotated[
        str | None,
        typer.Option("--jaeger", metavar="URL", help="Jaeger; by default [bold]lbstudy stack[/bold]'s."),
    ] = None,
    prometheus: Annotated[
        str | None, typer.Option("--prometheus", metavar="URL", help="Prometheus; by default the same.")
    ] = None,
) -> int:
    """Measure a run again that has ended, and write report.html and result.json anew."""
    from lbstudy.cli.report import ReportRequest, report_run

    return report_run(
        ReportRequest(
            run=run,
            origin=origin,
            run_id=run_id,
            jaeger=jaeger,
            prometheus=prometheus,
            out=out,
            as_json=as_json,
        )
    )


@app.command(
    "list",
    epilog=_epilog(
        "lbstudy list",
        "lbstudy list --copy scale .",
        "lbstudy list --copy max-age ./mine.toml",
        after="A copy is yours to edit: the comments in it explain every key. Then: lbstudy run ./scale.toml",
    ),
)
def list_(
    as_json: AsJson = False,
    copy: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            "--copy",
            metavar="NAME DEST",
            help="Copy a built-in scenario or setting to a folder or a new file.",
            autocompletion=complete_name,
        ),
    ] = None,
) -> int:
    """List the built-in scenarios and settings, or copy one to edit it."""
    from lbstudy.cli import listing

    if copy is not None:
        return listing.copy_file(*copy, as_json=as_json)
    return listing.show(as_json=as_json)


@app.command(
    epilog=_epilog(
        "lbstudy doctor", "lbstudy doctor --json", "lbstudy doctor --on kubernetes", after=EXIT_CODES
    )
)
def doctor(
    as_json: AsJson = False,
    *,
    on: WhichOn = On.LOCAL,
    kube_context: Context = None,
    namespace: Namespace = None,
) -> int:
    """Check what a run needs: what is here, and what is missing."""
    from lbstudy.cli.doctor import examine

    return examine(choose(on, kube_context, namespace), as_json=as_json)
