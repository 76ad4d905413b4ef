"""The price of a setting: connections made, DNS queries, CPU, all during the load.

*Connections* are subchannels of the clients that became READY under load, so not those from before the load;
for a client without our instrumentor, those that the kernel shows. *DNS queries* are those in the DNS
server's own log, with each record type and each retry; a cluster's log cannot be read. Both are per client
and minute. *CPU per RPC* is what processes report of themselves (process.cpu.time, user and system, with
everything that they do) ÷ the RPCs sent. The time before a process's first export and after its last one is
unknown. Without samples there is no figure.
"""

from typing import Final

import numpy as np

from lbstudy.observation.known import Observer, Seen
from lbstudy.observation.records import Lane, UsageTable
from lbstudy.result.model import Price

_MINUTE: Final = 60.0


def price(lane: Lane) -> Price:
    """Return the setting's price."""
    connections = None
    if isinstance(lane.known.connections, Seen):
        connections = sum(
            transition.state == "ready" and 0 <= transition.at <= lane.end for transition in lane.transitions
        )
    queries = sum(0 <= lookup.at <= lane.end for lookup in lane.lookups) if lane.lookups_known else None
    minutes = lane.end * len(lane.clients) / _MINUTE
    sent = _sent(lane)
    return Price(
        connections=connections,
        connections_rate=connections / minutes if minutes and connections is not None else None,
        dns_queries=queries,
        dns_rate=queries / minutes if minutes and queries is not None else None,
        client_cpu=_per_rpc(lane.client_usage, lane.end, sent),
        server_cpu=_per_rpc(lane.usage, lane.end, sent),
    )


def _sent(lane: Lane) -> int:
    """Return the RPCs sent: by the client's spans, else by the program's count, else by the servers."""
    part = lane.known.rpcs
    if lane.client_tallies and not (isinstance(part, Seen) and part.by is Observer.CLIENT_SPANS):
        return sum(tally.sent for tally in lane.client_tallies)
    return int(np.count_nonzero((lane.rpcs.sent >= 0) & (lane.rpcs.sent <= lane.end)))


def _per_rpc(usage: UsageTable | None, end: float, sent: int) -> float | None:
    """Return CPU seconds ÷ RPCs, with each row's mean over the time since the same process's previous row."""
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
