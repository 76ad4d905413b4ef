"""A comparison as Markdown, to be pasted where people talk: the verdict, then figures in tables."""

from collections.abc import Sequence

from lbstudy.compare import text
from lbstudy.compare.model import ComparedScenario, Comparison, Figure, Kind, Standing
from lbstudy.result.words import together

_SIGN = {Standing.BEST: " ✓", Standing.WORSE: " ✗", Standing.SAME: ""}


def render_markdown(comparison: Comparison) -> str:
    """The verdict; then, for each scenario, tables of what tells settings apart, and the rest named."""
    parts = [f"**{comparison.headline}**", "\n".join(f"- {answer}" for answer in comparison.answers)]
    for scenario in comparison.scenarios:
        parts += _scenario(comparison, scenario)
    done = sum(outcome.state == "done" for outcome in comparison.outcomes)
    parts.append(
        f"{done} of {len(comparison.outcomes)} runs. Median, interval and number of values;"
        " ✓ best, ✗ worse than another, else not told apart. Less is better."
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _scenario(comparison: Comparison, scenario: ComparedScenario) -> list[str]:
    parts = [f"{_escaped(scenario.name)}: {_escaped(scenario.description)}"]
    known = {
        place: figure
        for place, figure in enumerate(comparison.figures)
        if any(cell.figures[place].estimate for cell in comparison.cells if cell.scenario == scenario.name)
    }
    apart = [place for place in known if _is_told_apart(comparison, scenario.name, place)]
    for kind in Kind:
        places = [place for place in apart if known[place].kind is kind]
        if places:
            parts.append(_table(comparison, scenario.name, places))
    if alike := [figure.label for place, figure in known.items() if place not in apart]:
        parts.append(f"No difference shown: {_escaped(together(alike))}.")
    return parts


def _is_told_apart(comparison: Comparison, scenario: str, place: int) -> bool:
    return any(
        cell.figures[place].standing is not Standing.SAME
        for cell in comparison.cells
        if cell.scenario == scenario
    )


def _table(comparison: Comparison, scenario: str, places: Sequence[int]) -> str:
    figures = [comparison.figures[place] for place in places]
    rows = [["setting", *map(_label, figures)], ["---", *("---:" for _ in figures)]]
    rows += [
        [_escaped(setting.name), *(_cell(comparison, setting.name, scenario, place) for place in places)]
        for setting in comparison.settings
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _label(figure: Figure) -> str:
    return _escaped(f"{figure.label}{text.per(figure)}")


def _cell(comparison: Comparison, setting: str, scenario: str, place: int) -> str:
    cell, figure = comparison.cell(setting, scenario), comparison.figures[place]
    measured = cell.figures[place]
    if measured.estimate is None:
        return "failed" if cell.failed else "–"
    around = text.interval(figure, measured.estimate)
    middle = f"**{text.median(figure, measured.estimate)}**{_SIGN[measured.standing]}"
    units = f"({measured.estimate.units})"
    return f"{middle}<br>{around} {units}" if around else f"{middle}<br>{units}"


def _escaped(words: str) -> str:
    """No text of a user's file may be taken for Markdown or HTML."""
    for sign in "\\`*_[]|#":
        words = words.replace(sign, f"\\{sign}")
    return words.replace("&", "&amp;").replace("<", "&lt;")
