"""The conclusions of a comparison, in words. It measures nothing, and names no difference that is not shown.

Everything follows from ``build.is_better``: one setting is better than another in a figure if their intervals
do not overlap, and their medians differ by enough to matter.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lbstudy.compare import interval, text
from lbstudy.compare.advice import FOR_WHOM
from lbstudy.compare.measured import FAILED
from lbstudy.compare.model import Cell, ComparedSetting, Estimate, Figure, FigureKind, Measured, Standing
from lbstudy.compare.plan import Plan
from lbstudy.result.model import SettingResult
from lbstudy.result.words import together

_MOST_NAMED = 4


class VerdictParts(NamedTuple):
    """The verdict's parts."""

    headline: str
    answers: list[str]
    points: list[str]


def settings(
    plan: Plan, figures: Sequence[Figure], cells: Sequence[Cell], known: Mapping[str, SettingResult]
) -> list[ComparedSetting]:
    """Compare each setting with the first one, and with all others."""
    return [_setting(plan, figures, cells, name, known.get(name)) for name in plan.settings]


def verdict(
    plan: Plan, figures: Sequence[Figure], cells: Sequence[Cell], compared: Sequence[ComparedSetting]
) -> VerdictParts:
    """Return a headline, other important points, and a point for each figure of each scenario."""
    if not any(cell.runs for cell in cells):
        return VerdictParts("Nothing was measured.", [], [])
    points = []
    for scenario in plan.scenarios:
        of_scenario = {cell.setting: cell for cell in cells if cell.scenario == scenario}
        prefix = f"{scenario}: " if len(plan.scenarios) > 1 else ""
        for place, figure in enumerate(figures):
            measured = {name: cell.figures[place] for name, cell in of_scenario.items()}
            if any(value.estimate is not None for value in measured.values()):
                points.append(f"{prefix}{_point(figure, measured)}")
    most = max((value.estimate.units for c in cells for value in c.figures if value.estimate), default=0)
    if most < interval.FEWEST:
        few = f"{most} run{'s' if most > 1 else ''} of each"
        answer = f"To show a difference, {interval.FEWEST} runs of each are needed."
        return VerdictParts(f"{few} cannot show a difference between the settings yet.", [answer], points)
    answers = [
        _lost(figures, cells),
        *_streams(figures, cells),
        *_unbeaten(compared),
        *_never_pays(plan, compared),
    ]
    return VerdictParts(_found(figures, cells), answers, points)


# --- the headline ---------------------------------------------------------------------------------


def _found(figures: Sequence[Figure], cells: Sequence[Cell]) -> str:
    """Say how soon new servers get requests, in the first scenario that adds any."""
    place = next((i for i, figure in enumerate(figures) if figure.key == "discovery"), None)
    scenario = next((c.scenario for c in cells if place is not None and c.figures[place].estimate), None)
    if place is None or scenario is None:
        if place is not None and any(c.figures[place].not_observed for c in cells):
            return "When new servers get requests was not observed."
        return "No server was added."
    figure = figures[place]
    measured = {c.setting: c.figures[place] for c in cells if c.scenario == scenario}
    known = {name: value.estimate for name, value in measured.items() if value.estimate is not None}
    never = [name for name, estimate in known.items() if estimate.median.more]
    best = [name for name, value in measured.items() if value.standing is Standing.BEST]
    unseen = [n for n, value in measured.items() if value.estimate is None and value.not_observed is not None]
    nobody = f" With {_list(unseen)} it was not observed." if unseen else ""
    if not best:
        middle = sorted((estimate for estimate in known.values()), key=lambda estimate: estimate.median.value)
        least, most = text.median(figure, middle[0]), text.median(figure, middle[-1])
        span = least if least == most else f"{least} to {most}"
        return f"No setting was shown to find new servers sooner than another ({span}).{nobody}"
    quick = sorted(
        (n for n, estimate in known.items() if not estimate.median.more), key=lambda n: _rank(known[n])
    )
    first = [name for name in quick if name in best]
    then = [name for name in quick if name not in best]
    clause = f"New servers get requests soonest with {_timed(figure, known, first)}"
    if then:
        clause += f", then with {_timed(figure, known, then)}"
    if never:
        watched = text.median(figure, min((known[name] for name in never), key=_rank)).removeprefix("> ")
        who = _list(never) if len(never) <= _MOST_NAMED else f"the other {len(never)}"
        clause += f"; with {who} they got none within the {watched} for which they were watched"
    return f"{clause}.{nobody}"


def _timed(figure: Figure, known: Mapping[str, Estimate], names: Sequence[str]) -> str:
    return together([f"{name} (after {text.median(figure, known[name])})" for name in names])


def _lost(figures: Sequence[Figure], cells: Sequence[Cell]) -> str:
    """Say with which settings the fewest requests are lost, by what happens to the servers."""
    by_cause: dict[str, list[str]] = {}
    for place, figure in enumerate(figures):
        if figure.key.startswith(FAILED):
            best = dict.fromkeys(c.setting for c in cells if c.figures[place].standing is Standing.BEST)
            if best:
                when = figure.label.removeprefix("requests lost").strip(": ")
                by_cause.setdefault(_list(list(best)), []).append(when)
    if not by_cause:
        return "No setting was shown to lose fewer requests than another."
    clauses = [f"with {best} {together(whens)}" for best, whens in by_cause.items()]
    return f"The fewest requests are lost {'; '.join(clauses)}."


def _streams(figures: Sequence[Figure], cells: Sequence[Cell]) -> list[str]:
    """With which settings streams leave servers soonest, and the fewest are cut; none where none is shown."""
    clauses = []
    for key, begin in (
        ("held", "streams leave servers that go soonest with"),
        ("stayed", "streams move on soonest once servers were added with"),
        ("cut", "the fewest are cut with"),
    ):
        place = next((i for i, figure in enumerate(figures) if figure.key == key), None)
        best = [] if place is None else [c for c in cells if c.figures[place].standing is Standing.BEST]
        if place is None or not best:
            continue
        names = list(dict.fromkeys(cell.setting for cell in best))
        estimates = {cell.setting: cell.figures[place].estimate for cell in best}
        known = {name: estimate for name, estimate in estimates.items() if estimate is not None}
        clauses.append(f"{begin} {_timed(figures[place], known, names) if key != 'cut' else _list(names)}")
    if not clauses:
        return []
    text = ", and ".join(filter(None, [", ".join(clauses[:-1]), clauses[-1]]))
    return [f"{text[0].upper()}{text[1:]}."]


def _unbeaten(compared: Sequence[ComparedSetting]) -> list[str]:
    unbeaten = [setting.name for setting in compared if not setting.is_beaten_by]
    if len(unbeaten) == len(compared):
        return []
    each = "what each costs" if len(unbeaten) > 1 else "what it costs"
    return [
        f"All in all, no setting compared here did better than {_list(unbeaten)}; the tables show {each}."
    ]


def _never_pays(plan: Plan, compared: Sequence[ComparedSetting]) -> list[str]:
    """Return the settings for which no advantage is shown."""
    idle = [setting.name for setting in compared[1:] if not setting.better and not setting.worse]
    if not idle:
        return []
    return [f"No difference from {plan.settings[0]} was shown with {together(idle)}."]


# --- a figure -------------------------------------------------------------------------------------


def _point(figure: Figure, measured: Mapping[str, Measured]) -> str:
    """Return a point, like ``Requests lost …: least with a 0; more with c 12 (8 to 15)``."""
    known = {name: value for name, value in measured.items() if value.estimate is not None}
    ordered = sorted(known, key=lambda name: _rank(known[name].estimate))
    best = [name for name in ordered if known[name].standing is Standing.BEST]
    worse = [name for name in ordered if known[name].standing is Standing.WORSE]
    rest = [name for name in ordered if known[name].standing is Standing.SAME]
    unseen = [n for n, value in measured.items() if value.estimate is None and value.not_observed is not None]
    nobody = f"; not observed: {together(unseen)}" if unseen else ""
    head = figure.label[0].upper() + figure.label[1:]
    if not best:
        fewest = min(value.estimate.units for value in known.values() if value.estimate is not None)
        why = (
            "" if fewest >= interval.FEWEST else f" ({interval.FEWEST} {figure.per}s of each would be needed)"
        )
        return f"{head}: no difference shown{why}: {_values(figure, known, ordered)}{nobody}."
    clauses = [f"least with {_values(figure, known, best)}", f"more with {_values(figure, known, worse)}"]
    if rest:
        clauses.append(f"no difference shown: {_values(figure, known, rest)}")
    return f"{head}: {'; '.join(clauses)}{nobody}."


def _values(figure: Figure, measured: Mapping[str, Measured], names: Sequence[str]) -> str:
    """Return names with their figures; settings with equal text share it."""
    shared: dict[str, list[str]] = {}
    for name in names:
        shared.setdefault(text.both(figure, measured[name].estimate), []).append(name)
    return ", ".join(f"{together(alike)} {value}" for value, alike in shared.items())


def _rank(estimate: Estimate | None) -> tuple[bool, float]:
    assert estimate is not None
    return estimate.median.more, estimate.median.value


# --- a setting ------------------------------------------------------------------------------------


def _setting(
    plan: Plan,
    figures: Sequence[Figure],
    cells: Sequence[Cell],
    name: str,
    known: SettingResult | None,
) -> ComparedSetting:
    first = plan.settings[0]
    own = {cell.scenario: cell for cell in cells if cell.setting == name}
    base = {cell.scenario: cell for cell in cells if cell.setting == first}
    lists: dict[str, list[str]] = {"better": [], "worse": [], "alike": [], "price": []}
    for scenario in plan.scenarios if name != first else []:
        suffix = f" ({scenario})" if len(plan.scenarios) > 1 else ""
        for place, figure in enumerate(figures):
            mine, theirs = own[scenario].figures[place], base[scenario].figures[place]
            if mine.estimate is None or theirs.estimate is None:
                continue
            is_better, is_worse = name in theirs.worse_than, first in mine.worse_than
            words = (
                f"{figure.label}{suffix}: {text.median(figure, mine.estimate)}"
                f" against {text.median(figure, theirs.estimate)}"
            )
            if figure.kind is FigureKind.PRICE:
                if is_better or is_worse:
                    lists["price"].append(f"{words}{text.per(figure)}")
            elif is_better or is_worse:
                lists["better" if is_better else "worse"].append(words)
            else:
                lists["alike"].append(f"{figure.label}{suffix}")
    return ComparedSetting(
        name=name,
        description=known.description if known else "",
        options=known.options if known else {},
        for_whom=FOR_WHOM.get(name, ""),
        is_beaten_by=[other for other in plan.settings if _beats(figures, cells, other, name)],
        **lists,
    )


def _beats(figures: Sequence[Figure], cells: Sequence[Cell], first: str, other: str) -> bool:
    """Return whether one is better than the other in some figure and worse in none, apart from prices."""
    benefits = [place for place, figure in enumerate(figures) if figure.kind is FigureKind.BENEFIT]

    def somewhere(better: str, worse: str) -> bool:
        return any(
            better in cell.figures[place].worse_than
            for cell in cells
            if cell.setting == worse
            for place in benefits
        )

    return somewhere(first, other) and not somewhere(other, first)


def _list(names: Sequence[str]) -> str:
    if len(names) <= _MOST_NAMED:
        return together(names)
    return f"{', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more"
