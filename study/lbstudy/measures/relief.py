"""Time to relief: from the first breach of a target until it holds again.

A target is met or missed in each second. It is *breached* from the first of 3 seconds in a row that miss it,
and *holds again* from the first of the next 3 seconds in a row that meet it: one slow second is not a breach,
and one good second is not a relief. Seconds in which nothing was observed end either row. The *time to
relief* is from the breach to when it holds again. It is censored if the load fell or ended first: then it was
not the servers that adjusted.

The latency target is met in a second if at least 95 % of the RPCs that were due in it were answered with OK
within the target. A utilisation target is met while the utilisation is at most target × (1 + tolerance), when
the autoscaler would add no server.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.codes import OK
from lbstudy.measures.delays import delay
from lbstudy.measures.latency import due_at
from lbstudy.observation.records import Lane
from lbstudy.observation.streams import are_streams
from lbstudy.result.model import Meanwhile, Relief

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

IN_A_ROW: Final = 3
"""Seconds in a row that make a breach, or a relief."""
IN_TIME: Final = 0.95
"""The share of a second's RPCs that must be in time."""
_HAIR: Final = 1e-9  # 0.6 × 1.1 is 0.6600000000000001


def relief(missed: Floats, target: float, watched_until: float) -> Relief:
    """Return the relief of a target.

    Args:
        missed: for each second of the load: 1 missed, 0 met, NaN not observed.
        target: the target, for the reader.
        watched_until: when watching ends, s since the load's start.
    """
    known = missed[~np.isnan(missed)]
    breach = _first(missed == 1, 0)
    if breach is None or breach >= watched_until:
        in_all = float(known.sum()) if len(known) else None
        return Relief(target=target, breach=None, relief=None, missed=in_all)
    held = _first(missed == 0, breach)
    at = None if held is None else float(held)
    return Relief(
        target=target,
        breach=float(breach),
        relief=delay(float(breach), at, watched_until),
        missed=float(known.sum()),
    )


def busier(utilization: Floats, target: float, tolerance: float) -> Floats:
    """Return whether each second missed a utilisation target."""
    most = target * (1 + tolerance) + _HAIR
    return np.where(np.isnan(utilization), np.nan, (utilization > most).astype(np.float64))


def is_in_time(lane: Lane, target: float) -> Flags:
    """Return whether each RPC was answered with OK within the target, from when due; streams: with OK."""
    rpcs = lane.rpcs
    is_soon = (rpcs.ended - due_at(rpcs) <= target) | are_streams(rpcs, lane.streams)
    in_time: Flags = (rpcs.code == OK) & is_soon
    return in_time


def later(lane: Lane, target: float) -> Floats:
    """Return whether each second missed the latency target; NaN if no RPC was due."""
    seconds = int(lane.end)
    due = due_at(lane.rpcs)
    under_load = (due >= 0) & (due < seconds)
    second = due[under_load].astype(np.int64)
    total = np.bincount(second, minlength=seconds)
    in_time = np.bincount(second[is_in_time(lane, target)[under_load]], minlength=seconds)
    share = np.divide(in_time, total, out=np.full(seconds, np.nan), where=total > 0)
    return np.where(np.isnan(share), np.nan, (share < IN_TIME).astype(np.float64))


def meanwhile(lane: Lane, latency_relief: Relief, watched_until: float) -> Meanwhile | None:
    """Return what became of RPCs due between the latency target's breach and relief; None if not breached."""
    if latency_relief.breach is None or latency_relief.relief is None:
        return None
    end = (
        watched_until
        if latency_relief.relief.seconds is None
        else latency_relief.breach + latency_relief.relief.seconds
    )
    due = due_at(lane.rpcs)
    rows = (due >= latency_relief.breach) & (due < end)
    failed = lane.rpcs.code[rows] != OK
    late = ~failed & ~is_in_time(lane, latency_relief.target)[rows]
    return Meanwhile(
        start=latency_relief.breach,
        end=end,
        requests=int(rows.sum()),
        failed=int(failed.sum()),
        late=int(late.sum()),
    )


def watched_until(lane: Lane) -> float:
    """Return when the load fell, or ended."""
    falls = math.inf if lane.aims is None or lane.aims.falls is None else lane.aims.falls
    return min(lane.end, falls)


def _first(seconds: Flags, start: int) -> int | None:
    """Return the first of ``IN_A_ROW`` true seconds in a row; None if there are none."""
    row = 0
    for number in range(start, len(seconds)):
        row = row + 1 if seconds[number] else 0
        if row == IN_A_ROW:
            return number - IN_A_ROW + 1
    return None
