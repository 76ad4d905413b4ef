"""What a setting costs: connections made, DNS queries, CPU, all of the load's time.

*Connections* are subchannels of the clients that became READY under load, so not those with which it began.
*DNS queries* are those that the DNS server's own log has, each record type and each retry; a cluster's has
none to be read. Both are given per client and minute. *CPU per RPC* is what processes report of themselves
(process.cpu.time, user and system; all that they do included) ÷ the RPCs sent; of a process's first export
nothing is known, and from its last one on. Without samples there is none.
"""

from typing import Final

import numpy as np

from lbstudy.observation.records import Lane, UsageTable
from lbstudy.result.model import Price

_MINUTE: Final = 60.0


def price(lane: Lane) -> Price:
    """The setting's price."""
    connections = sum(
        transition.state == "ready" and 0 <= transition.at <= lane.end for transition in lane.transitions
    )
    queries = sum(0 <= lookup.at <= lane.end for lookup in lane.lookups) if lane.lookups_known else None
    minutes = lane.end * len(lane.clients) / _MINUTE
    sent = int(np.count_nonzero((lane.rpcs.sent >= 0) & (lane.rpcs.sent <= lane.end)))
    return Price(
        connections=connections,
        connections_rate=connections / minutes if minutes else None,
        dns_queries=queries,
        dns_rate=queries / minutes if minutes and queries is not None else None,
        client_cpu=_per_rpc(lane.client_usage, lane.end, sent),
        server_cpu=_per_rpc(lane.usage, lane.end, sent),
    )


def _per_rpc(usage: UsageTable | None, end: float, sent: int) -> float | None:
    """CPU seconds ÷ RPCs: each row's mean over the time since the same process's row before it."""
    if usage is None or not sent:
        return None
    seconds, rows = 0.0, 0
    for process in np.unique(usage.server):
        own = usage.server == process
        at, cpu = usage.at[own], usage.cpu[own]
        known = (at[:-1] >= 0) & (at[1:] <= end) & ~np.isnan(cpu[1:])
        seconds += float(np.sum(np.diff(at)[known] * cpu[1:][known]))
        rows += int(known.sum())
    return seconds / sent if rows else None
