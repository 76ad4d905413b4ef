"""The records that sources fill and measures read.

Every instant is in seconds since the run's time zero (the instant at which the load starts), negative before
it; every duration is in seconds. ``None`` means: did not happen within the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lbstudy.observation.known import Known
from lbstudy.observation.tallies import ClientTally, ServerTally

NO_SERVER = -1
"""The server index of an RPC that no server answered."""
UNKNOWN_SERVER = -2
"""The server index of an RPC for which it is unknown whether a server answered, and which one."""


@dataclass(frozen=True, slots=True)
class SpanRef:
    """A span that a reader can open: 32 and 16 lower-case hexadecimal digits."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class RpcTable:
    """RPCs: one row each, ordered by ``sent``; all columns have the same length.

    From the client's RPC spans; without any, from the servers' (see ``Known.rpcs``): then ``sent`` and
    ``ended`` are when the server began and ended it.
    """

    scheduled: NDArray[np.float64]  # when the open loop was to send it; NaN if the span does not say
    sent: NDArray[np.float64]
    ended: NDArray[np.float64]
    code: NDArray[np.int16]  # gRPC status code, 0 to 16
    server: NDArray[np.int32]  # index into Lane.servers, or NO_SERVER, or UNKNOWN_SERVER
    told: NDArray[np.bool_]  # whether the client's own span names the server, not only a server's span
    client: NDArray[np.int32]  # index into Lane.clients
    ref: NDArray[np.int64]  # key of Lane.span_refs

    def __len__(self) -> int:
        return len(self.sent)


@dataclass(frozen=True, slots=True)
class CountedTable:
    """Answered RPCs as counters tell of them: how many between two samples. One row each, ordered by ``at``.

    All columns have the same length.
    """

    after: NDArray[np.float64]
    at: NDArray[np.float64]
    server: NDArray[np.int32]  # index into Lane.servers
    client: NDArray[np.int32]  # index into Lane.clients
    count: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.at)


def _whole(count: int = 0) -> NDArray[np.int64]:
    return np.zeros(count, dtype=np.int64)


def _floats() -> NDArray[np.float64]:
    return np.zeros(0, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class StreamTable:
    """Which RPCs are streams, from the client's spans: one row each, all columns of the same length."""

    row: NDArray[np.int64] = field(default_factory=_whole)  # of RpcTable, ascending
    kind: tuple[str, ...] = ()  # who sends messages: "server", "client", "bidi"
    first: NDArray[np.float64] = field(default_factory=_floats)  # when the first message came; NaN: none did

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class DeliveredTable:
    """Messages that clients received on streams: one row an export and server, ordered by ``at``."""

    at: NDArray[np.float64] = field(default_factory=_floats)
    server: NDArray[np.int64] = field(default_factory=_whole)  # index into Lane.servers, or NO_SERVER
    messages: NDArray[np.int64] = field(default_factory=_whole)  # since the client's previous export

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True, slots=True)
class ServedTable:
    """The servers' RPC spans: one row each."""

    started: NDArray[np.float64]
    ended: NDArray[np.float64]
    code: NDArray[np.int16]
    server: NDArray[np.int32]
    superseded: NDArray[np.bool_]  # whether the client made another attempt at the same RPC after this one

    def __len__(self) -> int:
        return len(self.started)


@dataclass(frozen=True, slots=True)
class Interruption:
    """A time in which a pod that had been Ready was not."""

    unready: float
    unpublished: float | None = None
    ready: float | None = None  # again; None: not before it was told to end, or ended
    published: float | None = None


@dataclass(frozen=True, slots=True)
class FaultPeriod:
    """A fault on a pod; without a pod, on the way to all of them, or on those that were started."""

    label: str  # for people; the same for all pods with this fault
    server: str | None
    began: float
    lifted: float | None = None
    kind: str = ""  # of config.fault_kinds; "" in runs of earlier versions


@dataclass(frozen=True, slots=True)
class PodLife:
    """One server pod, as its platform saw it."""

    name: str
    address: str  # "127.0.1.2:50051"
    commanded: float  # the scale command that added it
    created: float | None = None
    scheduled: float | None = None  # a node was chosen; also None if the platform has no such stage
    started: float | None = None  # its process or container runs
    ready: float | None = None  # first seen Ready by its health service
    listed: float | None = None  # first in an EndpointSlice as ready; also None without EndpointSlices
    published: float | None = None  # first in DNS
    removal_commanded: float | None = None  # the scale command that removed it
    terminating: float | None = None  # SIGTERM sent
    withdrawn: float | None = None  # out of the EndpointSlices for good
    unpublished: float | None = None  # out of DNS for good
    exited: float | None = None
    interruptions: tuple[Interruption, ...] = ()  # in order, without overlaps
    errors: Mapping[str, float] = field(default_factory=dict)
    """The name of one of these instants → by how much it may be wrong, in seconds."""
    unseen: frozenset[str] = frozenset()
    """Names of instants that nobody could see: if one of them is None, it may have happened all the same."""


@dataclass(frozen=True, slots=True)
class ScaleCommand:
    """The platform was told to have so many servers, or to replace all of them."""

    at: float
    servers: int
    manner: str = ""  # how they were replaced: "rolling-update" …


@dataclass(frozen=True, slots=True)
class Update:
    """A resolver update (see grpc_lb_instrumentor.records.ResolverUpdate)."""

    client: int  # index into Lane.clients
    started: float
    ended: float
    outcome: str
    cause: str  # "": unknown
    addresses: frozenset[str]
    added: frozenset[str]
    removed: frozenset[str]
    ref: SpanRef | None  # None: it is not from a span
    families: tuple[str, ...] = ()  # record types that were asked for: "A", "AAAA"; empty: not told
    missing: tuple[str, ...] = ()  # of these, those without an answer, or with an error in its place
    questions: int | None = None  # one for each record type and name of the search list; None: not told


@dataclass(frozen=True, slots=True)
class Transition:
    """A subchannel of a client entered a state (see grpc_lb_instrumentor.records.SubchannelState)."""

    client: int
    subchannel: int
    address: str
    state: str
    at: float
    ref: SpanRef | None  # None: it is not from a span
    error: float | None = None  # s by which ``at`` may be wrong; None: like clocks of one machine


@dataclass(frozen=True, slots=True)
class UsageTable:
    """What the server pods reported of themselves: one row a pod and export."""

    at: NDArray[np.float64]
    server: NDArray[np.int32]
    cpu: NDArray[np.float64]  # cores, mean since the pod's previous row (NaN in its first)
    memory: NDArray[np.float64]  # bytes, resident
    active: NDArray[np.float64]  # RPCs in flight
    inactivity_age: NDArray[np.float64]  # seconds since it last worked on an RPC


@dataclass(frozen=True, slots=True)
class BusyTable:
    """How busy servers with a capacity were, by their own counts: one row a server and answer, by time."""

    at: NDArray[np.float64]  # when the server was asked
    server: NDArray[np.int32]  # index into Lane.servers
    utilization: NDArray[np.float64]  # busy ÷ (time × capacity) since its previous answer; NaN in its first
    waiting: NDArray[np.float64]  # RPCs that waited for their turn
    ended: NDArray[np.float64]  # RPCs that had ended since its start

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True, slots=True)
class ScalingDecision:
    """What the autoscaler decided, and the figures that it used."""

    at: float
    current: int  # replicas wanted before
    wished: int  # what the metrics alone ask for
    desired: int  # after windows, policies and bounds
    utilization: float | None  # mean over the pods that counted, 0 to 1; None: no metric counted
    ready: int  # pods whose metric counted
    unready: int
    missing: int  # pods without a metric


@dataclass(frozen=True, slots=True)
class ScalingAims:
    """The targets for the autoscaled servers."""

    target: float  # mean utilisation, 0 to 1
    tolerance: float
    latency: float  # s; an RPC that takes longer is late
    falls: float | None = None  # when the offered rate first falls; None: not under load


@dataclass(frozen=True, slots=True)
class DnsLookup:
    """An answered query, from the DNS server's own log."""

    at: float
    name: str
    qtype: str
    rcode: str
    addresses: frozenset[str]
    peer: str  # the client's address, "127.0.0.1:40000"
    authority: str = ""  # the DNS server's address, "127.0.1.9:40001"; "": unknown


class Side(StrEnum):
    """The side that telemetry is from."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class SaidCount:
    """RPC spans of one side that ended with the same code and status message."""

    side: Side
    code: int
    message: str  # as in the span; "" if it has none
    count: int


@dataclass(frozen=True, slots=True)
class ForwardedCount:
    """Spans or metric points of a whole run that were to be sent to a Collector."""

    stored: int  # in the run's own store
    sent: int  # accepted by the Collector
    lost: Mapping[str, int]  # cause, in words → how many were lost


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What became of a run's telemetry, for all settings together, on its way to a Collector."""

    spans: ForwardedCount
    points: ForwardedCount


@dataclass(frozen=True, slots=True)
class WatchedService:
    """What is particular to a lane of a live Service: clients come and go, and differ in what they tell.

    Attributes:
        heard: client → from when to when something was told of it; None: it stands for all that tell nothing.
        resolvers: clients whose resolver updates are told.
        connections: clients whose connections are told.
        uncalled: Ready servers that are known to have got no request.
        observed: server → until when a request to it would have been told, from whomever; without one that is
            not known.
        sampled: not every RPC is among ``Lane.rpcs``, as its spans were sampled.
        counted: where counters are what tells of answers (``Observer.COUNTERS``); None: they are not.
    """

    heard: Mapping[int, tuple[float, float] | None] = field(default_factory=dict)
    resolvers: frozenset[int] = frozenset()
    connections: frozenset[int] = frozenset()
    uncalled: frozenset[str] = frozenset()
    observed: Mapping[int, float] = field(default_factory=dict)
    sampled: bool = False
    counted: CountedTable | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """Everything observed of one setting in one run."""

    setting: str
    end: float  # the load's end; what had not happened by then is censored there
    servers: tuple[str, ...]  # every server pod there was, in order of creation
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
    lookups_known: bool = True  # False: a cluster's DNS server has no readable log
    faults: tuple[FaultPeriod, ...] = ()  # ordered by ``began``
    span_refs: dict[int, SpanRef] = field(default_factory=dict)  # the RPC rows that a report links to
    client_usage: UsageTable | None = None  # the client pods; ``server`` is their index; None: unknown
    forwarded: Forwarded | None = None  # for the whole run; None if nothing was to be sent on
    metered: Mapping[tuple[str, str], int] | None = None
    """(server pod or "", code) → RPCs, by the client's rpc.client.call.duration; None: it has none."""
    resolution_interval: float = 30.0
    """s between the starts of two resolutions: the setting's value, or gRPC's default."""
    streams: StreamTable = field(default_factory=StreamTable)
    delivered: DeliveredTable = field(default_factory=DeliveredTable)
    given: Mapping[str, int] | None = None
    """Server → messages that it sent on streams, by its own metric; None: it has none."""
    said: tuple[SaidCount, ...] = ()  # failed RPCs, by code and status message
    known: Known = field(default_factory=Known)
    busy: BusyTable | None = None  # None: the servers have no capacity, or do not report it
    decisions: tuple[ScalingDecision, ...] = ()  # in order of time
    aims: ScalingAims | None = None  # None: there was no autoscaler
    watched: WatchedService | None = None  # None: of a run, whose clients are there all along
