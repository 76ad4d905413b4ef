"""A comparison as one offline HTML page; its links lead to the runs' reports in the folder beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lbstudy.compare import text
from lbstudy.compare.against import sentences
from lbstudy.compare.interval import FEWEST
from lbstudy.compare.model import (
    Cell,
    ComparedScenario,
    ComparedSetting,
    Comparison,
    Figure,
    FigureKind,
    Measured,
    Standing,
)
from lbstudy.report.charts import forest, marks
from lbstudy.report.html import environment, style, style_hash
from lbstudy.report.waits import in_words
from lbstudy.result import figures

_CLASS = {Standing.BEST: "good", Standing.WORSE: "bad", Standing.SAME: ""}
_WORD = {Standing.BEST: "✓ best", Standing.WORSE: "✗ worse", Standing.SAME: ""}


@dataclass(frozen=True, slots=True)
class MatrixEntry:
    """One figure of one setting, as a cell of the matrix."""

    median: str
    interval: str
    word: str
    class_: str


@dataclass(frozen=True, slots=True)
class Column:
    """One setting in one scenario."""

    setting: ComparedSetting
    cell: Cell
    entries: list[MatrixEntry]
    waits: str


@dataclass(frozen=True, slots=True)
class Forest:
    """One figure of all settings as a chart."""

    figure: Figure
    rows: list[tuple[str, Markup, str, str]]  # setting, bar, value, class
    axis: Markup


@dataclass(frozen=True, slots=True)
class Matrix:
    """One scenario."""

    scenario: ComparedScenario
    figures: list[Figure]  # those with any value
    columns: list[Column]
    forests: list[Forest]


def render_comparison(comparison: Comparison) -> str:
    """Render the page as one HTML document in UTF-8; everything from outside is escaped."""
    late = [outcome.lateness_p99 for outcome in comparison.outcomes if outcome.lateness_p99 is not None]
    return (
        environment()
        .get_template("compare.html")
        .render(
            comparison=comparison,
            against=sentences(comparison),
            matrices=[_matrix(comparison, scenario) for scenario in comparison.scenarios],
            prices=FigureKind.PRICE,
            first=comparison.plan.settings[0],
            late=figures.seconds(max(late, default=None)),
            done=sum(outcome.state == "done" for outcome in comparison.outcomes),
            fewest=FEWEST,
            definitions=marks.definitions(),
            style=style(),
            style_hash=style_hash(),
        )
    )


def _matrix(comparison: Comparison, scenario: ComparedScenario) -> Matrix:
    cells = [comparison.cell(setting.name, scenario.name) for setting in comparison.settings]
    places = comparison.places(scenario.name)
    return Matrix(
        scenario=scenario,
        figures=[comparison.figures[place] for place in places],
        columns=[
            Column(
                setting=setting,
                cell=cell,
                entries=[_entry(comparison.figures[place], cell.figures[place]) for place in places],
                waits=in_words(cell.waits) if cell.waits is not None else "",
            )
            for setting, cell in zip(comparison.settings, cells, strict=True)
        ],
        forests=[_forest(comparison.figures[place], place, cells) for place in places],
    )


def _entry(figure: Figure, measured: Measured) -> MatrixEntry:
    estimate = measured.estimate
    median, interval = text.value(figure, measured), text.interval(figure, estimate)
    return MatrixEntry(
        median=median,
        interval="" if interval == median else interval,
        word="" if estimate is None else _WORD[measured.standing],
        class_=_CLASS[measured.standing],
    )


def _forest(figure: Figure, place: int, cells: Sequence[Cell]) -> Forest:
    x = forest.scale(figure, [cell.figures[place].estimate for cell in cells])
    return Forest(
        figure=figure,
        rows=[
            (
                cell.setting,
                forest.row(
                    figure, cell.figures[place].estimate, x, f"is-{cell.figures[place].standing.value}"
                ),
                text.value(figure, cell.figures[place]),
                _CLASS[cell.figures[place].standing],
            )
            for cell in cells
        ],
        axis=forest.axis(figure, x),
    )
