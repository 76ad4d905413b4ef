"""The shapes that sources fill and measures read.

Every instant is in seconds since the run's time zero (the instant at which the load starts) and may be
negative for what came before; every duration is in seconds. ``None`` means: did not happen within the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

NO_SERVER = -1
"""The server index of an RPC that no server answered."""


@dataclass(frozen=True, slots=True)
class SpanRef:
    """A span that a reader can open: 32 and 16 lower-case hexadecimal digits."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class RpcTable:
    """The client's RPC spans: one row each, ordered by ``sent``; all columns have the same length."""

    scheduled: NDArray[np.float64]  # when the open loop was to send it; NaN where the span does not tell
    sent: NDArray[np.float64]
    ended: NDArray[np.float64]
    code: NDArray[np.int16]  # gRPC status code, 0 to 16
    server: NDArray[np.int32]  # index into Lane.servers, or NO_SERVER
    client: NDArray[np.int32]  # index into Lane.clients
    ref: NDArray[np.int64]  # Lane.span_refs resolves it

    def __len__(self) -> int:
        return len(self.sent)


@dataclass(frozen=True, slots=True)
class ServedTable:
    """The servers' RPC spans: one row each."""

    started: NDArray[np.float64]
    ended: NDArray[np.float64]
    code: NDArray[np.int16]
    server: NDArray[np.int32]
    superseded: NDArray[np.bool_]  # the client made another attempt at the same RPC after this one

    def __len__(self) -> int:
        return len(self.started)


@dataclass(frozen=True, slots=True)
class Interruption:
    """A pod that had been Ready was not, for a while."""

    unready: float
    unpublished: float | None = None
    ready: float | None = None  # again; None: not before it was told to end, or ended
    published: float | None = None


@dataclass(frozen=True, slots=True)
class FaultPeriod:
    """A fault lasted on a pod; without a pod, on the way to all of them, or on those that were started."""

    label: str  # for people, and the same for all pods that one fault is on
    server: str | None
    began: float
    lifted: float | None = None


@dataclass(frozen=True, slots=True)
class PodLife:
    """One server pod, as its platform saw it."""

    name: str
    address: str  # "127.0.1.2:50051"
    commanded: float  # the scale command that brought it
    created: float | None = None
    scheduled: float | None = None  # a node was chosen; None also where the platform has no such stage
    started: float | None = None  # its process, or container, runs
    ready: float | None = None  # first seen by the health service
    listed: float | None = None  # first in an EndpointSlice, as ready; None also where there are none
    published: float | None = None  # first in DNS
    removal_commanded: float | None = None  # the scale command that takes it away
    terminating: float | None = None  # SIGTERM sent
    withdrawn: float | None = None  # out of the EndpointSlices, and not in them again
    unpublished: float | None = None  # out of DNS, and not in it again
    exited: float | None = None
    interruptions: tuple[Interruption, ...] = ()  # in order; none overlaps another
    errors: Mapping[str, float] = field(default_factory=dict)
    """The name of one of these instants → by how much it may be off, in seconds."""


@dataclass(frozen=True, slots=True)
class ScaleCommand:
    """The platform was told to have so many servers, or to replace all of them."""

    at: float
    servers: int
    manner: str = ""  # of a replacement: "rolling-update" …


@dataclass(frozen=True, slots=True)
class Update:
    """A resolver update (see grpc_lb_instrumentor.records.ResolverUpdate)."""

    client: int  # index into Lane.clients
    started: float
    ended: float
    outcome: str
    cause: str
    addresses: frozenset[str]
    added: frozenset[str]
    removed: frozenset[str]
    ref: SpanRef


@dataclass(frozen=True, slots=True)
class Transition:
    """A subchannel of a client entered a state (see grpc_lb_instrumentor.records.SubchannelState)."""

    client: int
    subchannel: int
    address: str
    state: str
    at: float
    ref: SpanRef


@dataclass(frozen=True, slots=True)
class UsageTable:
    """What the server pods reported of themselves: one row a pod and export."""

    at: NDArray[np.float64]
    server: NDArray[np.int32]
    cpu: NDArray[np.float64]  # cores, mean since the pod's previous row (NaN in its first)
    memory: NDArray[np.float64]  # bytes, resident
    active: NDArray[np.float64]  # RPCs in flight
    inactivity_age: NDArray[np.float64]  # seconds since it last finished an RPC


@dataclass(frozen=True, slots=True)
class ClientTally:
    """What a client program counted itself, without telemetry."""

    client: str  # the client pod
    scheduled: int
    sent: int
    not_sent: int
    by_code: dict[str, int]  # "OK", "UNAVAILABLE" … as the program saw them
    by_server: dict[str, int]  # answers with OK, by the pod name in the response message
    offered_rate: float  # RPC/s
    achieved_rate: float  # RPC/s
    lateness_p50: float  # sent minus scheduled
    lateness_p99: float
    lateness_max: float


@dataclass(frozen=True, slots=True)
class ServerTally:
    """What a server program counted itself, without telemetry; None where it could not tell any more."""

    server: str
    by_code: dict[str, int] | None


@dataclass(frozen=True, slots=True)
class DnsLookup:
    """An answered query, from the DNS server's own log."""

    at: float
    name: str
    qtype: str
    rcode: str
    addresses: frozenset[str]
    peer: str  # who asked, "127.0.0.1:40000"


class Side(StrEnum):
    """Who lost telemetry."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class ForwardedCount:
    """Spans, or points of metrics, of a whole run that were to go on to a Collector."""

    stored: int  # in the run's own store
    sent: int  # accepted by the Collector
    lost: Mapping[str, int]  # cause, in words → how many were not


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What became of a run's telemetry, that of all settings, on its way to a Collector."""

    spans: ForwardedCount
    points: ForwardedCount


@dataclass(frozen=True, slots=True)
class Lane:
    """Everything observed of one setting in one run."""

    setting: str
    end: float  # the load's end; what did not happen by then is censored there
    servers: tuple[str, ...]  # every server pod that ever was, in order of creation
    clients: tuple[str, ...]  # "client-0" …: one a channel
    commands: tuple[ScaleCommand, ...]  # in order; the first is the initial number, at or before 0
    pods: tuple[PodLife, ...]  # one a server, in the same order as ``servers``
    rpcs: RpcTable
    served: ServedTable
    updates: tuple[Update, ...]  # ordered by ``ended``
    transitions: tuple[Transition, ...]  # ordered by ``at``
    usage: UsageTable
    client_tallies: tuple[ClientTally, ...] = ()
    server_tallies: tuple[ServerTally, ...] = ()
    lookups: tuple[DnsLookup, ...] = ()
    lookups_known: bool = True  # False: the DNS server is a cluster's, and tells nobody what it was asked
    faults: tuple[FaultPeriod, ...] = ()  # ordered by ``began``
    span_refs: dict[int, SpanRef] = field(default_factory=dict)  # of the RPC rows that a report links to
    client_usage: UsageTable | None = None  # of the client pods; ``server`` counts them; None: not known
    forwarded: Forwarded | None = None  # of the whole run; None where nothing was to be forwarded
    metered: Mapping[tuple[str, str], int] | None = None
    """(server pod or "", code) → RPCs, by the client's rpc.client.call.duration; None: it has none."""
