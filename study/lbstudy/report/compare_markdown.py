"""A comparison as Markdown, to be pasted into discussions: the verdict, then figures in tables."""

from collections.abc import Sequence

from lbstudy.compare import text
from lbstudy.compare.against import sentences
from lbstudy.compare.model import ComparedScenario, Comparison, Figure, FigureKind, Standing
from lbstudy.result.words import together

_SIGN = {Standing.BEST: " ✓", Standing.WORSE: " ✗", Standing.SAME: ""}


def render_markdown(comparison: Comparison) -> str:
    """Return the verdict and, for each scenario, tables of figures that differ; others are only named."""
    parts = [f"**{comparison.headline}**", "\n".join(f"- {answer}" for answer in comparison.answers)]
    if held := sentences(comparison):
        parts.append(
            "Against the earlier comparison:\n\n"
            + "\n".join(f"- {escaped(difference)}" for difference in held)
        )
    for scenario in comparison.scenarios:
        parts += _scenario(comparison, scenario)
    done = sum(outcome.state == "done" for outcome in comparison.outcomes)
    parts.append(
        f"{done} of {len(comparison.outcomes)} runs. Median, interval and number of values;"
        " ✓ best, ✗ worse than another, no sign: no difference shown. Less is better."
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _scenario(comparison: Comparison, scenario: ComparedScenario) -> list[str]:
    parts = [f"{escaped(scenario.name)}: {escaped(scenario.description)}"]
    places = comparison.places(scenario.name)
    cells = [cell for cell in comparison.cells if cell.scenario == scenario.name]
    known = {p: comparison.figures[p] for p in places if any(cell.figures[p].estimate for cell in cells)}
    nobody = [comparison.figures[place].label for place in places if place not in known]
    apart = [place for place in known if _is_told_apart(comparison, scenario.name, place)]
    by_kind = [[place for place in apart if known[place].kind is kind] for kind in FigureKind]
    parts += [_table(comparison, scenario.name, of_kind) for of_kind in by_kind if of_kind]
    if alike := [figure.label for place, figure in known.items() if place not in apart]:
        parts.append(f"No difference shown: {escaped(together(alike))}.")
    if nobody:
        parts.append(f"Not observed: {escaped(together(nobody))}.")
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
        [escaped(setting.name), *(_cell(comparison, setting.name, scenario, place) for place in places)]
        for setting in comparison.settings
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _label(figure: Figure) -> str:
    return escaped(f"{figure.label}{text.per(figure)}")


def _cell(comparison: Comparison, setting: str, scenario: str, place: int) -> str:
    cell, figure = comparison.cell(setting, scenario), comparison.figures[place]
    measured = cell.figures[place]
    if measured.estimate is None:
        return text.value(figure, measured, failed=bool(cell.failed))
    around = text.interval(figure, measured.estimate)
    middle = f"**{text.median(figure, measured.estimate)}**{_SIGN[measured.standing]}"
    units = text.units(measured)
    return f"{middle}<br>{around} {units}" if around else f"{middle}<br>{units}"


def escaped(words: str) -> str:
    """Escape special characters: a user's text must not be read as Markdown or HTML."""
    for sign in "\\`*_[]|#":
        words = words.replace(sign, f"\\{sign}")
    return words.replace("&", "&amp;").replace("<", "&lt;")
