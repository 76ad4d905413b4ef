"""``lbstudy list``: the built-in scenarios and settings."""

import json
import os
import shutil
from pathlib import Path
from textwrap import fill

import typer

from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import UsageError
from lbstudy.cli.files import replacing
from lbstudy.config.builtin import BuiltIn, available_scenarios, available_settings
from lbstudy.config.error import nearest
from lbstudy.config.expected import MEASURES


def show(*, as_json: bool) -> int:
    """Print names, descriptions and paths, and what a scenario can expect."""
    if as_json:
        entries = {
            "scenarios": [_entry(one) for one in available_scenarios()],
            "settings": [_entry(one) for one in available_settings()],
            "measures": list(MEASURES),
        }
        typer.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return ExitCode.OK
    for title, built_in in (("Scenarios", available_scenarios()), ("Settings", available_settings())):
        typer.echo(title)
        for one in built_in:
            typer.echo(f"  {one.name:<10}{one.description()}\n  {'':<10}{one.path}")
        typer.echo("")
    typer.echo("Measures that a scenario can expect something of")
    typer.echo(fill(", ".join(MEASURES), 100, initial_indent="  ", subsequent_indent="  "))
    typer.echo("\nCopy one to edit it: lbstudy list --copy scale .")
    return ExitCode.OK


def copy_file(name: str, destination: Path, *, as_json: bool) -> int:
    """Copy the file of a built-in scenario or setting; never over another file.

    Raises:
        UsageError: when there is no such name, or a file in the way.
        OSError: when it cannot be written.
    """
    built_in = [*available_scenarios(), *available_settings()]
    found = next((one for one in built_in if one.name == name), None)
    if found is None:
        names = [one.name for one in built_in]
        raise UsageError(f"{name}: expected a built-in name ({', '.join(names)}){nearest(name, names)}")
    target = destination / found.path.name if destination.is_dir() else destination
    if os.path.lexists(target):
        raise UsageError(f"{target}: exists already; name another file, or remove it")
    with replacing(target) as partial:
        shutil.copyfile(found.path, partial)
    if as_json:
        typer.echo(json.dumps({"copied": str(target)}))
    else:
        shown = str(target) if "/" in str(target) else f"./{target}"  # a bare name would be a built-in one's
        option = "" if found.kind == "scenario" else "--setting "
        typer.echo(f"{shown}\nEdit it, then: lbstudy run {option}{shown}")
    return ExitCode.OK


def _entry(one: BuiltIn) -> dict[str, str]:
    return {"name": one.name, "description": one.description(), "path": str(one.path)}
