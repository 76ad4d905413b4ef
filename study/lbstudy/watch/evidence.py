"""What sources report about a watched Service: small records, the same for all sources.

Instants are seconds since the Unix epoch.
"""

from dataclasses import dataclass
from enum import StrEnum


class EvidenceSource(StrEnum):
    """The source. Requests from two sources are never added up: they are the same requests."""

    SERVER_SPANS = "server spans"
    CLIENT_SPANS = "client spans"
    SERVER_METRICS = "server metrics"
    CLIENT_METRICS = "client metrics"


SPANS = frozenset({EvidenceSource.SERVER_SPANS, EvidenceSource.CLIENT_SPANS})
"""Sources that report single requests."""


class PodStage(StrEnum):
    """The stages of a pod, in this order."""

    CREATED = "created"
    SCHEDULED = "scheduled"
    STARTED = "started"
    READY = "ready"
    LISTED = "listed"  # in an EndpointSlice, as ready
    FIRST_REQUEST = "first request"
    TERMINATING = "terminating"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Instant:
    """When something happened: at ``at``, or up to ``error`` seconds before."""

    at: float
    error: float = 0.0

    @property
    def earliest(self) -> float:
        """Return the earliest possible instant."""
        return self.at - self.error


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod exists or has changed.

    Attributes:
        service: "namespace/service", to which the pod belongs.
        ready: since when it is Ready; None: it is not.
        template: the hash of its pod template, "" if it has none.
        stages: the stages CREATED, SCHEDULED and STARTED that it has passed; other stages come from other
            fields.
        terminating: since when it is terminating; None: it is not.
    """

    service: str
    name: str
    ip: str
    at: float
    ready: Instant | None
    template: str = ""
    stages: tuple[tuple[PodStage, Instant], ...] = ()
    terminating: Instant | None = None


@dataclass(frozen=True, slots=True)
class PodGone:
    """A pod is gone."""

    service: str
    name: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Listed:
    """All pods that the Service's EndpointSlices list as ready."""

    service: str
    pods: frozenset[str]
    at: Instant


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests to one pod. Each was after ``after`` and not later than ``at``.

    ``after == at`` is one instant. A ``count`` of 0 is evidence too: the source counted, and there was none.

    Attributes:
        pod: the server pod's name, or its IP.
        workload: the client's workload, if it is known.
        client: the client's pod, if it is known.
        received: when the source reported it.
    """

    source: EvidenceSource
    pod: str
    after: float
    at: float
    count: int = 1
    workload: str | None = None
    client: str | None = None
    received: float = 0.0


@dataclass(frozen=True, slots=True)
class Failed:
    """A client's request ended with an error that is no answer of the server's program.

    Attributes:
        at: when it ended.
        code: gRPC's name of it, "UNAVAILABLE".
        pod: the server pod's name, or its IP; None: the client does not say which it was.
        host: that the client called, "orders.shop"; "" where it does not say.
        channel: of the client, as its resolver updates name it; None: it does not say.
    """

    workload: str
    client: str
    at: float
    code: str
    pod: str | None
    host: str
    channel: str | None


@dataclass(frozen=True, slots=True)
class ClientUpdate:
    """A client's resolver gave its channel a result.

    Attributes:
        target: as the application gave it, "dns:///orders.shop:50051".
        addresses: IPs; None: unknown, as from a gauge that only has the time, or a resolution that failed.
        outcome: as our instrumentor reports it; "" if it does not.
        cause: likewise.
        started: when the resolution began; None: unknown.
        span: its trace and its span; None: no span reported it.
    """

    workload: str
    client: str
    channel: str
    target: str
    at: float
    addresses: frozenset[str] | None
    outcome: str = ""
    cause: str = ""
    started: float | None = None
    span: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """A client's subchannel entered a state: "READY", "CONNECTING" …, "SHUTDOWN" when it is gone.

    Attributes:
        channel: of the client's process, where it is told.
        span: its trace and its span; None: no span told it.
    """

    workload: str
    client: str
    subchannel: str
    address: str  # IP
    state: str
    at: float
    channel: str = ""
    span: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class DnsQuery:
    """A DNS server answered a query for a Service's name.

    Attributes:
        service: "namespace/service".
        asker: the IP that asked, a pod's or that of a cache between.
    """

    service: str
    asker: str
    at: float
    name: str
    qtype: str
    rcode: str


@dataclass(frozen=True, slots=True)
class RpcSeen:
    """One RPC, as the span of its client or of its server tells of it.

    Attributes:
        is_client: whether it is the client's span.
        key: what the spans of both sides share: the client's span.
        pod: the server pod's name, or its IP; None: the span does not tell, or no server answered.
        target: the name that the client called, where its span has it.
        workload: of the client, where it is known.
        client: the client's pod, or what else tells it from others, where it is known.
        channel: of the client's process, where it is told.
        start: by the clock of whose span it is.
        code: gRPC's status code; None: the span does not tell.
        answered: False: our instrumentor says that no server answered; None: nobody says.
        trace: and ``span``: where it can be looked up.
        stream: who sends messages: "server", "client", "bidi"; "" for none, or where nobody tells.
        first_message: when a stream's first message came; None: none did, or nobody tells.
    """

    is_client: bool
    key: str
    pod: str | None
    target: str
    workload: str | None
    client: str | None
    channel: str
    start: float
    end: float
    code: int | None
    answered: bool | None
    trace: str
    span: str
    stream: str = ""
    first_message: float | None = None

    @property
    def at(self) -> float:
        """When it began."""
        return self.start


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source is available or not: ``lack`` says in words what is missing; "" for nothing.

    Attributes:
        incomplete: it left out single requests, so that one that it does not report may have been made.
    """

    name: str
    has: str
    lack: str
    at: float
    incomplete: bool = False


Evidence = (
    PodSeen
    | PodGone
    | Listed
    | Requests
    | Failed
    | ClientUpdate
    | Connection
    | RpcSeen
    | DnsQuery
    | SourceState
)
