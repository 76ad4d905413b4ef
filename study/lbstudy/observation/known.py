"""What is known of a lane, and from whom. Each part has one observer, or none.

The observers of a part see different things. ``Seen`` says who reported it, by how much its instants may be
wrong, and what a reader should know of it; ``Unseen`` says why nobody could report it, and what would change
that. "Unknown" is a value of its own: it is never a zero, and never "did not happen".
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Observer(StrEnum):
    """Who reported it, in words for people."""

    INSTRUMENTOR = "our instrumentor in the client"
    CLIENT_SPANS = "the client’s RPC spans"
    SERVER_SPANS = "the servers’ RPC spans"
    POD_NAME = "the pod’s name on the client’s RPC span"
    JOINED = "the server’s RPC span whose parent is the client’s"
    PEER = "network.peer.address on the client’s RPC span"
    CLIENT_COUNTS = "the client program’s own counts"
    SERVER_COUNTS = "the servers’ own counts"
    DNS_LOG = "the DNS server’s log"
    CONTROL_PLANE = "the control plane"
    KERNEL = "the kernel’s table of connections"
    COUNTERS = "counters of requests, in Prometheus"


@dataclass(frozen=True, slots=True)
class Seen:
    """A part that is known."""

    by: Observer
    note: str = ""  # what a reader should know of it: "unknown for 12 RPCs"
    error: float | None = None  # s by which its instants may be wrong; None: like clocks of one machine


@dataclass(frozen=True, slots=True)
class Unseen:
    """A part that is not known."""

    why: str
    needs: str  # what would make it known


Part = Seen | Unseen

NO_SPANS: Final = "OpenTelemetry’s gRPC instrumentation in the client"
INSTRUMENTED: Final = "our instrumentor in the client"


@dataclass(frozen=True, slots=True)
class Known:
    """The parts of a lane. By default everything is known from our instrumentor in the client.

    Attributes:
        instrumented: our instrumentor is in the client.
        servers_instrumented: it is in the servers, and they print their counts.
        rpcs: each RPC: when it began and ended, and how. From the servers' spans, it is as the servers saw
            it.
        latency: how long each RPC took for the client.
        answers: which server answered each RPC.
        updates: what the client's resolver returned, and when.
        connections: the client's connections to each server.
        codes: how many RPCs ended with each code, as the client saw them.
        counts: the client program's own counts; seen if it should print them, even if they got lost.
    """

    instrumented: bool = True
    servers_instrumented: bool = True
    rpcs: Part = Seen(Observer.CLIENT_SPANS)
    latency: Part = Seen(Observer.CLIENT_SPANS)
    answers: Part = Seen(Observer.POD_NAME)
    updates: Part = Seen(Observer.INSTRUMENTOR)
    connections: Part = Seen(Observer.INSTRUMENTOR)
    codes: Part = Seen(Observer.CLIENT_SPANS)
    counts: Part = Seen(Observer.CLIENT_COUNTS)
