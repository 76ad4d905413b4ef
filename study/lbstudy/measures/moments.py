"""Moments: the instants under load at which something was done to the servers, or on the way to them.

A moment is a scale command, a fault's beginning, or its lifting; each begins a phase, and a transition. A
fault may be on several servers, each from an instant of its own to another: it lasts from the first of its
beginnings to the last of its ends, or to the load's end. One that ends as it begins (a process is killed) is
one moment.
"""

from dataclasses import dataclass
from typing import Final

from lbstudy.observation.records import FaultPeriod, Lane

AT_ONCE: Final = 0.25
"""s: what is done closer to each other than this is done at once, as far as phases go."""


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A fault, from when to when it lasted."""

    label: str
    start: float
    end: float  # the load's end, at most
    servers: tuple[str, ...]  # those that it was on; empty: on no particular one

    @property
    def is_momentary(self) -> bool:
        """Whether it ended as it began."""
        return self.end - self.start < AT_ONCE


@dataclass(frozen=True, slots=True)
class Moment:
    """Something was done."""

    at: float
    label: str  # for people: "3 → 6 servers", "latency 200 ms on 1 server", "… lifted"


def fault_spans(lane: Lane) -> list[FaultSpan]:
    """The faults under load, in the order in which they began."""
    by_label: dict[str, list[FaultPeriod]] = {}
    for period in lane.faults:
        if period.began < lane.end:
            by_label.setdefault(period.label, []).append(period)
    return [
        FaultSpan(
            label=label,
            start=min(period.began for period in periods),
            end=min(lane.end, max(lane.end if one.lifted is None else one.lifted for one in periods)),
            servers=tuple(dict.fromkeys(one.server for one in periods if one.server in lane.servers)),
        )
        for label, periods in by_label.items()
    ]


def moments(lane: Lane) -> list[Moment]:
    """All moments under load, in order."""
    found = []
    servers = 0
    for command in lane.commands:
        if 0 < command.at < lane.end:
            label = (
                f"{command.manner}, {command.servers} servers"
                if command.manner
                else f"{servers} → {command.servers} servers"
            )
            found.append(Moment(command.at, label))
        servers = command.servers
    for fault in fault_spans(lane):
        found.append(Moment(fault.start, fault.label))
        if fault.end < lane.end and not fault.is_momentary:
            found.append(Moment(fault.end, f"{fault.label} lifted"))
    return sorted((moment for moment in found if moment.at > 0), key=lambda moment: moment.at)


def at_once(found: list[Moment]) -> list[Moment]:
    """The same, with those that were done at once as one that bears all of their labels."""
    merged: list[Moment] = []
    for moment in found:
        if merged and moment.at - merged[-1].at < AT_ONCE:
            merged[-1] = Moment(merged[-1].at, f"{merged[-1].label}; {moment.label}")
        else:
            merged.append(moment)
    return merged
