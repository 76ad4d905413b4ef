"""Measure 1, distribution: how evenly requests were spread among the servers.

Counted are the RPCs that a server answered, whatever the code, by the server that answered. A phase's figures
are those of its settled part (see ``phases``): how long it took to get there is measure 4. With xᵢ the
requests of the n servers of the Ready set, and N all answered requests of the settled part (a server that is
not in the Ready set may have answered some):

- share: xᵢ ÷ N, against the *fair share* 1 ÷ n.
- largest deviation: max |xᵢ ÷ N − 1 ÷ n| ÷ (1 ÷ n). 0 is even; 1 is a server that got nothing, or twice its
  fair share.
- Jain's index: (Σxᵢ)² ÷ (n Σxᵢ²) (Jain, Chiu, Hawe, DEC-TR-301, 1984). 1 is even, 1 ÷ n is one server only.
- χ² p: the probability that requests that fall on the n servers at random, each equally likely, were spread
  at least so unevenly (Pearson; scipy.stats.chisquare). A small p says: not by chance. round_robin is more
  even than chance, so p is close to 1 when it works. Not given for fewer than 5 expected requests a server,
  where the test does not hold, nor for one server.
- coverage: the share of the Ready set that answered at least one request.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chisquare

from lbstudy.measures.phases import settled
from lbstudy.observation.records import NO_SERVER, Lane
from lbstudy.result.model import Distribution, Phase, PhaseDistribution, ServerShare

Counts = NDArray[np.int64]


def distribution(lane: Lane, phases: list[Phase]) -> Distribution:
    """Requests per server, in the whole run and in each phase's settled part."""
    rpcs = lane.rpcs
    total = _count(lane, rpcs.server)
    return Distribution(
        total={server: int(count) for server, count in zip(lane.servers, total, strict=True)},
        phases=[
            _phase(
                lane,
                phase,
                _count(lane, rpcs.server[_rows(lane, settled(phase.start, phase.end), phase.end)]),
            )
            for phase in phases
        ],
    )


def jain(requests: Counts) -> float | None:
    """Jain's index; None without requests."""
    x = requests.astype(np.float64)
    squares = float(np.sum(x * x))
    return float(np.sum(x)) ** 2 / (len(x) * squares) if squares else None


def chi2_p(requests: Counts) -> float | None:
    """The χ² test's p against equal shares; None where the test does not hold."""
    if len(requests) < 2 or requests.sum() < 5 * len(requests):
        return None
    return float(chisquare(requests).pvalue)


def _phase(lane: Lane, phase: Phase, requests: Counts) -> PhaseDistribution:
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
    """The RPCs sent from start until before end."""
    first, last = np.searchsorted(lane.rpcs.sent, [start, end])
    return slice(int(first), int(last))


def _count(lane: Lane, servers: NDArray[np.int32]) -> Counts:
    answered = servers[servers != NO_SERVER]
    return np.bincount(answered, minlength=len(lane.servers)).astype(np.int64)
