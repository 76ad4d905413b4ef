"""``lbstudy stack up|down|status``: Collector, Jaeger, Prometheus and Grafana on this machine."""

import json
import os
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import say
from lbstudy.cli.options import AsJson
from lbstudy.stack import control
from lbstudy.stack.control import StackStatus
from lbstudy.stack.ports import Ports
from lbstudy.stack.running import DEFAULT_FOLDER

_HELP = (
    "Run Collector, Jaeger, Prometheus and Grafana on this machine.\n\n"
    "The programs must be on PATH: otelcol-contrib or otelcol, jaeger, prometheus (grafana is optional). They"
    " use the same configuration files as compose.yaml, and listen on 127.0.0.1. With Docker, docker compose"
    " up does the same."
)
_EPILOG = "\n".join(
    (
        "[bold]Examples[/bold]",
        "  lbstudy stack up",
        "  lbstudy stack status",
        "  LBSTUDY_PROMETHEUS_PORT=9191 lbstudy stack up",
        "  lbstudy stack down",
    )
)


class _Storage(StrEnum):
    MEMORY = "memory"
    BADGER = "badger"


app = typer.Typer(help=_HELP, epilog=_EPILOG, no_args_is_help=True, rich_markup_mode="rich")

Folder = Annotated[
    Path,
    typer.Option("--dir", metavar="DIR", help="The folder for the programs' data, logs and state."),
]


@app.command(epilog=_EPILOG)
def up(
    folder: Folder = DEFAULT_FOLDER,
    storage: Annotated[
        _Storage,
        typer.Option(
            "--storage",
            help="Where Jaeger keeps spans: in memory, or in badger's files, which stay when Jaeger ends.",
        ),
    ] = _Storage.MEMORY,
    as_json: AsJson = False,
) -> int:
    """Start the programs that do not run yet, in the background, and wait until all are ready."""
    status, missing = control.up(folder, Ports.from_environment(os.environ), storage.value)
    for name in missing:
        say(f"note: {name} is not on PATH, so it is left out")
    _print(status, as_json=as_json)
    return ExitCode.OK


@app.command(epilog=_EPILOG)
def down(folder: Folder = DEFAULT_FOLDER) -> int:
    """Stop the programs that `up` started; their data stay."""
    ran, killed = control.down(folder)
    if killed:
        say(f"killed, as they did not end within {control.END_WITHIN:.0f} s: {', '.join(killed)}")
    say(f"stopped {', '.join(ran)}" if ran else f"no stack runs in {folder}")
    return ExitCode.OK


@app.command(epilog=_EPILOG)
def status(folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False) -> int:
    """Show what runs, and where; the exit code is 1 unless all programs are ready."""
    stack = control.status(folder)
    _print(stack, as_json=as_json)
    return ExitCode.OK if stack.up else ExitCode.ERROR


def _print(status: StackStatus, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_as_json(status), indent=2))
    elif not status.parts:
        typer.echo(f"no stack runs in {status.folder}")
    else:
        for part in status.parts:
            state = "ready" if part.ready else "not ready" if part.running else "ended"
            typer.echo(f"{part.name:<15} {state:<10} pid {part.pid:<8} {part.log}")
            for purpose, where in part.endpoints.items():
                typer.echo(f"{'':<15} {purpose:<10} {where}")


def _as_json(status: StackStatus) -> dict[str, object]:
    return {
        "folder": str(status.folder),
        "up": status.up,
        "parts": [asdict(part) | {"log": str(part.log)} for part in status.parts],
    }
