"""Whether it is known when RPCs failed, and from whom.

A client's RPC spans show each failed RPC. The servers' spans do not: an RPC that reached no server has none.
They suffice only if the client program itself counted no more failures than they show.
"""

import numpy as np

from lbstudy.measures.codes import OK
from lbstudy.observation.known import Observer, Seen, Unseen
from lbstudy.observation.records import Lane
from lbstudy.result.model import NotObserved


def are_failures_timed(lane: Lane) -> bool:
    """Return whether each failed RPC's time is known."""
    return untimed(lane) is None


def untimed(lane: Lane) -> NotObserved | None:
    """Return why it is unknown when RPCs failed; None if it is known."""
    part = lane.known.rpcs
    if isinstance(part, Unseen):
        return NotObserved(why=part.why, needs=part.needs)
    if isinstance(part, Seen) and part.by is Observer.CLIENT_SPANS:
        return None
    seen = int(np.count_nonzero(lane.rpcs.code != OK))
    by_code = [tally.by_code for tally in lane.client_tallies]
    if by_code and sum(sum(codes.values()) - codes.get("OK", 0) for codes in by_code) == seen:
        return None
    return NotObserved(
        why="an RPC that reached no server is in no server’s spans",
        needs="OpenTelemetry’s gRPC instrumentation in the client",
    )
