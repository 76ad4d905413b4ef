"""Measure 1, distribution: how evenly requests were spread among the servers.

It counts the RPCs that a server answered, whatever the code, by that server. A phase's figures are those of
its settled part (see ``phases``): how long it took to get there is measure 4. With xᵢ the requests of the n
servers of the Ready set, and N all answered requests of the settled part (servers outside the Ready set may
have answered some):

- share: xᵢ ÷ N, compared with the *fair share* 1 ÷ n.
- largest deviation: max |xᵢ ÷ N − 1 ÷ n| ÷ (1 ÷ n). 0 is even; 1 is a server that got nothing, or twice its
  fair share.
- Jain's index: (Σxᵢ)² ÷ (n Σxᵢ²) (Jain, Chiu, Hawe, DEC-TR-301, 1984). 1 is even, 1 ÷ n is one server only.
- χ² p: the probability that requests which go to the n servers at random, each equally likely, are spread at
  least so unevenly (Pearson). A small p means that it is not chance. round_robin is more even than chance, so
  p is close to 1 when it works. Not given for fewer than 5 expected requests a server, where the test is not
  valid, nor for one server.
- coverage: the share of the Ready set that answered at least one request.

If nobody reports who answered each RPC, the servers' own counts give the whole run, and there are no phases.
Single RPCs for which it is unknown enter no figure, and their number is given.
"""

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.delays import unseen
from lbstudy.measures.phases import settled
from lbstudy.observation.known import Unseen
from lbstudy.observation.records import UNKNOWN_SERVER, CountedTable, Lane
from lbstudy.result.model import Distribution, Phase, PhaseDistribution, ServerShare

Counts = NDArray[np.int64]


def distribution(lane: Lane, phases: list[Phase]) -> Distribution:
    """Return the requests of each server, in the whole run and in each phase's settled part."""
    rpcs = lane.rpcs
    if isinstance(lane.known.answers, Unseen):
        # Without spans only the servers' counts are left, and those have no times.
        return Distribution(
            total={
                tally.server: sum(tally.by_code.values())
                for tally in lane.server_tallies
                if tally.by_code is not None
            },
            phases=[],
            not_observed=unseen(lane.known.answers),
            unknown=len(rpcs),
        )
    counted = None if lane.watched is None else lane.watched.counted
    if counted is not None:
        return _of_counters(lane, counted, phases)
    total = _count(lane, rpcs.server)
    return Distribution(
        total={server: int(count) for server, count in zip(lane.servers, total, strict=True)},
        phases=[
            spread(
                lane,
                phase,
                _count(lane, rpcs.server[_rows(lane, settled(phase.start, phase.end), phase.end)]),
            )
            for phase in phases
        ],
        unknown=int(np.count_nonzero(rpcs.server == UNKNOWN_SERVER)),
    )


def _of_counters(lane: Lane, counted: CountedTable, phases: list[Phase]) -> Distribution:
    """What counters grew by counts where it was sampled, up to an interval of samples too late."""

    def within(start: float, end: float) -> Counts:
        rows = (counted.at >= start) & (counted.at < end)
        weights = counted.count[rows]
        counts = np.bincount(counted.server[rows], weights=weights, minlength=len(lane.servers))
        return counts.astype(np.int64)

    total = within(-np.inf, np.inf)
    return Distribution(
        total={server: int(count) for server, count in zip(lane.servers, total, strict=True)},
        phases=[spread(lane, phase, within(settled(phase.start, phase.end), phase.end)) for phase in phases],
    )


def jain(requests: Counts) -> float | None:
    """Return Jain's index; None without requests."""
    x = requests.astype(np.float64)
    squares = float(np.sum(x * x))
    return float(np.sum(x)) ** 2 / (len(x) * squares) if squares else None


def chi2_p(requests: Counts) -> float | None:
    """Return the χ² test's p against equal shares; None if the test is not valid."""
    if len(requests) < 2 or requests.sum() < 5 * len(requests):
        return None
    # Imported here: it takes longer than the measure itself. scipy.stats would take three times as long.
    from scipy.special import chdtrc  # noqa: PLC0415

    expected = requests.sum() / len(requests)
    return float(chdtrc(len(requests) - 1, np.sum((requests - expected) ** 2) / expected))


def spread(lane: Lane, phase: Phase, requests: Counts) -> PhaseDistribution:
    """Return how evenly each server's requests were spread among the Ready set."""
    total = int(requests.sum())
    is_ready = np.array([server in set(phase.ready) for server in lane.servers], dtype=bool)
    of_ready = requests[is_ready]
    fair = 1 / len(of_ready) if len(of_ready) else 0.0
    measurable = total > 0 and len(of_ready) > 0
    return PhaseDistribution(
        phase=phase.index,
        requests=total,
        fair_share=fair,
        servers=[
            ServerShare(
                server=lane.servers[i],
                requests=int(requests[i]),
                share=int(requests[i]) / total if total else 0.0,
                ready=bool(is_ready[i]),
            )
            for i in np.flatnonzero(is_ready | (requests > 0))
        ],
        largest_deviation=float(np.max(np.abs(of_ready / total - fair))) / fair if measurable else None,
        jain=jain(of_ready) if measurable else None,
        chi2_p=chi2_p(of_ready),
        coverage=float(np.mean(of_ready > 0)) if measurable else None,
    )


def _rows(lane: Lane, start: float, end: float) -> slice:
    """Return the RPCs sent from start until before end."""
    first, last = np.searchsorted(lane.rpcs.sent, [start, end])
    return slice(int(first), int(last))


def _count(lane: Lane, servers: NDArray[np.int32]) -> Counts:
    answered = servers[servers >= 0]
    return np.bincount(answered, minlength=len(lane.servers)).astype(np.int64)
