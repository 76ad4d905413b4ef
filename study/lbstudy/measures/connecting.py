"""Connecting: how long clients take to connect, and how many connect at about the same time.

*Time to connect*: from a subchannel's CONNECTING to its READY, by channelz. It includes TCP's handshake,
TLS's if connections are encrypted, and HTTP/2's settings. All connections from the client's start until the
load's end count. A failed attempt has no such time; it is counted separately.

A *storm* is the largest number of connections, of all clients of the setting, that became READY within one
second under load.

The kernel's table of connections shows that a connection exists, but not when the attempt began. So without
our instrumentor in the client, the time is not observed.
"""

from typing import Final

import numpy as np
from grpc_lb_instrumentor.records import SubchannelState

from lbstudy.measures.delays import unseen
from lbstudy.measures.latency import exact_quantiles
from lbstudy.observation.known import INSTRUMENTED, Observer, Seen, Unseen
from lbstudy.observation.records import Lane
from lbstudy.result.model import Connecting, NotObserved

STORM: Final = 1.0
"""s within which connections count as made at the same time."""
_NO_TIMES: Final = NotObserved(
    why="the kernel shows that a connection is there, and not when it was tried", needs=INSTRUMENTED
)


def connecting(lane: Lane) -> Connecting:
    """Return the connections of a setting's clients."""
    part = lane.known.connections
    if isinstance(part, Unseen):
        return Connecting(not_observed=unseen(part))
    took, ready, failed = _attempts(lane)
    p50, p99, largest = exact_quantiles(np.array(took), (0.5, 0.99, 1.0))
    under_load = np.sort([at for at in ready if at >= 0])
    # How many begin within a second of each connection, including itself.
    within = np.searchsorted(under_load, under_load + STORM) - np.arange(len(under_load))
    first = int(np.argmax(within)) if len(within) else None
    return Connecting(
        count=len(ready),
        failed=failed,
        p50=p50,
        p99=p99,
        largest=largest,
        storm=0 if first is None else int(within[first]),
        storm_at=None if first is None else float(under_load[first]),
        not_observed=_NO_TIMES if isinstance(part, Seen) and part.by is Observer.KERNEL else None,
    )


def _attempts(lane: Lane) -> tuple[list[float], list[float], int]:
    """Return how long successful attempts took, when they succeeded, and how many attempts failed."""
    since: dict[tuple[int, int], float] = {}
    took, ready, failed = [], [], 0
    for transition in lane.transitions:
        key = transition.client, transition.subchannel
        if transition.at > lane.end:
            break
        if transition.state == SubchannelState.CONNECTING:
            since[key] = transition.at
        elif transition.state == SubchannelState.READY:
            ready.append(transition.at)
            if key in since:
                took.append(transition.at - since.pop(key))
        elif transition.state == SubchannelState.TRANSIENT_FAILURE:
            # Whatever came before it: the order of states with equal stamps is not always known.
            since.pop(key, None)
            failed += 1
    return took, ready, failed
