"""What is made of a result: files, a summary and an exit code."""

from pathlib import Path

import typer
from rich.console import Console

from lbstudy.cli.exit_code import ExitCode
from lbstudy.cli.failure import say
from lbstudy.cli.files import replacing
from lbstudy.report.html import render_html
from lbstudy.report.json import write_json
from lbstudy.report.terminal import print_summary
from lbstudy.result.model import Entry, Result


def write_results(result: Result, folder: Path) -> None:
    """Write result.json and report.html, each completely or not at all. Raises ResultFileError or OSError."""
    write_json(result, folder / "result.json")
    with replacing(folder / "report.html") as partial:
        partial.write_text(render_html(result), encoding="utf-8")


def print_result(result: Result, folder: Path, *, as_json: bool) -> None:
    """Print the summary, or the whole result as JSON, to standard output, and the path of the report."""
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
        say(f"report: {folder / 'report.html'}")
        return
    print_summary(result, Console())
    typer.echo(f"\nReport: {folder / 'report.html'}")


def exit_code(result: Result) -> ExitCode:
    """Return the result's exit code, and print the reason unless it is DONE."""
    if not result.ledger_closes:
        printed: set[Entry] = set()
        for setting in result.settings:
            for entry in setting.ledger.entries:
                # A Collector's count covers all settings together, so it is printed once.
                if not entry.closes and entry not in printed:
                    printed.add(entry)
                    say(_open(setting.name, entry))
        return ExitCode.ERROR
    unmet = [expectation for expectation in result.expectations if not expectation.met]
    for expectation in unmet:
        say(
            f"expectation not met: {expectation.setting}: {expectation.measure}:"
            f" expected {expectation.expected}, found {expectation.found}"
        )
    return ExitCode.UNMET if unmet else ExitCode.OK


def _open(setting: str, entry: Entry) -> str:
    note = f": {entry.note}" if entry.note else ""
    return (
        f"the ledger of {setting} does not close: {entry.name}:"
        f" {entry.left_count} ({entry.left}) against {entry.right_count} ({entry.right}){note}"
    )
