"""The commands of ``lbstudy stack`` and their options; what they do is in ``lbstudy.cli.stack``."""

# Imports inside functions keep `lbstudy --help` quick, as in lbstudy.cli.app.
# ruff: noqa: PLC0415

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lbstudy.cli.options import AsJson

_HELP = (
    "Run Collector, Jaeger, Prometheus and Grafana on this machine.\n\n"
    "From binaries on PATH (otelcol-contrib or otelcol, jaeger, prometheus; grafana if it is there), with the"
    " same configuration files as compose.yaml; everything listens on 127.0.0.1. With Docker, docker compose"
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
    typer.Option("--dir", metavar="DIR", help="Where the parts keep their data, logs and state."),
]
_DEFAULT = Path("runs/.stack")  # lbstudy.stack.running.DEFAULT_FOLDER, without its imports


@app.command(epilog=_EPILOG)
def up(
    folder: Folder = _DEFAULT,
    storage: Annotated[
        _Storage,
        typer.Option("--storage", help="Where Jaeger keeps spans: badger's outlive it, in files."),
    ] = _Storage.MEMORY,
    as_json: AsJson = False,
) -> int:
    """Start what does not run yet, in the background, and wait until all of it is ready."""
    from lbstudy.cli import stack

    return stack.up(folder, storage=storage.value, as_json=as_json)


@app.command(epilog=_EPILOG)
def down(folder: Folder = _DEFAULT) -> int:
    """Stop what `up` started; the data stay."""
    from lbstudy.cli import stack

    return stack.down(folder)


@app.command(epilog=_EPILOG)
def status(folder: Folder = _DEFAULT, as_json: AsJson = False) -> int:
    """Show what runs, and where; exit code 1 unless all of it is ready."""
    from lbstudy.cli import stack

    return stack.show(folder, as_json=as_json)
