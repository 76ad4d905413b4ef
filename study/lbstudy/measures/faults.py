"""Faults: what was made to go wrong, and who felt it.

A fault may be on several servers, each from an instant of its own to another; it lasts from the first of its
beginnings to the last of its ends, or to the load's end. The RPCs that were *due* meanwhile are told apart
by who answered them: servers that the fault was on (*troubled*), all others (*untouched*), and none. A fault
that was on no particular server (on DNS, say) has no troubled ones.

Latency counts from the instant at which an RPC was due, as in ``latency``, and is that of all RPCs of a
group, failed ones included.
"""

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.codes import OK
from lbstudy.measures.latency import due_at, exact_quantiles
from lbstudy.observation.records import NO_SERVER, FaultPeriod, Lane
from lbstudy.result.model import Fault, Group


def faults(lane: Lane) -> list[Fault]:
    """Each fault with the RPCs that were due while it lasted."""
    by_label: dict[str, list[FaultPeriod]] = {}
    for period in lane.faults:
        if period.began < lane.end:
            by_label.setdefault(period.label, []).append(period)
    return [_fault(lane, label, periods) for label, periods in by_label.items()]


def _fault(lane: Lane, label: str, periods: list[FaultPeriod]) -> Fault:
    start = min(period.began for period in periods)
    end = min(lane.end, max(lane.end if one.lifted is None else one.lifted for one in periods))
    on = list(dict.fromkeys(one.server for one in periods if one.server in lane.servers))
    rpcs = lane.rpcs
    due = due_at(rpcs)
    meanwhile = (due >= start) & (due < end)
    answered = rpcs.server != NO_SERVER
    is_troubled = np.isin(rpcs.server, [lane.servers.index(server) for server in on])
    return Fault(
        label=label,
        start=start,
        end=end,
        servers=on,
        troubled=_group(lane, meanwhile & is_troubled),
        untouched=_group(lane, meanwhile & answered & ~is_troubled),
        unanswered=_group(lane, meanwhile & ~answered),
    )


def _group(lane: Lane, rows: NDArray[np.bool_]) -> Group:
    rpcs = lane.rpcs
    p50, p99 = exact_quantiles((rpcs.ended - due_at(rpcs))[rows], (0.5, 0.99))
    servers = rpcs.server[rows]
    return Group(
        servers=len(np.unique(servers[servers != NO_SERVER])),
        requests=int(rows.sum()),
        failed=int((rpcs.code[rows] != OK).sum()),
        p50=p50,
        p99=p99,
    )
