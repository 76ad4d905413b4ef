"""The closing summary of a run, for a terminal of 80 columns or more, with or without colours."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lbstudy.report import figures
from lbstudy.report.comparison import Row, comparison
from lbstudy.report.waits import in_words
from lbstudy.result.model import Change, Fault, Result, SettingResult

LABEL_WIDTH = 27
CELL_WIDTH = 16
"""Columns of a setting's figures, the gap before them included."""
MEANING_WIDTH = 60
"""Columns of what a figure means; shown where there is room."""


def print_summary(result: Result, console: Console) -> None:
    """Print the verdict, the settings side by side, a line for each change, and the ledger."""
    console.print(Text(result.verdict.headline, style="bold"))
    for point in result.verdict.points:
        _print_item(point, console)
    for table in _tables(result, console.width):
        console.print()
        console.print(table)
    console.print()
    for setting in result.settings:
        _print_changes(setting, console)
        for fault in setting.faults:
            _print_item(f"{setting.name}, {_fault(fault)}", console)
    for expectation in result.expectations:
        sign, style = ("✓", "green") if expectation.met else ("✗ NOT MET", "bold red")
        text = (
            f"{expectation.setting}: {expectation.measure} {expectation.expected}, found {expectation.found}"
        )
        console.print(Text.assemble((f"{sign} ", style), text))
    _print_ledger(result, console)


def _print_item(text: str, console: Console, style: str = "") -> None:
    """Print a point of a list, whose further lines are indented; without blanks at the lines' ends."""
    for i, line in enumerate(Text(text).wrap(console, console.width - 2)):
        line.rstrip()
        console.print(Text.assemble("  " if i else "• ", line, style=style))


def _tables(result: Result, width: int) -> list[Table]:
    """The comparison; so many settings a table as fit beside each other."""
    fit = max(1, (width - LABEL_WIDTH) // CELL_WIDTH)
    rows = comparison(result)
    spans = _spans(len(result.settings), fit)
    meanings = len(result.settings) * CELL_WIDTH + LABEL_WIDTH + MEANING_WIDTH <= width
    return [_table(result, rows, range(first, last), meanings=meanings) for first, last in spans]


def _spans(count: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def _table(result: Result, rows: Sequence[Row], columns: range, *, meanings: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    for i in columns:
        # A setting's name may be of any length: it is cut rather than the figures.
        table.add_column(Text(result.settings[i].name), justify="right", no_wrap=True, overflow="ellipsis")
    if meanings:
        table.add_column("", style="dim", no_wrap=True, overflow="ellipsis")
    for row in rows:
        cells = [row.cells[i] for i in columns]
        texts = [Text(c.text, style="bold red" if c.bad else "") for c in cells]
        table.add_row(Text(row.label), *texts, *([Text(row.meaning)] if meanings else []))
    return table


def _print_changes(setting: SettingResult, console: Console) -> None:
    for change in setting.adaptability.changes:
        what = f"{change.before} → {change.after} servers at {figures.moment(change.at)} s"
        _print_item(f"{setting.name}, {what}: {'; '.join(_effects(setting, change))}", console)
    if setting.adaptability.waits is not None:
        _print_item(
            f"{setting.name}, where the seconds went: {in_words(setting.adaptability.waits)}", console
        )


def _effects(setting: SettingResult, change: Change) -> list[str]:
    found = []
    if change.added:
        added = [a for a in setting.adaptability.added if a.server in change.added and a.command == change.at]
        ready = sum(a.ready is not None for a in added)
        missed = sum(s in setting.adaptability.undiscovered for s in change.added)
        found.append(f"{ready} of {len(change.added)} Ready, {missed} never answered an RPC")
    if change.removed:
        found.append(f"{len(change.removed)} removed")
    found.append(f"{figures.count(change.failed)} RPCs failed" if change.failed else "no RPC failed")
    return found


def _fault(fault: Fault) -> str:
    until = fault.end if fault.watched_until is None else fault.watched_until
    span = f"{figures.moment(fault.start)} to {figures.moment(until)} s"
    groups = [
        ("in trouble", fault.troubled),
        ("untouched", fault.untouched),
        ("no server", fault.unanswered),
    ]
    told = [
        f"{who} p99 {figures.seconds(group.p99)}, {figures.count(group.failed)} of"
        f" {figures.count(group.requests)} RPCs failed"
        for who, group in groups
        if group.requests
    ]
    return f"{fault.label}, {span}: {'; '.join(told) or 'no RPC was under way'}"


def _print_ledger(result: Result, console: Console) -> None:
    if result.ledger_closes:
        console.print(Text("✓ ledger closes: all counts agree", style="green"))
        return
    console.print(Text("✗ LEDGER DOES NOT CLOSE: some counts disagree", style="bold red"))
    for setting in result.settings:
        for entry in setting.ledger.entries:
            if not entry.closes:
                note = f" ({entry.note})" if entry.note else ""
                text = (
                    f"{setting.name}: {entry.left} {figures.count(entry.left_count)}, "
                    f"{entry.right} {figures.count(entry.right_count)}{note}"
                )
                _print_item(text, console, style="red")
