"""A comparison's summary for a terminal: the verdict, then the settings by each figure."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lbstudy.compare import text
from lbstudy.compare.against import sentences
from lbstudy.compare.model import Comparison, Figure, Standing

_STYLE = {Standing.BEST: "green", Standing.WORSE: "bold red", Standing.SAME: ""}
_SIGN = {Standing.BEST: "✓ ", Standing.WORSE: "✗ ", Standing.SAME: "  "}


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the verdict, then one line a setting for each scenario and figure."""
    console.print(Text(comparison.headline, style="bold"))
    for answer in comparison.answers:
        for i, line in enumerate(Text(answer).wrap(console, console.width - 2)):
            line.rstrip()
            console.print(Text.assemble("  " if i else "• ", line))
    if held := sentences(comparison):
        console.print(Text("\nAgainst the earlier comparison", style="bold"))
        for sentence in held:
            console.print(Text(f"• {sentence}"))
    for scenario in comparison.scenarios:
        console.print()
        console.print(Text(f"{scenario.name}: {scenario.description}", style="bold"))
        # Of a scenario whose runs all failed there is no figure: that they failed is told by each of them.
        for place in comparison.places(scenario.name) or range(len(comparison.figures)):
            figure = comparison.figures[place]
            console.print(Text(f"{figure.label}{text.per(figure)}", style="underline"))
            console.print(_table(comparison, scenario.name, place, figure))
    console.print()
    for outcome in comparison.outcomes:
        if outcome.state == "failed":
            console.print(Text(f"✗ {outcome.run.folder} failed: {outcome.reason}", style="bold red"))
    done = sum(outcome.state == "done" for outcome in comparison.outcomes)
    console.print(
        f"{done} of {len(comparison.outcomes)} runs; ✓ best, ✗ worse than another,"
        " no sign: no difference shown"
    )


def _table(comparison: Comparison, scenario: str, place: int, figure: Figure) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False, show_header=False)
    table.add_column("", no_wrap=True, overflow="ellipsis")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for setting in comparison.settings:
        cell = comparison.cell(setting.name, scenario)
        measured = cell.figures[place]
        value = text.value(figure, measured, failed=bool(cell.failed))
        units = text.units(measured)
        table.add_row(
            Text(f"{_SIGN[measured.standing]}{setting.name}"),
            Text(value, style=_STYLE[measured.standing]),
            Text(f"{text.interval(figure, measured.estimate)} {units}".strip(), style="dim"),
        )
    return table
