"""What has changed since an earlier comparison, beyond the intervals of both. No I/O.

A release of gRPC, of a program or of this study may change when a client notices. A figure has *moved* if the
two comparisons are shown to differ, by the rule for two settings of one comparison: their intervals do not
overlap, and their medians differ by enough to matter (``build.is_better``). All other figures are not shown
to have moved, which does not mean that they are shown to be equal.
"""

from collections.abc import Iterator

from lbstudy.compare import text
from lbstudy.compare.build import is_better
from lbstudy.compare.model import Against, Cell, Comparison, Figure, Moved


def against(now: Comparison, before: Comparison) -> Against:
    """Compare with an earlier comparison, cell by cell.

    A cell is a setting in a scenario. Cells that only one of the two has are listed, and so are software
    versions that differ.
    """
    cells, earlier = _cells(now), _cells(before)
    both = [key for key in cells if key in earlier]
    moved = [figure for key in both for figure in _moved(now, cells[key], before, earlier[key])]
    held = sum(len(set(_figures(now, cells[key])) & set(_figures(before, earlier[key]))) for key in both)
    return Against(
        started=before.plan.started,
        moved=moved,
        compared=held,
        only_now=[_named(key) for key in cells if key not in earlier],
        only_before=[_named(key) for key in earlier if key not in cells],
        versions={
            name: (before.versions.get(name), now.versions.get(name))
            for name in sorted({*now.versions, *before.versions})
            if before.versions.get(name) != now.versions.get(name)
        },
    )


def sentences(comparison: Comparison) -> list[str]:
    """Return the differences as sentences, moved figures first; empty if there was no earlier comparison."""
    differences = comparison.against
    if differences is None:
        return []
    labels = {figure.key: figure for figure in comparison.figures}
    said = [_sentence(labels[figure.figure], figure) for figure in differences.moved]
    if not differences.moved:
        said.append(
            f"None of {differences.compared} figures is shown to have moved since {differences.started}."
        )
    else:
        rest = differences.compared - len(differences.moved)
        said.append(f"{rest} other figures are not shown to have moved since {differences.started}.")
    if differences.versions:
        changes = (
            f"{name} {_or_none(old)} → {_or_none(new)}" for name, (old, new) in differences.versions.items()
        )
        said.append(f"Other versions: {', '.join(changes)}.")
    for names, when in ((differences.only_now, "now"), (differences.only_before, "in the earlier one")):
        if names:
            said.append(f"Only {when}: {', '.join(names)}.")
    return said


def _or_none(version: str | None) -> str:
    return version or "(none)"


def _sentence(figure: Figure, difference: Moved) -> str:
    figure_in_words = f"{difference.setting} in {difference.scenario}: {figure.label}{text.per(figure)}"
    before, after = text.both(figure, difference.before), text.both(figure, difference.after)
    return (
        f"{figure_in_words}: {before} before, {after} now ({'better' if difference.is_better else 'worse'})"
    )


def _cells(comparison: Comparison) -> dict[tuple[str, str], Cell]:
    return {(cell.setting, cell.scenario): cell for cell in comparison.cells}


def _figures(comparison: Comparison, cell: Cell) -> dict[str, int]:
    """Return the figures for which a cell has values → their places in the cell."""
    return {
        figure.key: place
        for place, figure in enumerate(comparison.figures)
        if cell.figures[place].estimate is not None
    }


def _moved(now: Comparison, cell: Cell, before: Comparison, earlier: Cell) -> Iterator[Moved]:
    places, earlier_places = _figures(now, cell), _figures(before, earlier)
    for key, place in places.items():
        if key not in earlier_places:
            continue
        figure = now.figures[place]
        new, old = cell.figures[place].estimate, earlier.figures[earlier_places[key]].estimate
        better = is_better(figure, new, old)
        if new is not None and old is not None and (better or is_better(figure, old, new)):
            yield Moved(
                setting=cell.setting,
                scenario=cell.scenario,
                figure=key,
                before=old,
                after=new,
                is_better=better,
            )


def _named(key: tuple[str, str]) -> str:
    setting, scenario = key
    return f"{setting} in {scenario}"
