"""A fault as a trace, before it is one: from when to when it lasted, on which servers. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lbstudy.observation.records import FaultPeriod


@dataclass(frozen=True, slots=True)
class FaultTrace:
    """One fault. Instants are seconds since time zero."""

    label: str
    start: float
    end: float
    is_censored: bool  # it was not lifted everywhere; its end is the watching's then
    servers: tuple[tuple[str, float, float], ...]  # each server that it was on, from when to when


def fault_traces(periods: Iterable[FaultPeriod], watched_until: float) -> list[FaultTrace]:
    """One trace for each fault, in the order in which they began."""
    by_label: dict[str, list[FaultPeriod]] = {}
    for period in periods:
        by_label.setdefault(period.label, []).append(period)
    return [_trace(label, found, watched_until) for label, found in by_label.items()]


def _trace(label: str, periods: Sequence[FaultPeriod], watched_until: float) -> FaultTrace:
    ends = [max(one.began, watched_until) if one.lifted is None else one.lifted for one in periods]
    return FaultTrace(
        label=label,
        start=min(one.began for one in periods),
        end=max(ends),
        is_censored=any(one.lifted is None for one in periods),
        servers=tuple(
            (one.server, one.began, end)
            for one, end in zip(periods, ends, strict=True)
            if one.server is not None
        ),
    )
