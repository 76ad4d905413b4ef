"""Measure 2, latency: how long an RPC took, counted from the instant at which it was due.

*Latency* is the end of an RPC minus its scheduled instant, so that a request that waited for its turn at the
client counts the wait (open loop; no coordinated omission). It is that of every RPC, failed ones included,
with the time until they failed. ``sent_*`` count from the send instead. An RPC whose span does not tell when
it was due counts from its send.

Quantiles are exact: the smallest observed value such that at least the share q of all values is no larger.
*Transition* are the RPCs that were due within the window (5 s) from a moment under load: a scale command, a
fault's beginning or its lifting (see ``moments``); *steady* are all others. The histogram's bounds are ten
to a decade.

Offered and achieved rates are what the client programs say; *lateness* is sent minus scheduled: when it is
large, it is the client that was slow, not the servers.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.codes import OK
from lbstudy.measures.moments import moments
from lbstudy.observation.records import Lane, RpcTable
from lbstudy.result.model import Histogram, Latency, Quantiles, ServerLatency

Floats = NDArray[np.float64]

TRANSITION_WINDOW: Final = 5.0
"""s, from a moment."""
PER_DECADE: Final = 10
"""Bounds of the histogram in each decade."""


def latency(lane: Lane, *, transition_window: float = TRANSITION_WINDOW) -> Latency:
    """Latency as a distribution, steady against transition."""
    rpcs = lane.rpcs
    due = due_at(rpcs)
    from_due, from_send = rpcs.ended - due, rpcs.ended - rpcs.sent
    is_transition = np.zeros(len(rpcs), dtype=bool)
    for moment in moments(lane):
        is_transition |= (due >= moment.at) & (due < moment.at + transition_window)
    lateness = (rpcs.sent - rpcs.scheduled)[~np.isnan(rpcs.scheduled)]
    late = exact_quantiles(lateness, (0.5, 0.99, 1.0))
    offered, achieved = _rates(lane)
    return Latency(
        all=_quantiles(from_due, from_send),
        steady=_quantiles(from_due[~is_transition], from_send[~is_transition]),
        transition=_quantiles(from_due[is_transition], from_send[is_transition]),
        transition_window=transition_window,
        servers=_by_server(lane, from_due),
        histogram=histogram(from_due),
        offered_rate=offered,
        achieved_rate=achieved,
        lateness_p50=late[0],
        lateness_p99=late[1],
        lateness_max=late[2],
    )


def due_at(rpcs: RpcTable) -> Floats:
    """When each RPC was due; where its span does not tell, when it was sent."""
    return np.where(np.isnan(rpcs.scheduled), rpcs.sent, rpcs.scheduled)


def exact_quantiles(values: Floats, quantiles: tuple[float, ...]) -> list[float | None]:
    """Observed values at the given shares; None for each when there are no values."""
    if not len(values):
        return [None] * len(quantiles)
    return [float(value) for value in np.quantile(values, quantiles, method="inverted_cdf")]


def histogram(values: Floats) -> Histogram:
    """Counts between logarithmic bounds that hold all values; those below 1 µs count as 1 µs."""
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


def _by_server(lane: Lane, from_due: Floats) -> list[ServerLatency]:
    """Those of each server that answered any RPC."""
    found = []
    for index, server in enumerate(lane.servers):
        rows = lane.rpcs.server == index
        if rows.any():
            p50, p99 = exact_quantiles(from_due[rows], (0.5, 0.99))
            failed = int((lane.rpcs.code[rows] != OK).sum())
            found.append(
                ServerLatency(server=server, requests=int(rows.sum()), failed=failed, p50=p50, p99=p99)
            )
    return found


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


def _rates(lane: Lane) -> tuple[float, float]:
    """Offered and achieved RPC/s: the programs' own; without them, what the spans can tell."""
    if lane.client_tallies:
        return (
            sum(tally.offered_rate for tally in lane.client_tallies),
            sum(tally.achieved_rate for tally in lane.client_tallies),
        )
    rate = len(lane.rpcs) / lane.end if lane.end > 0 else 0.0
    return rate, rate
