"""Faults: whom they affected, and whether the clients kept sending there.

``moments`` defines how long a fault lasts. A fault that ends as it begins (a process is killed) is watched
for the 5 s of a transition. Its RPCs are those that were *under way* meanwhile: due before its end, and not
ended before its beginning. They are divided by who answered them: servers that had the fault (*troubled*),
all others (*untouched*), and none. A fault without particular servers (of DNS, say) has no troubled ones.
*Before* are the RPCs that had ended before its beginning, and were due since the moment before it, or since
the load's start.

*Share* is the part of the requests that went to the servers in trouble in the second half of the fault, so
that a client has had time to react; it is shown beside the share before. A server's requests are its own RPC
spans that started then, in which each attempt of a retried RPC counts; or the RPCs due then that clients saw
it answer, if these are more. RPCs that nobody answered count for the servers in trouble: a server that hangs
sends no spans. There is no share for a fault that is momentary or without particular servers, nor for a time
in which no server got any request.

Latency counts from the instant at which an RPC was due, as in ``latency``, over all RPCs of a group,
including failed ones.
"""

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.codes import OK
from lbstudy.measures.delays import unseen
from lbstudy.measures.failures import untimed
from lbstudy.measures.latency import TRANSITION_WINDOW, due_at, exact_quantiles
from lbstudy.measures.moments import AT_ONCE, FaultSpan, fault_spans, moments
from lbstudy.measures.phases import settled
from lbstudy.observation.known import Seen, Unseen
from lbstudy.observation.records import NO_SERVER, Lane
from lbstudy.observation.streams import are_streams
from lbstudy.result.model import FaultEffects, Group

Rows = NDArray[np.bool_]


def faults(lane: Lane) -> list[FaultEffects]:
    """Return each fault with the RPCs that were under way while it lasted."""
    return [_fault(lane, span) for span in fault_spans(lane)]


def _fault(lane: Lane, span: FaultSpan) -> FaultEffects:
    until = min(lane.end, span.start + TRANSITION_WINDOW) if span.is_momentary else span.end
    since = max((moment.at for moment in moments(lane) if moment.at <= span.start - AT_ONCE), default=0.0)
    rpcs = lane.rpcs
    due = due_at(rpcs)
    meanwhile = (due < until) & (rpcs.ended >= span.start)
    before = (due >= since) & (rpcs.ended < span.start)
    on = [lane.servers.index(server) for server in span.servers]
    answered, is_troubled = rpcs.server >= 0, np.isin(rpcs.server, on)
    has_share = bool(on) and not span.is_momentary
    return FaultEffects(
        label=span.label,
        kind=span.kind,
        start=span.start,
        end=span.end,
        watched_until=until,
        servers=list(span.servers),
        troubled=_group(lane, meanwhile & is_troubled),
        untouched=_group(lane, meanwhile & answered & ~is_troubled),
        unanswered=_group(lane, meanwhile & (rpcs.server == NO_SERVER)),
        during=_group(lane, meanwhile),
        before=_group(lane, before),
        share=_share(lane, on, settled(span.start, until), until) if has_share else None,
        share_before=_share(lane, on, since, span.start) if has_share else None,
        not_observed=unseen(lane.known.answers) if isinstance(lane.known.answers, Unseen) else untimed(lane),
    )


def _group(lane: Lane, rows: Rows) -> Group:
    rpcs = lane.rpcs
    took = (rpcs.ended - due_at(rpcs))[rows & ~are_streams(rpcs, lane.streams)]
    p50, p99 = exact_quantiles(took if isinstance(lane.known.latency, Seen) else took[:0], (0.5, 0.99))
    servers = rpcs.server[rows]
    return Group(
        servers=len(np.unique(servers[servers >= 0])),
        requests=int(rows.sum()),
        failed=int((rpcs.code[rows] != OK).sum()),
        p50=p50,
        p99=p99,
    )


def _share(lane: Lane, on: list[int], start: float, end: float) -> float | None:
    """Return the part of the requests that went to the servers ``on``; None if no server got any."""
    rpcs, served = lane.rpcs, lane.served
    due = due_at(rpcs)
    answerer = rpcs.server[(due >= start) & (due < end)]
    reached = served.server[(served.started >= start) & (served.started < end)]
    if not len(reached) and not (answerer >= 0).any():
        return None  # nobody answered, so it is unknown whom clients waited for
    to = max(
        int(np.isin(reached, on).sum()),
        int(np.isin(answerer, [*on, NO_SERVER]).sum()),
    )
    others = max(
        int((~np.isin(reached, on)).sum()),
        int((~np.isin(answerer, [*on, NO_SERVER])).sum()),
    )
    return to / (to + others) if to + others else None
