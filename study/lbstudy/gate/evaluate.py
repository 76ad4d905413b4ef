"""Whether a clause held in one run of a setting: yes, no, or not observed.

If a new server's clients were watched for the time that the clause allows, it is known what they did not do
in that time; if they were watched for less, it is not observed. Lost requests are those of
``compare.measured``: they ended with an error between a change, or the beginning of a fault, and the next
one. Each change counts by itself, and the worst one decides.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lbstudy.compare import measured
from lbstudy.compare.measured import FAILED
from lbstudy.config.clause_scenario import FAULT_OF
from lbstudy.config.requirement import (
    AnyClause,
    Connections,
    DnsQueries,
    MeasureClause,
    NewServer,
    RemovedServer,
    RollingUpdate,
)
from lbstudy.result.expectations import MEASURES, Value, is_met
from lbstudy.result.model import NOT_OBSERVED, ClientView, Delay, NotObserved, SettingResult


@dataclass(frozen=True, slots=True)
class Found:
    """What a run showed of a clause."""

    held: bool | None  # None: not observed
    words: str  # the figure, or why it is unknown


def evaluate(clause: AnyClause, result: SettingResult) -> Found:
    """Judge a clause by one run of a setting."""
    if isinstance(clause, NewServer):
        return _new_server(clause, result)
    if isinstance(clause, Connections | DnsQueries):
        return _cost(clause, result)
    if isinstance(clause, MeasureClause):
        return _measure(clause, result)
    return _lost(clause, result)


def late_views(clause: NewServer, result: SettingResult) -> list[tuple[str, float, ClientView]]:
    """Return each client that did not call a new server in time: the server, its Ready, the client's view."""
    return [
        (added.server, added.ready, view)
        for added in result.adaptability.added
        if added.ready is not None
        for view in added.clients
        if view.discovery is not None and _is_late(view.discovery, clause.within)
    ]


def _is_late(delay: Delay, within: float) -> bool:
    if delay.not_observed is not None:
        return False
    known = delay.seconds if delay.seconds is not None else delay.censored_after
    return known is not None and known > within


def _new_server(clause: NewServer, result: SettingResult) -> Found:
    added = result.adaptability.added
    views = [view for server in added if server.ready is not None for view in server.clients]
    if not views:
        return Found(None, f"{NOT_OBSERVED}: no server was added that became Ready")
    if late := late_views(clause, result):
        return Found(False, f"{len(late)} of {len(views)} came later, the last after {_longest(late)}")
    delays = [view.discovery for view in views if view.discovery is not None]
    hidden = next((delay.not_observed for delay in delays if delay.not_observed is not None), None)
    if hidden is not None or not delays:
        why = hidden.why if hidden else "nobody told when servers answered"
        return Found(None, f"{NOT_OBSERVED}: {why}")
    if any(delay.seconds is None for delay in delays):
        return Found(None, f"{NOT_OBSERVED}: a new server was watched for less than {clause.within:g} s")
    return Found(True, f"all {len(delays)} within {max(delay.seconds or 0.0 for delay in delays):.2g} s")


def _longest(late: list[tuple[str, float, ClientView]]) -> Delay:
    delays = [view.discovery for _, _, view in late if view.discovery is not None]
    return max(
        delays,
        key=lambda delay: (
            delay.seconds is None,
            delay.seconds if delay.seconds is not None else delay.censored_after or 0.0,
        ),
    )


def _lost(clause: AnyClause, result: SettingResult) -> Found:
    figures = {figure.key.removeprefix(FAILED): figure for figure in measured.figures([result])
               if figure.key.startswith(FAILED)}  # fmt: skip
    names = [name for name in _causes(clause, result) if name in figures]
    if not names:
        return Found(None, f"{NOT_OBSERVED}: it did not happen in this run")
    for name in names:
        if (hidden := measured.hidden(figures[name], result)) is not None:
            return Found(None, f"{NOT_OBSERVED}: {hidden.why}")
    lost = max(
        (amount.value for name in names for amount in measured.values(figures[name], result)), default=0.0
    )
    most: int = getattr(clause, "lost_at_most", 0)
    return Found(lost <= most, f"{lost:.0f} requests lost")


def _causes(clause: AnyClause, result: SettingResult) -> list[str]:
    """Return the names that ``compare.measured`` gives to the changes that a clause is about."""
    if isinstance(clause, RemovedServer):
        return ["removed"]
    if isinstance(clause, RollingUpdate):
        return ["replaced"]
    return [fault.label for fault in result.faults if fault.kind == FAULT_OF[type(clause)]]


def _cost(clause: Connections | DnsQueries, result: SettingResult) -> Found:
    key, what = (
        ("connections", "new connections") if isinstance(clause, Connections) else ("dns", "DNS queries")
    )
    figure = next(candidate for candidate in measured.figures([result]) if candidate.key == key)
    amounts = measured.values(figure, result)
    if not amounts:
        hidden = measured.hidden(figure, result)
        return Found(None, f"{NOT_OBSERVED}: {hidden.why if hidden else 'nobody counted them'}")
    return Found(amounts[0].value <= clause.at_most, f"{amounts[0].value:.1f} {what} a minute")


def _measure(clause: MeasureClause, result: SettingResult) -> Found:
    measure = MEASURES[clause.measure]
    read: Callable[[SettingResult], Value] = measure.read
    value = read(result)
    if isinstance(value, Delay) and value.not_observed is not None:
        value = value.not_observed
    if isinstance(value, NotObserved):
        return Found(None, f"{NOT_OBSERVED}: {value.why}")
    if value is None:
        return Found(None, f"{NOT_OBSERVED}: there was nothing to measure")
    unit = f" {measure.unit}" if measure.unit else ""
    words = str(value) if isinstance(value, Delay) else f"{value:.4g}{unit}"
    return Found(is_met(value, clause.at_least, clause.at_most), words)
