"""Measure 2, latency: how long an RPC took, from the instant at which it was due.

*Latency* is the end of an RPC minus its scheduled instant, so a wait at the client counts, too (open loop; no
coordinated omission). It covers every RPC; for a failed one, it is the time until it failed. ``sent_*`` count
from the send instead. An RPC whose span does not say when it was due counts from its send.

Quantiles are exact: the smallest observed value such that at least the share q of all values is no larger.
*Transition* are the RPCs that were due within the window (5 s) after a moment under load: a scale command, or
a fault's beginning or lifting (see ``moments``); *steady* are all others. A server is *young* for 5 s from
the due instant of the first RPC that it answered, which shows what warming up costs, by server and for all
together. The histogram has ten bounds to a decade.

Offered and achieved rates are the client programs' own. *Lateness* is sent minus scheduled: if it is large,
the client was slow, not the servers.

Only a client knows how long an RPC took: without its RPC spans, latency is not observed, and is not guessed
from how long servers took. Streams are excluded, except in rates and lateness: how long a stream lives is not
a latency (see ``streams``).
"""

import math
from dataclasses import fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.codes import OK
from lbstudy.measures.delays import unseen
from lbstudy.measures.moments import moments
from lbstudy.observation.known import Observer, Seen, Unseen
from lbstudy.observation.records import Lane, RpcTable
from lbstudy.observation.streams import are_streams
from lbstudy.result.model import Histogram, Latency, NotObserved, Quantiles, ServerLatency, Young

Floats = NDArray[np.float64]

TRANSITION_WINDOW: Final = 5.0
"""s after a moment."""
YOUNG_WINDOW: Final = 5.0
"""s from when the first RPC was due that a server answered."""
PER_DECADE: Final = 10
"""Bounds of the histogram in each decade."""


def latency(lane: Lane, *, transition_window: float = TRANSITION_WINDOW) -> Latency:
    """Return the latency as a distribution, steady and in transition."""
    if isinstance(lane.known.latency, Unseen):
        return _unknown(lane, unseen(lane.known.latency), transition_window)
    rpcs = without_streams(lane)
    due = due_at(rpcs)
    from_due, from_send = rpcs.ended - due, rpcs.ended - rpcs.sent
    is_transition = np.zeros(len(rpcs), dtype=bool)
    for moment in moments(lane):
        is_transition |= (due >= moment.at) & (due < moment.at + transition_window)
    lateness = (lane.rpcs.sent - lane.rpcs.scheduled)[~np.isnan(lane.rpcs.scheduled)]
    late = exact_quantiles(lateness, (0.5, 0.99, 1.0))
    offered, achieved = _rates(lane)
    return Latency(
        all=_quantiles(from_due, from_send),
        steady=_quantiles(from_due[~is_transition], from_send[~is_transition]),
        transition=_quantiles(from_due[is_transition], from_send[is_transition]),
        transition_window=transition_window,
        servers=_by_server(lane, rpcs, from_due),
        young=_young_together(rpcs, due, from_due),
        histogram=histogram(from_due),
        offered_rate=offered,
        achieved_rate=achieved,
        lateness_p50=late[0],
        lateness_p99=late[1],
        lateness_max=late[2],
    )


def _unknown(lane: Lane, reason: NotObserved, transition_window: float) -> Latency:
    """Return only rates and lateness, which are the client program's own: only servers report its RPCs."""
    nothing = np.zeros(0)
    none = _quantiles(nothing, nothing)
    offered, achieved = _rates(lane)
    late = [(tally.lateness_p50, tally.lateness_p99, tally.lateness_max) for tally in lane.client_tallies]
    p50, p99, largest = map(max, zip(*late, strict=True)) if late else (None, None, None)
    return Latency(
        all=none,
        steady=none,
        transition=none,
        transition_window=transition_window,
        histogram=histogram(nothing),
        not_observed=reason,
        offered_rate=offered,
        achieved_rate=achieved,
        lateness_p50=p50,
        lateness_p99=p99,
        lateness_max=largest,
    )


def due_at(rpcs: RpcTable) -> Floats:
    """Return when each RPC was due; if its span does not say, when it was sent."""
    return np.where(np.isnan(rpcs.scheduled), rpcs.sent, rpcs.scheduled)


def exact_quantiles(values: Floats, quantiles: tuple[float, ...]) -> list[float | None]:
    """Return the observed values at the given shares; None for each if there are no values."""
    if not len(values):
        return [None] * len(quantiles)
    return [float(value) for value in np.quantile(values, quantiles, method="inverted_cdf")]


def histogram(values: Floats) -> Histogram:
    """Return counts between logarithmic bounds that hold all values; those below 1 µs count as 1 µs."""
    if not len(values):
        return Histogram(bounds=[], counts=[])
    held = np.maximum(values, 1e-6)
    low = math.floor(math.log10(float(held.min())) * PER_DECADE)
    high = max(math.ceil(math.log10(float(held.max())) * PER_DECADE), low + 1)
    bounds = np.power(10.0, np.arange(low, high + 1) / PER_DECADE)
    bucket = np.clip(np.searchsorted(bounds, held, side="right") - 1, 0, len(bounds) - 2)
    return Histogram(
        bounds=[float(bound) for bound in bounds],
        counts=[int(count) for count in np.bincount(bucket, minlength=len(bounds) - 1)],
    )


def without_streams(lane: Lane) -> RpcTable:
    """Return the RPCs with one answer: a stream's life is not a latency, nor is what a server needed."""
    silent = () if lane.watched is None else [c for c, heard in lane.watched.heard.items() if heard is None]
    if not len(lane.streams) and not silent:
        return lane.rpcs
    kept = ~are_streams(lane.rpcs, lane.streams) & ~np.isin(lane.rpcs.client, silent)
    return RpcTable(**{field.name: getattr(lane.rpcs, field.name)[kept] for field in fields(RpcTable)})


def _by_server(lane: Lane, rpcs: RpcTable, from_due: Floats) -> list[ServerLatency]:
    """Return the latency of each server that answered any RPC."""
    by_server = []
    for index, server in enumerate(lane.servers):
        rows = rpcs.server == index
        if rows.any():
            p50, p99 = exact_quantiles(from_due[rows], (0.5, 0.99))
            due = due_at(rpcs)[rows]
            young = _young(due < due.min() + YOUNG_WINDOW, from_due[rows])
            failed = int((rpcs.code[rows] != OK).sum())
            by_server.append(
                ServerLatency(
                    server=server, requests=int(rows.sum()), failed=failed, p50=p50, p99=p99, young=young
                )
            )
    return by_server


def _young_together(rpcs: RpcTable, due: Floats, from_due: Floats) -> Young | None:
    """Return the same for all servers together, each with its own first seconds."""
    answered = rpcs.server >= 0
    if not answered.any():
        return None
    server, due = rpcs.server[answered], due[answered]
    first = np.full(int(server.max()) + 1, np.inf)
    np.minimum.at(first, server, due)
    return _young(due < first[server] + YOUNG_WINDOW, from_due[answered])


def _young(is_young: NDArray[np.bool_], from_due: Floats) -> Young:
    """Return the RPCs of servers' first seconds, and all later ones, separately."""
    p50, p99 = exact_quantiles(from_due[is_young], (0.5, 0.99))
    later_p50, later_p99 = exact_quantiles(from_due[~is_young], (0.5, 0.99))
    return Young(requests=int(is_young.sum()), p50=p50, p99=p99, later_p50=later_p50, later_p99=later_p99)


def _quantiles(from_due: Floats, from_send: Floats) -> Quantiles:
    p50, p90, p99, largest = exact_quantiles(from_due, (0.5, 0.9, 0.99, 1.0))
    sent_p50, sent_p99 = exact_quantiles(from_send, (0.5, 0.99))
    return Quantiles(
        count=len(from_due),
        p50=p50,
        p90=p90,
        p99=p99,
        largest=largest,
        sent_p50=sent_p50,
        sent_p99=sent_p99,
    )


def _rates(lane: Lane) -> tuple[float | None, float | None]:
    """Return the offered and achieved RPC/s: the programs' own; without them, from the client's spans."""
    if lane.client_tallies:
        return (
            sum(tally.offered_rate for tally in lane.client_tallies),
            sum(tally.achieved_rate for tally in lane.client_tallies),
        )
    if not (isinstance(lane.known.rpcs, Seen) and lane.known.rpcs.by is Observer.CLIENT_SPANS):
        return None, None
    rate = len(lane.rpcs) / lane.end if lane.end > 0 else 0.0
    return rate, rate
