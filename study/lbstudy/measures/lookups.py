"""Compares resolver updates with the DNS server's log.

Each answered update must have its own lookup of A records, received during the update. A resolution may cause
more than one (a retry after a lost packet, a second one over TCP). A lookup that is left over is such a retry
if it falls into an update, and otherwise a resolution that was not seen. One that was under way when the
clients closed their channels is no update: gRPC drops it.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grpc_lb_instrumentor.records import Outcome

from lbstudy.observation.records import DnsLookup, Update

TOLERANCE: Final = 0.05
"""s by which the clocks of two processes on one machine may differ."""


@dataclass(frozen=True, slots=True)
class Match:
    """How updates and lookups match."""

    updates: int  # answered updates
    matched: int  # of these, updates with a lookup of their own
    repeated: int  # further lookups, within an update
    dropped: int  # lookups outside all updates that were under way when the clients ended
    unseen: int  # all other lookups outside all updates

    @property
    def made_up(self) -> int:
        """The number of updates without a lookup."""
        return self.updates - self.matched


def match_lookups(updates: Sequence[Update], lookups: Sequence[DnsLookup], closed: float = math.inf) -> Match:
    """Give each answered update the earliest free lookup that lies within it.

    Updates are matched in the order in which they ended, so that as many as possible find one.

    Args:
        updates: the resolver updates of all clients.
        lookups: the DNS server's log.
        closed: when the load was over and the clients had their last answers. They close their channels then,
            so a lookup may have been under way if it is not older than the longest update.
    """
    free = sorted(lookup.at for lookup in lookups if lookup.qtype == "A")
    answered = sorted(
        (update for update in updates if update.outcome != Outcome.TIMEOUT), key=lambda update: update.ended
    )
    matched = 0
    for update in answered:
        first = bisect_left(free, update.started - TOLERANCE)
        if first < len(free) and free[first] <= update.ended + TOLERANCE:
            del free[first]
            matched += 1
    outside = _outside(free, updates)
    longest = max((update.ended - update.started for update in updates), default=0.0)
    dropped = sum(at >= closed - longest - TOLERANCE for at in outside)
    return Match(len(answered), matched, len(free) - len(outside), dropped, len(outside) - dropped)


def _outside(lookups: Sequence[float], updates: Sequence[Update]) -> list[float]:
    """Return those of the sorted instants that fall into no update, sweeping from one update to the next."""
    starts = sorted((update.started, update.ended) for update in updates)
    running: list[float] = []  # ends of the updates that have started, sorted
    outside: list[float] = []
    following = 0
    for at in lookups:
        while following < len(starts) and starts[following][0] - TOLERANCE <= at:
            insort(running, starts[following][1])
            following += 1
        if not running or running[-1] + TOLERANCE < at:
            outside.append(at)
    return outside
