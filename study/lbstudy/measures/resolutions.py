"""Resolutions: how long a client's look-ups took, what they asked, and which record type got no answer.

*Took* is from the first query to the result, by the DNS tap. gRPC asks for A and for AAAA records, each with
every name that the search list makes until one is found, and waits for both. So a record type whose answers
are lost holds back the other one's addresses until the resolver gives it up; such a look-up *missed* that
type. All look-ups count from the client's start to the load's end.

The DNS server's log does not show when a client had its answers: without our instrumentor in the client
nothing of this is observed.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from grpc_lb_instrumentor.records import Outcome

from lbstudy.measures.delays import unseen
from lbstudy.measures.latency import exact_quantiles
from lbstudy.observation.known import INSTRUMENTED, Unseen
from lbstudy.observation.records import Lane, Update
from lbstudy.result.model import MissedFamily, NotObserved, Resolutions

_LOG_ONLY: Final = NotObserved(
    why="the DNS server's log shows what was asked, and not when the client had its answers",
    needs=INSTRUMENTED,
)


def resolutions(lane: Lane) -> Resolutions | None:
    """The look-ups of a setting's clients; None where clients look up nothing."""
    if isinstance(lane.known.updates, Unseen):
        return Resolutions(not_observed=unseen(lane.known.updates))
    begun = [update for update in lane.updates if update.started <= lane.end]
    with_families = [update for update in begun if update.families]
    if not with_families:
        asked = any(update.outcome in set(Outcome) for update in begun) and lane.lookups
        return Resolutions(not_observed=_LOG_ONLY) if asked else None
    complete = [update for update in with_families if not update.missing]
    p50, largest = _times(complete)
    by_family: dict[str, list[Update]] = defaultdict(list)
    for update in with_families:
        for family in update.missing:
            by_family[family].append(update)
    return Resolutions(
        count=len(with_families),
        families=sorted({family for update in with_families for family in update.families}),
        questions=float(np.mean([update.questions or 0 for update in with_families])),
        complete=len(complete),
        p50=p50,
        largest=largest,
        missed=[_missed(family, updates) for family, updates in sorted(by_family.items())],
    )


def _missed(family: str, updates: Sequence[Update]) -> MissedFamily:
    p50, largest = _times(updates)
    return MissedFamily(family=family, count=len(updates), p50=p50, largest=largest)


def _times(updates: Sequence[Update]) -> tuple[float | None, float | None]:
    p50, largest = exact_quantiles(
        np.array([update.ended - update.started for update in updates]), (0.5, 1.0)
    )
    return p50, largest
