"""``lbstudy list``: the built-in scenarios, settings, subjects and requirements."""

import json
import os
import shutil
import sys
from pathlib import Path
from textwrap import fill
from typing import Annotated

import typer

from lbstudy.cli.command import examples, new_command
from lbstudy.cli.completion import complete_name
from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError
from lbstudy.cli.files import replacing
from lbstudy.cli.options import AsJson
from lbstudy.config.builtin import (
    BuiltIn,
    available,
    available_requirements,
    available_scenarios,
    available_settings,
    available_subjects,
)
from lbstudy.config.error import nearest
from lbstudy.config.expected import MEASURES

_USE = {"scenario": "run", "requirement": "gate"}
"""A kind of file → the command that takes it as an argument."""

app = new_command()


@app.command(
    "list",
    epilog=examples(
        "lbstudy list",
        "lbstudy list --copy scale .",
        "lbstudy list --copy max-age ./mine.toml",
        after="A copy is yours to edit: the comments in it explain every key. Then: lbstudy run ./scale.toml",
    ),
)
def list_built_in(
    as_json: AsJson = False,
    copy: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            "--copy",
            metavar="NAME DEST",
            help="Copy a built-in scenario, setting, subject or requirement to a folder or a new file.",
            autocompletion=complete_name,
        ),
    ] = None,
) -> int:
    """List the built-in scenarios, settings, subjects and requirements, or copy one to edit it."""
    if copy is not None:
        return copy_file(*copy, as_json=as_json)
    return show(as_json=as_json)


def show(*, as_json: bool) -> int:
    """Print names, descriptions and paths, and the measures of which a scenario can expect something."""
    if as_json:
        entries = {
            "scenarios": [_entry(scenario) for scenario in available_scenarios()],
            "settings": [_entry(setting) for setting in available_settings()],
            "subjects": [_entry(subject) for subject in available_subjects()],
            "requirements": [_entry(requirement) for requirement in available_requirements()],
            "measures": list(MEASURES),
        }
        typer.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return ExitCode.OK
    for title, built_in in (
        ("Scenarios", available_scenarios()),
        ("Settings", available_settings()),
        ("Subjects", available_subjects()),
        ("Requirements", available_requirements()),
    ):
        typer.echo(title)
        indent = max(len(file.name) for file in built_in) + 4
        for file in built_in:
            typer.echo(_wrapped(file.description(), f"  {file.name}".ljust(indent), indent))
            typer.echo(f"{'':<{indent}}{file.path}")  # on one line, so that it can be copied
        typer.echo("")
    typer.echo("Measures that a scenario can expect something of")
    typer.echo(_wrapped(", ".join(MEASURES), "  ", 2))
    typer.echo("\nCopy one to edit it: lbstudy list --copy scale .")
    return ExitCode.OK


def copy_file(name: str, destination: Path, *, as_json: bool) -> int:
    """Copy a built-in file, without overwriting another file.

    Raises:
        UsageError: there is no such name, or the file exists already.
        OSError: it cannot be written.
    """
    built_in = available()
    chosen = next((file for file in built_in if file.name == name), None)
    if chosen is None:
        names = [file.name for file in built_in]
        raise UsageError(f"{name}: expected a built-in name ({', '.join(names)}){nearest(name, names)}")
    target = destination / chosen.path.name if destination.is_dir() else destination
    if os.path.lexists(target):
        raise UsageError(f"{target}: exists already; name another file, or remove it")
    with replacing(target) as partial:
        shutil.copyfile(chosen.path, partial)
    if as_json:
        typer.echo(json.dumps({"copied": str(target)}))
    else:
        # without "./" it would be taken as a built-in name
        shown = str(target) if "/" in str(target) else f"./{target}"
        typer.echo(f"{shown}\nEdit it, then: lbstudy {_USE.get(chosen.kind, f'run --{chosen.kind}')} {shown}")
    return ExitCode.OK


def _wrapped(text: str, first: str, indent: int) -> str:
    """Wrap a text to the terminal's width; do not wrap it if the output is not a terminal."""
    if not sys.stdout.isatty():
        return first + text
    width = max(shutil.get_terminal_size().columns, indent + 20)
    return fill(text, width, initial_indent=first, subsequent_indent=" " * indent)


def _entry(file: BuiltIn) -> dict[str, str]:
    return {"name": file.name, "description": file.description(), "path": str(file.path)}
