"""Moments: the instants under load at which something was done to the servers, or on the way to them.

A moment is a scale command, or a fault's beginning or lifting; each begins a phase and a transition. A fault
may be on several servers, for different times: it lasts from the first of its beginnings to the last of its
ends, or to the load's end. A fault that ends as it begins (a process is killed) is one moment.
"""

from dataclasses import dataclass
from typing import Final

from lbstudy.observation.records import FaultPeriod, Lane

AT_ONCE: Final = 0.25
"""s: moments that are closer than this count as one, as far as phases are concerned."""


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A fault, and when it lasted."""

    label: str
    kind: str
    start: float
    end: float  # at most the load's end
    servers: tuple[str, ...]  # the servers that it was on; empty: no particular ones

    @property
    def is_momentary(self) -> bool:
        """Whether it ended as it began."""
        return self.end - self.start < AT_ONCE


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant at which something was done."""

    at: float
    label: str  # for people: "3 → 6 servers", "latency 200 ms on 1 server", "… lifted"


def fault_spans(lane: Lane) -> list[FaultSpan]:
    """Return the faults under load, in the order in which they began."""
    by_label: dict[str, list[FaultPeriod]] = {}
    for period in lane.faults:
        if period.began < lane.end:
            by_label.setdefault(period.label, []).append(period)
    return [
        FaultSpan(
            label=label,
            kind=periods[0].kind,
            start=min(period.began for period in periods),
            end=min(lane.end, max(lane.end if part.lifted is None else part.lifted for part in periods)),
            servers=tuple(dict.fromkeys(part.server for part in periods if part.server in lane.servers)),
        )
        for label, periods in by_label.items()
    ]


def moments(lane: Lane) -> list[Moment]:
    """Return all moments under load, in order."""
    all_moments = []
    servers = 0
    for command in lane.commands:
        if 0 < command.at < lane.end:
            label = (
                f"{command.manner}, {command.servers} servers"
                if command.manner
                else f"{servers} → {command.servers} servers"
            )
            all_moments.append(Moment(command.at, label))
        servers = command.servers
    for fault in fault_spans(lane):
        all_moments.append(Moment(fault.start, fault.label))
        if fault.end < lane.end and not fault.is_momentary:
            all_moments.append(Moment(fault.end, f"{fault.label} lifted"))
    return sorted((moment for moment in all_moments if moment.at > 0), key=lambda moment: moment.at)


def at_once(ordered: list[Moment]) -> list[Moment]:
    """Return the moments, with close ones joined to one that has all of their labels."""
    merged: list[Moment] = []
    for moment in ordered:
        if merged and moment.at - merged[-1].at < AT_ONCE:
            merged[-1] = Moment(merged[-1].at, f"{merged[-1].label}; {moment.label}")
        else:
            merged.append(moment)
    return merged
