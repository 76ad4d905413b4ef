"""The closing summary of a run, for a terminal of 80 columns or more, with or without colours."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lbstudy.report.comparison import TableRow, comparison
from lbstudy.report.streams import in_words as stream_words
from lbstudy.report.waits import in_words
from lbstudy.result import figures
from lbstudy.result.model import (
    NOT_OBSERVED,
    ChangeOfServers,
    Connecting,
    FaultEffects,
    Resolutions,
    Result,
    SettingResult,
)

LABEL_WIDTH = 27
CELL_WIDTH = 16
"""Columns of a setting's figures, including the gap before them."""
MEANING_WIDTH = 60
"""Columns for what a figure means; shown if there is room."""


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
        _print_programs(setting, console)
        if setting.connecting is not None and setting.options.get("tls"):
            _print_item(f"{setting.name}, {_connecting(setting.connecting)}", console)
        if setting.resolutions is not None and (words := _look_ups(setting.resolutions)):
            _print_item(f"{setting.name}, {words}", console)
        if setting.streams is not None:
            _print_item(f"{setting.name}, {stream_words(setting.streams)}", console)
        for fault in setting.faults:
            _print_item(f"{setting.name}, {_fault(fault)}", console)
    for expectation in result.expectations:
        sign, style = ("✓", "green") if expectation.met else ("✗ NOT MET", "bold red")
        console.print(Text.assemble((f"{sign} ", style), str(expectation)))
    _print_ledger(result, console)


def _print_item(text: str, console: Console, style: str = "") -> None:
    """Print a point of a list; further lines are indented, without blanks at their ends."""
    for i, line in enumerate(Text(text).wrap(console, console.width - 2)):
        line.rstrip()
        console.print(Text.assemble("  " if i else "• ", line, style=style))


def _tables(result: Result, width: int) -> list[Table]:
    """Return the comparison, with as many settings in a table as fit."""
    fit = max(1, (width - LABEL_WIDTH) // CELL_WIDTH)
    rows = comparison(result)
    spans = _spans(len(result.settings), fit)
    meanings = len(result.settings) * CELL_WIDTH + LABEL_WIDTH + MEANING_WIDTH <= width
    return [_table(result, rows, range(first, last), meanings=meanings) for first, last in spans]


def _spans(count: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def _table(result: Result, rows: Sequence[TableRow], columns: range, *, meanings: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    for i in columns:
        # A setting's name may be long: the name is cut, not the figures.
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


def _print_programs(setting: SettingResult, console: Console) -> None:
    """Print what the programs under study did not do, or did unplanned."""
    for option in setting.not_applied:
        _print_item(f"{setting.name}: {option.option} was not applied: {option.why}", console, style="yellow")
    for incident in setting.incidents:
        _print_item(f"{setting.name}: {incident}", console, style="yellow")


def _effects(setting: SettingResult, change: ChangeOfServers) -> list[str]:
    effects = []
    if change.added:
        added = [a for a in setting.adaptability.added if a.server in change.added and a.command == change.at]
        ready = sum(a.ready is not None for a in added)
        missed = sum(s in setting.adaptability.undiscovered for s in change.added)
        unknown = sum(s in setting.adaptability.unknown for s in change.added)
        answered = f"{missed} never answered an RPC"
        if unknown:
            answered = f"{f'{answered}, ' if missed else ''}whether {unknown} answered is not known"
        effects.append(f"{ready} of {len(change.added)} Ready, {answered}")
    if change.removed:
        effects.append(f"{len(change.removed)} removed")
    if change.failed is None:
        effects.append(f"failed RPCs {NOT_OBSERVED}")
    else:
        effects.append(f"{figures.count(change.failed)} RPCs failed" if change.failed else "no RPC failed")
    return effects


def _connecting(connecting: Connecting) -> str:
    if connecting.not_observed is not None or not connecting.count:
        return f"encrypted connections: time to connect {NOT_OBSERVED}"
    return (
        f"{figures.count(connecting.count)} encrypted connections: p50 {figures.seconds(connecting.p50)}, p99"
        f" {figures.seconds(connecting.p99)} to connect; up to {figures.count(connecting.storm)} within one"
        " second"
    )


def _look_ups(resolutions: Resolutions) -> str:
    """What of the look-ups is out of the ordinary; "" where nothing is."""
    parts = [
        f"{figures.count(missing.count)} of {figures.count(resolutions.count)} without {missing.family}"
        f" records, which took p50 {figures.seconds(missing.p50)}"
        f" (without that {figures.seconds(resolutions.p50)})"
        for missing in resolutions.missed
    ]
    if resolutions.questions is not None and resolutions.questions > len(resolutions.families):
        parts.append(f"{resolutions.questions:.3g} questions each")
    return f"look-ups in DNS: {'; '.join(parts)}" if parts else ""


def _fault(fault: FaultEffects) -> str:
    until = fault.end if fault.watched_until is None else fault.watched_until
    span = f"{figures.moment(fault.start)} to {figures.moment(until)} s"
    groups = [
        ("in trouble", fault.troubled),
        ("untouched", fault.untouched),
        ("no server", fault.unanswered),
    ]
    parts = [
        f"{who} p99 {figures.seconds(group.p99)}, {figures.count(group.failed)} of"
        f" {figures.count(group.requests)} RPCs failed"
        for who, group in groups
        if group.requests
    ]
    if fault.not_observed is not None:
        return f"{fault.label}, {span}: RPCs meanwhile {NOT_OBSERVED}"
    return f"{fault.label}, {span}: {'; '.join(parts) or 'no RPC was under way'}"


def _print_known(result: Result, console: Console) -> None:
    """Print what nobody saw, and what came from another observer than usual; equal settings share a line."""
    alike: dict[str, list[str]] = {}
    for setting in result.settings:
        for part in setting.known:
            if part.not_observed is not None:
                text = (
                    f"{NOT_OBSERVED}: {part.what} ({part.not_observed.why}; needs {part.not_observed.needs})"
                )
                alike.setdefault(text, []).append(setting.name)
    for text, names in alike.items():
        whom = "" if len(names) == len(result.settings) else f"{', '.join(names)}: "
        _print_item(f"{whom}{text}", console, style="yellow")


def _print_ledger(result: Result, console: Console) -> None:
    _print_known(result, console)
    lacking = [
        f"{setting.name}: nobody counts {', '.join(item.name for item in setting.ledger.not_counted)}"
        for setting in result.settings
        if setting.ledger.not_counted
    ]
    for text in lacking:
        _print_item(text, console)
    if lacking and not any(setting.ledger.entries for setting in result.settings):
        console.print(Text("– no ledger: there are no two counts of the same to compare"))
        return
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
