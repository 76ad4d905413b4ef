"""Who answered an RPC, from everything that spans show. No I/O.

In this order: the pod's name on the client's span, which our instrumentor writes there; the server's span
whose parent is the client's (W3C trace context, in any language); the peer's address on the client's span.

A server's span shows that an RPC arrived, not that the client got the answer. It counts if the RPC ended with
OK, or if both sides have the same code. The client itself makes CANCELLED and DEADLINE_EXCEEDED, so an RPC
that its client gave up counts for the server whose span began while the client waited, and was given up
there, too. The span of a server that was stopped, and finds the RPC when it continues, begins too late.

A peer's address shows whom the client called: it counts with the codes that no client makes itself. Without
any of these, it is unknown who answered an RPC that ended with OK. One that failed was answered by nobody if
the servers report others, and otherwise that is unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.observation.known import Observer
from lbstudy.observation.records import NO_SERVER, UNKNOWN_SERVER

NONE: Final = -1
"""In a column: the span does not say."""
_OK: Final = 0
_CLIENTS_OWN: Final = (1, 4)  # CANCELLED, DEADLINE_EXCEEDED: a server's span may have the same
_MADE_BY_CLIENTS: Final = (1, 4, 14)  # these and UNAVAILABLE: the peer need not have sent anything


@dataclass(frozen=True, slots=True)
class Clues:
    """What spans show of each RPC; indexes are those of ``Lane.servers``, or NONE."""

    code: NDArray[np.int16]
    named: NDArray[np.int32]  # the pod's name on the client's span
    # the server span that is the child of the client's; the last one of several attempts
    joined: NDArray[np.int32]
    joined_code: NDArray[np.int16]  # that span's code
    # the same, for spans that began while the client waited, and were given up, too
    worked: NDArray[np.int32]
    peer: NDArray[np.int32]  # the server with the peer's address
    answered: NDArray[np.int8]  # by our instrumentor: 1 a server answered, 0 none did


@dataclass(frozen=True, slots=True)
class Answers:
    """Who answered each RPC, and from whom that is known."""

    server: NDArray[np.int32]
    by: Mapping[Observer, int]  # observer → RPCs, the most first
    unknown: int


def who_answered(clues: Clues) -> Answers:
    """Decide for each RPC."""
    code = clues.code
    is_named = clues.named >= 0
    agrees = (clues.joined_code == code) | (clues.joined_code == NONE)
    may_join = (code == _OK) | (agrees & ~np.isin(code, _CLIENTS_OWN))
    arrived = ~is_named & (clues.joined >= 0)
    is_joined = arrived & may_join
    is_given_up = ~is_named & np.isin(code, _CLIENTS_OWN) & (clues.worked >= 0)
    by_peer = ~is_named & ~arrived & (clues.peer >= 0) & ~np.isin(code, _MADE_BY_CLIENTS)
    servers_tell = bool(is_named.any() or arrived.any())
    is_silent = arrived | (clues.answered == 0) | (servers_tell & (clues.answered != 1))
    is_nobodys = ~is_named & ~is_joined & ~is_given_up & ~by_peer & (code != _OK) & is_silent
    server = np.select(
        [is_named, is_joined, is_given_up, by_peer, is_nobodys],
        [clues.named, clues.joined, clues.worked, clues.peer, np.full(len(code), NO_SERVER)],
        default=UNKNOWN_SERVER,
    ).astype(np.int32)
    counts = {
        Observer.POD_NAME: int(is_named.sum()),
        Observer.JOINED: int((is_joined | is_given_up).sum()),
        Observer.PEER: int(by_peer.sum()),
    }
    ranked = sorted((by for by in counts if counts[by]), key=lambda by: -counts[by])
    return Answers(server, {by: counts[by] for by in ranked}, int((server == UNKNOWN_SERVER).sum()))
