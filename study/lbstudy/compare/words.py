"""What a comparison says, in words. Nothing is measured here, and no difference told that is not shown.

Everything follows from ``build.is_better``: one setting is better than another in a figure where their
intervals do not overlap, and their medians lie far enough apart to matter.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lbstudy.compare import interval, text
from lbstudy.compare.advice import FOR_WHOM
from lbstudy.compare.measured import FAILED
from lbstudy.compare.model import Cell, ComparedSetting, Estimate, Figure, Kind, Measured, Standing
from lbstudy.compare.plan import Plan
from lbstudy.result.model import SettingResult
from lbstudy.result.words import together

_MOST_NAMED = 4


class Said(NamedTuple):
    """The verdict's parts."""

    headline: str
    answers: list[str]
    points: list[str]


def settings(
    plan: Plan, figures: Sequence[Figure], cells: Sequence[Cell], known: Mapping[str, SettingResult]
) -> list[ComparedSetting]:
    """Each setting held against the first one, and against all others."""
    return [_setting(plan, figures, cells, name, known.get(name)) for name in plan.settings]


def verdict(
    plan: Plan, figures: Sequence[Figure], cells: Sequence[Cell], compared: Sequence[ComparedSetting]
) -> Said:
    """A headline, what else a reader should know, and a point for each figure of each scenario."""
    if not any(cell.runs for cell in cells):
        return Said("Nothing was measured.", [], [])
    points = []
    for scenario in plan.scenarios:
        of_scenario = {cell.setting: cell for cell in cells if cell.scenario == scenario}
        prefix = f"{scenario}: " if len(plan.scenarios) > 1 else ""
        for place, figure in enumerate(figures):
            told = {name: cell.figures[place] for name, cell in of_scenario.items()}
            if any(one.estimate is not None for one in told.values()):
                points.append(f"{prefix}{_point(figure, told)}")
    most = max((one.estimate.units for c in cells for one in c.figures if one.estimate), default=0)
    if most < interval.FEWEST:
        few = f"{most} run{'s' if most > 1 else ''} of each"
        answer = f"To tell settings apart, {interval.FEWEST} runs of each are needed."
        return Said(f"{few} cannot tell the settings apart yet.", [answer], points)
    answers = [_lost(figures, cells), *_unbeaten(compared), *_never_pays(plan, compared)]
    return Said(_found(figures, cells), answers, points)


# --- the headline ---------------------------------------------------------------------------------


def _found(figures: Sequence[Figure], cells: Sequence[Cell]) -> str:
    """How soon new servers get requests, in the first scenario that adds any."""
    place = next((i for i, figure in enumerate(figures) if figure.key == "discovery"), None)
    scenario = next((c.scenario for c in cells if place is not None and c.figures[place].estimate), None)
    if place is None or scenario is None:
        return "No server was added."
    figure = figures[place]
    told = {c.setting: c.figures[place] for c in cells if c.scenario == scenario}
    known = {name: one.estimate for name, one in told.items() if one.estimate is not None}
    never = [name for name, one in known.items() if one.median.more]
    best = [name for name, one in told.items() if one.standing is Standing.BEST]
    if not best:
        middle = sorted((one for one in known.values()), key=lambda one: one.median.value)
        least, most = text.median(figure, middle[0]), text.median(figure, middle[-1])
        span = least if least == most else f"{least} to {most}"
        return f"No setting was shown to find new servers sooner than another ({span})."
    found = sorted((n for n, one in known.items() if not one.median.more), key=lambda n: _rank(known[n]))
    first = [name for name in found if name in best]
    then = [name for name in found if name not in best]
    clause = f"New servers get requests soonest with {_timed(figure, known, first)}"
    if then:
        clause += f", then with {_timed(figure, known, then)}"
    if never:
        watched = text.median(figure, min((known[name] for name in never), key=_rank)).removeprefix("> ")
        who = _list(never) if len(never) <= _MOST_NAMED else f"the other {len(never)}"
        clause += f"; with {who} they got none within the {watched} for which they were watched"
    return f"{clause}."


def _timed(figure: Figure, known: Mapping[str, Estimate], names: Sequence[str]) -> str:
    return together([f"{name} (after {text.median(figure, known[name])})" for name in names])


def _lost(figures: Sequence[Figure], cells: Sequence[Cell]) -> str:
    """With which settings the fewest requests are lost, by what happens to the servers."""
    found: dict[str, list[str]] = {}
    for place, figure in enumerate(figures):
        if figure.key.startswith(FAILED):
            best = dict.fromkeys(c.setting for c in cells if c.figures[place].standing is Standing.BEST)
            if best:
                when = figure.label.removeprefix("requests lost").strip(": ")
                found.setdefault(_list(list(best)), []).append(when)
    if not found:
        return "No setting was shown to lose fewer requests than another."
    clauses = [f"with {best} {together(whens)}" for best, whens in found.items()]
    return f"The fewest requests are lost {'; '.join(clauses)}."


def _unbeaten(compared: Sequence[ComparedSetting]) -> list[str]:
    unbeaten = [one.name for one in compared if not one.is_beaten_by]
    if len(unbeaten) == len(compared):
        return []
    each = "what each costs" if len(unbeaten) > 1 else "what it costs"
    return [f"All in all nothing compared here did better than {_list(unbeaten)}; {each} is told below."]


def _never_pays(plan: Plan, compared: Sequence[ComparedSetting]) -> list[str]:
    """Settings that nothing is shown of."""
    idle = [one.name for one in compared[1:] if not one.better and not one.worse]
    if not idle:
        return []
    return [f"No difference from {plan.settings[0]} was shown with {together(idle)}."]


# --- a figure -------------------------------------------------------------------------------------


def _point(figure: Figure, told: Mapping[str, Measured]) -> str:
    """As ``Requests lost …: least with a 0; more with c 12 (8 to 15); not told apart: d 1 (0 to 9)``."""
    known = {name: one for name, one in told.items() if one.estimate is not None}
    ordered = sorted(known, key=lambda name: _rank(known[name].estimate))
    best = [name for name in ordered if known[name].standing is Standing.BEST]
    worse = [name for name in ordered if known[name].standing is Standing.WORSE]
    rest = [name for name in ordered if known[name].standing is Standing.SAME]
    head = figure.label[0].upper() + figure.label[1:]
    if not best:
        fewest = min(one.estimate.units for one in known.values() if one.estimate is not None)
        why = (
            "" if fewest >= interval.FEWEST else f" ({interval.FEWEST} {figure.per}s of each would be needed)"
        )
        return f"{head}: no difference shown{why}: {_values(figure, known, ordered)}."
    clauses = [f"least with {_values(figure, known, best)}", f"more with {_values(figure, known, worse)}"]
    if rest:
        clauses.append(f"not told apart: {_values(figure, known, rest)}")
    return f"{head}: {'; '.join(clauses)}."


def _values(figure: Figure, told: Mapping[str, Measured], names: Sequence[str]) -> str:
    """Names with their figures; those with the same text share it."""
    shared: dict[str, list[str]] = {}
    for name in names:
        shared.setdefault(text.both(figure, told[name].estimate), []).append(name)
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
            if figure.kind is Kind.PRICE:
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


def _beats(figures: Sequence[Figure], cells: Sequence[Cell], one: str, other: str) -> bool:
    """Whether one is better than the other in some figure and worse in none, prices aside."""
    benefits = [place for place, figure in enumerate(figures) if figure.kind is Kind.BENEFIT]

    def somewhere(better: str, worse: str) -> bool:
        return any(
            better in cell.figures[place].worse_than
            for cell in cells
            if cell.setting == worse
            for place in benefits
        )

    return somewhere(one, other) and not somewhere(other, one)


def _list(found: Sequence[str]) -> str:
    if len(found) <= _MOST_NAMED:
        return together(found)
    return f"{', '.join(found[:_MOST_NAMED])} and {len(found) - _MOST_NAMED} more"
