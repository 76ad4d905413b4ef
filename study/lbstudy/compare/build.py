"""Makes the comparison from finished runs: every figure of every cell, and the conclusions."""

from collections.abc import Mapping, Sequence
from typing import Final

from lbstudy.compare import words
from lbstudy.compare.interval import estimate, is_less
from lbstudy.compare.measured import figures, hidden, values
from lbstudy.compare.model import (
    Amount,
    Cell,
    ComparedScenario,
    Comparison,
    Estimate,
    Figure,
    Measured,
    RunOutcome,
    Standing,
)
from lbstudy.compare.plan import Plan, PlannedRun
from lbstudy.measures.attribution import summary as mean_waits
from lbstudy.result.model import Result, SettingResult, WaitSummary

_MATTERS: Final = 0.1
"""A difference of less than this part of the larger median is not reported, whatever the figure."""

Results = Mapping[str, Result]
"""A run's folder → its result."""


def build(
    plan: Plan, scenarios: Sequence[ComparedScenario], results: Results, failed: Mapping[str, str]
) -> Comparison:
    """Return the comparison of the finished runs.

    Args:
        plan: all runs.
        scenarios: the plan's scenarios.
        results: the results of the runs that have finished.
        failed: folder → why the run failed. A run in neither of the two was not made.
    """
    settings = {s.name: s for result in results.values() for s in result.settings}
    all_figures = figures(setting for result in results.values() for setting in result.settings)
    cells = [
        cell
        for scenario in plan.scenarios
        for cell in _standings(
            all_figures, [_cell(plan, n, scenario, all_figures, results, failed) for n in plan.settings]
        )
    ]
    compared = words.settings(plan, all_figures, cells, settings)
    said = words.verdict(plan, all_figures, cells, compared)
    provenance = next((result.provenance for result in results.values()), None)
    return Comparison(
        plan=plan,
        headline=said.headline,
        answers=said.answers,
        points=said.points,
        settings=compared,
        scenarios=list(scenarios),
        figures=all_figures,
        cells=cells,
        outcomes=[_outcome(run, results.get(run.folder), failed.get(run.folder)) for run in plan.runs],
        platform=provenance.platform if provenance else "",
        machine=provenance.machine if provenance else {},
        versions=provenance.versions if provenance else {},
    )


def _outcome(run: PlannedRun, result: Result | None, reason: str | None) -> RunOutcome:
    if result is None:
        return RunOutcome(run=run, state="not run" if reason is None else "failed", reason=reason or "")
    late = [s.latency.lateness_p99 for s in result.settings if s.latency.lateness_p99 is not None]
    return RunOutcome(
        run=run,
        state="done",
        ledger_closes=result.ledger_closes,
        unmet=[str(expectation) for expectation in result.expectations if not expectation.met],
        lateness_p99=max(late, default=None),
    )


def _cell(
    plan: Plan,
    setting: str,
    scenario: str,
    all_figures: Sequence[Figure],
    results: Results,
    failed: Mapping[str, str],
) -> Cell:
    planned = [run for run in plan.runs if run.scenario == scenario and setting in run.settings]
    done = {
        run.folder: next(s for s in results[run.folder].settings if s.name == setting)
        for run in planned
        if run.folder in results
    }
    per_run = {
        figure.key: {folder: values(figure, result) for folder, result in done.items()}
        for figure in all_figures
    }
    estimates = {
        key: estimate([value for amounts in runs.values() for value in amounts])
        for key, runs in per_run.items()
    }
    codes = [result.errors.client_by_code for result in done.values()]
    sent = sum(sum(code.values()) for code in codes)
    return Cell(
        setting=setting,
        scenario=scenario,
        runs=_typical_first(list(done), per_run.get("discovery", {}), estimates.get("discovery")),
        failed=[failed[run.folder] for run in planned if run.folder in failed],
        missing=sum(run.folder not in results and run.folder not in failed for run in planned),
        figures=[
            Measured(
                figure=figure.key,
                estimate=estimates[figure.key],
                not_observed=next(filter(None, (hidden(figure, result) for result in done.values())), None),
                standing=Standing.SAME,
                worse_than=[],
            )
            for figure in all_figures
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
    """Return the run whose time to discovery is nearest to the median first, then the others as made."""
    if typical is None or not any(values_of.values()):
        return folders
    first = min(
        (folder for folder in folders if values_of.get(folder)),
        key=lambda folder: min(abs(value.value - typical.median.value) for value in values_of[folder]),
    )
    return [first, *(folder for folder in folders if folder != first)]


def _standings(all_figures: Sequence[Figure], cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells of one scenario, with each figure compared with that of the other settings."""
    judged: dict[str, list[Measured]] = {cell.setting: [] for cell in cells}
    for place, figure in enumerate(all_figures):
        seen = {cell.setting: cell.figures[place] for cell in cells}
        own = {name: measured.estimate for name, measured in seen.items()}
        better = {name: [other for other in own if is_better(figure, own[other], own[name])] for name in own}
        beating = {other for others in better.values() for other in others}
        for name in own:
            standing = Standing.WORSE if better[name] else Standing.BEST if name in beating else Standing.SAME
            judged[name].append(
                seen[name].model_copy(update={"standing": standing, "worse_than": better[name]})
            )
    return [cell.model_copy(update={"figures": judged[cell.setting]}) for cell in cells]


def is_better(figure: Figure, first: Estimate | None, other: Estimate | None) -> bool:
    """Return whether one figure is shown to be less than the other, and by enough to be reported."""
    if first is None or other is None or not is_less(first, other):
        return False
    difference = other.median.value - first.median.value
    return difference >= max(figure.least, _MATTERS * other.median.value)
