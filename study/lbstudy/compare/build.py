"""From finished runs to the comparison: every figure of every cell, and what follows from it."""

from collections.abc import Mapping, Sequence
from typing import Final

from lbstudy.compare import words
from lbstudy.compare.interval import estimate, is_less
from lbstudy.compare.measured import figures, values
from lbstudy.compare.model import (
    Amount,
    Cell,
    ComparedScenario,
    Comparison,
    Estimate,
    Figure,
    Measured,
    Outcome,
    Standing,
)
from lbstudy.compare.plan import Plan, PlannedRun
from lbstudy.measures.attribution import summary as mean_waits
from lbstudy.result.model import Result, SettingResult, WaitSummary

_MATTERS: Final = 0.1
"""A difference of a smaller part of the larger median is not worth telling, whatever the figure."""

Results = Mapping[str, Result]
"""A run's folder → its result."""


def build(
    plan: Plan, scenarios: Sequence[ComparedScenario], results: Results, failed: Mapping[str, str]
) -> Comparison:
    """The comparison of the runs that there are.

    Args:
        plan: all runs.
        scenarios: those of the plan.
        results: of the runs that have finished.
        failed: why the others did not, by folder; what is in neither was not run.
    """
    settings = {s.name: s for result in results.values() for s in result.settings}
    found = figures(setting for result in results.values() for setting in result.settings)
    cells = [
        cell
        for scenario in plan.scenarios
        for cell in _standings(
            found, [_cell(plan, n, scenario, found, results, failed) for n in plan.settings]
        )
    ]
    compared = words.settings(plan, found, cells, settings)
    said = words.verdict(plan, found, cells, compared)
    provenance = next((result.provenance for result in results.values()), None)
    return Comparison(
        plan=plan,
        headline=said.headline,
        answers=said.answers,
        points=said.points,
        settings=compared,
        scenarios=list(scenarios),
        figures=found,
        cells=cells,
        outcomes=[_outcome(run, results.get(run.folder), failed.get(run.folder)) for run in plan.runs],
        platform=provenance.platform if provenance else "",
        machine=provenance.machine if provenance else {},
        versions=provenance.versions if provenance else {},
    )


def _outcome(run: PlannedRun, result: Result | None, reason: str | None) -> Outcome:
    if result is None:
        return Outcome(run=run, state="not run" if reason is None else "failed", reason=reason or "")
    late = [s.latency.lateness_p99 for s in result.settings if s.latency.lateness_p99 is not None]
    return Outcome(
        run=run,
        state="done",
        ledger_closes=result.ledger_closes,
        unmet=[
            f"{e.setting}: {e.measure} {e.expected}, found {e.found}"
            for e in result.expectations
            if not e.met
        ],
        lateness_p99=max(late, default=None),
    )


def _cell(
    plan: Plan,
    setting: str,
    scenario: str,
    found: Sequence[Figure],
    results: Results,
    failed: Mapping[str, str],
) -> Cell:
    planned = [run for run in plan.runs if run.scenario == scenario and setting in run.settings]
    done = {
        run.folder: next(s for s in results[run.folder].settings if s.name == setting)
        for run in planned
        if run.folder in results
    }
    per_run = {figure.key: {folder: values(figure, one) for folder, one in done.items()} for figure in found}
    estimates = {
        key: estimate([value for amounts in runs.values() for value in amounts])
        for key, runs in per_run.items()
    }
    codes = [one.errors.client_by_code for one in done.values()]
    sent = sum(sum(code.values()) for code in codes)
    return Cell(
        setting=setting,
        scenario=scenario,
        runs=_typical_first(list(done), per_run.get("discovery", {}), estimates.get("discovery")),
        failed=[failed[run.folder] for run in planned if run.folder in failed],
        missing=sum(run.folder not in results and run.folder not in failed for run in planned),
        figures=[
            Measured(figure=key, estimate=one, standing=Standing.SAME, worse_than=[])
            for key, one in estimates.items()
        ],
        rpcs=sent,
        rpcs_failed=sent - sum(code.get("OK", 0) for code in codes),
        waits=_waits(list(done.values())),
    )


def _waits(runs: Sequence[SettingResult]) -> WaitSummary | None:
    return mean_waits(
        [
            (added.ready, view)
            for run in runs
            for added in run.adaptability.added
            if added.ready is not None
            for view in added.clients
        ]
    )


def _typical_first(
    folders: list[str], values_of: Mapping[str, Sequence[Amount]], typical: Estimate | None
) -> list[str]:
    """The run whose time to discovery is nearest to the median comes first; the others as they were made."""
    if typical is None or not any(values_of.values()):
        return folders
    first = min(
        (folder for folder in folders if values_of.get(folder)),
        key=lambda folder: min(abs(value.value - typical.median.value) for value in values_of[folder]),
    )
    return [first, *(folder for folder in folders if folder != first)]


def _standings(found: Sequence[Figure], cells: Sequence[Cell]) -> list[Cell]:
    """The cells of one scenario, each figure held against that of the other settings."""
    judged: dict[str, list[Measured]] = {cell.setting: [] for cell in cells}
    for place, figure in enumerate(found):
        own = {cell.setting: cell.figures[place].estimate for cell in cells}
        better = {name: [other for other in own if is_better(figure, own[other], own[name])] for name in own}
        beating = {other for others in better.values() for other in others}
        for name, estimated in own.items():
            standing = Standing.WORSE if better[name] else Standing.BEST if name in beating else Standing.SAME
            judged[name].append(
                Measured(figure=figure.key, estimate=estimated, standing=standing, worse_than=better[name])
            )
    return [cell.model_copy(update={"figures": judged[cell.setting]}) for cell in cells]


def is_better(figure: Figure, one: Estimate | None, other: Estimate | None) -> bool:
    """Whether one is shown to be less than the other, and by enough to be worth telling."""
    if one is None or other is None or not is_less(one, other):
        return False
    difference = other.median.value - one.median.value
    return difference >= max(figure.least, _MATTERS * other.median.value)
