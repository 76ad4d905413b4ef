"""The program ``lbstudy``. Each command has its own module, which is loaded when the command is called."""

import shlex
from collections.abc import Sequence
from importlib.metadata import version as version_of
from typing import Annotated

import typer

from lbstudy.cli.command import examples
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.lazy import LazyCommand, group_of

# In the order of the help. Each summary repeats the first paragraph of the command's own help;
# tests/cli/test_help.py compares them.
COMMANDS = (
    LazyCommand(
        "run",
        "lbstudy.cli.run",
        "Run a scenario under one or more settings, and write the report.",
    ),
    LazyCommand(
        "compare",
        "lbstudy.cli.compare",
        "Compare settings: run scenarios under all of them, several times, and write one page that says which"
        " to use.",
    ),
    LazyCommand(
        "gate",
        "lbstudy.cli.gate",
        "Decide by runs whether a setting meets a requirement, and fail if it does not.",
    ),
    LazyCommand(
        "report",
        "lbstudy.cli.report",
        "Make report.html and result.json again, from a run that has ended.",
    ),
    LazyCommand(
        "list",
        "lbstudy.cli.listing",
        "List the built-in scenarios, settings, subjects and requirements, or copy one to edit it.",
    ),
    LazyCommand(
        "doctor",
        "lbstudy.cli.doctor",
        "Check what a run needs, and list what is missing.",
    ),
    LazyCommand(
        "advise",
        "lbstudy.cli.advise",
        "Say what a setting will and will not do, without a run.",
    ),
    LazyCommand(
        "simulate",
        "lbstudy.cli.simulate",
        "Simulate a service that is too large to run here: discovery, connections, DNS queries.",
    ),
    LazyCommand(
        "sweep",
        "lbstudy.cli.sweep",
        "Measure many changes at spread phases, and compare the distribution with the model's.",
    ),
    LazyCommand(
        "watch",
        "lbstudy.cli.watch",
        "Watch live Services: which Ready pods get no requests, from which clients, since when, and why.",
    ),
    LazyCommand(
        "stack",
        "lbstudy.cli.stack",
        "Run Collector, Jaeger, Prometheus and Grafana on this machine.",
    ),
)

app = typer.Typer(
    name="lbstudy",
    help="Measures how a gRPC client reacts when its servers are scaled up and down.",
    epilog=examples(
        "lbstudy run                         80 s, two settings side by side",
        "lbstudy run quick --setting stock   a first look, in a quarter of a minute",
        "lbstudy compare                     which settings to use: all of them, several times",
        "lbstudy gate found-soon -s max-age  whether a setting meets a requirement, by runs",
        "lbstudy report runs/…               the report again, from a stored run",
    ),
    cls=group_of(COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def execute(arguments: Sequence[str]) -> int:
    """Parse the arguments and run the command; returns the exit code, or raises what went wrong."""
    command = typer.main.get_command(app)
    typed = shlex.join(["lbstudy", *arguments])
    code = command.main(args=list(arguments), prog_name="lbstudy", standalone_mode=False, obj=typed)
    if code == ExitCode.INTERRUPTED:  # typer's own code for an interruption; no command returns it
        raise KeyboardInterrupt
    return code if isinstance(code, int) else ExitCode.OK


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lbstudy {version_of('grpc-lb-study')}")
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
