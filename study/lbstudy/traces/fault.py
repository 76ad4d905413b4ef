"""Prepares the trace of a fault: when it lasted, and on which servers. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lbstudy.observation.records import FaultPeriod


@dataclass(frozen=True, slots=True)
class FaultTrace:
    """One fault. Instants are seconds since time zero."""

    label: str
    start: float
    end: float
    is_censored: bool  # it was not lifted everywhere, so its end is that of the watching
    servers: tuple[tuple[str, float, float], ...]  # each server that it was on, and when


def fault_traces(periods: Iterable[FaultPeriod], watched_until: float) -> list[FaultTrace]:
    """Return one trace for each fault, in the order in which they began."""
    by_label: dict[str, list[FaultPeriod]] = {}
    for period in periods:
        by_label.setdefault(period.label, []).append(period)
    return [_trace(label, label_periods, watched_until) for label, label_periods in by_label.items()]


def _trace(label: str, periods: Sequence[FaultPeriod], watched_until: float) -> FaultTrace:
    ends = [
        max(period.began, watched_until) if period.lifted is None else period.lifted for period in periods
    ]
    return FaultTrace(
        label=label,
        start=min(period.began for period in periods),
        end=max(ends),
        is_censored=any(period.lifted is None for period in periods),
        servers=tuple(
            (period.server, period.began, end)
            for period, end in zip(periods, ends, strict=True)
            if period.server is not None
        ),
    )
