"""The result of a run: a documented, versioned schema.

Instants are seconds since time zero (the load's start) and durations are seconds, unless a name says
otherwise. Arrays that belong together have the same length. Numbers are never invented: what did not happen
within the run is a censored ``Delay``.
"""

from enum import StrEnum
from typing import ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA_VERSION: Literal["1"] = "1"

_HTTP = "^https?://[^/]"
"""A link in the report leads to HTTP(S), never to a script or a file."""


class Part(BaseModel):
    """What all parts share: immutable, no unknown keys, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


NOT_OBSERVED = "not observed"
"""Shown if nobody could see a figure."""


BY_SPANS = "the client’s RPC spans"
"""The usual source of how RPCs ended: ``Errors.client_by``."""


class NotObserved(Part):
    """Why something is unknown, and what would make it known. It says nothing about what happened."""

    why: str
    needs: str = Field(description="what would make it known")


class Delay(Part):
    """A duration: measured, only known to exceed the time for which it was watched, or not observed."""

    seconds: float | None = Field(default=None, description="the measured duration")
    censored_after: float | None = Field(default=None, description="not within so many seconds")
    not_observed: NotObserved | None = Field(
        default=None, description="nobody could see it: it may have happened at any time, or never"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if [self.seconds, self.censored_after, self.not_observed].count(None) != 2:
            raise ValueError("a delay is either measured, or censored, or not observed")
        return self

    @property
    def is_censored(self) -> bool:
        """Whether it is known not to have happened within the time for which it was watched."""
        return self.censored_after is not None

    def __str__(self) -> str:
        if self.not_observed is not None:
            return NOT_OBSERVED
        if self.seconds is None:
            return f"> {self.censored_after:.1f} s"
        return f"{self.seconds * 1000:.0f} ms" if self.seconds < 1 else f"{self.seconds:.1f} s"


class DelaySummary(Part):
    """Several delays, including censored ones: quantiles of the Kaplan-Meier estimate.

    Delays that were not observed are counted separately, and enter no quantile. If none was observed, the
    quantiles are not observed either.
    """

    count: int = Field(description="delays that were measured or censored")
    censored: int = Field(description="of these, not within the time watched")
    not_observed: int = Field(default=0, description="delays beside these that nobody could see")
    median: Delay | None = Field(description="None when there were no delays")
    p95: Delay | None
    largest: Delay | None


class Link(Part):
    """A span that a reader can open."""

    trace_id: str
    span_id: str


class Ready(Part):
    """How many servers were Ready from an instant on."""

    at: float
    servers: int


class Phase(Part):
    """The time between two changes."""

    index: int
    start: float
    end: float
    label: str = Field(description='such as "3 → 6 servers", "stop on 1 server", "stop on 1 server lifted"')
    ready: list[str] = Field(
        description="servers Ready for all of the phase's settled part (its second half)"
    )


# --- the aligned timeline -------------------------------------------------------------------------


class TimelineEvent(Part):
    """Something that happened at an instant."""

    at: float
    kind: str = Field(
        description="scale, ready, unready, published, unpublished, terminating, exited, update, fault …"
    )
    label: str
    server: str | None = None
    client: str | None = None
    outcome: str | None = Field(default=None, description="of an update: changed, unchanged, nxdomain …")
    link: Link | None = None


class Timeline(Part):
    """What is drawn on one time axis, in buckets of equal width."""

    bucket: float = Field(description="width of a bucket, s")
    start: float = Field(description="where the first bucket begins")
    requests: dict[str, list[float]] = Field(
        description="server → answered RPC/s in each bucket; empty: not observed"
    )
    unanswered: list[float | None] = Field(description="RPC/s that no server answered; None: not observed")
    errors: list[float | None] = Field(
        description="RPC/s that ended with another code than OK; None: not observed"
    )
    fair_share: list[float | None] = Field(description="answered RPC/s ÷ Ready servers; None without one")
    addresses: list[float | None] = Field(description="mean number of addresses in the clients' lists")
    ready: list[Ready] = Field(description="Ready servers, as a step function")
    latency_p50: list[float | None]
    latency_p99: list[float | None]
    coverage: list[float | None] = Field(description="share of Ready servers that answered in the bucket")
    not_observed: NotObserved | None = Field(default=None, description="why the RPCs’ course is not known")
    events: list[TimelineEvent]


# --- 1. distribution ------------------------------------------------------------------------------


class ServerShare(Part):
    """One server's part of a phase's requests."""

    server: str
    requests: int
    share: float = Field(description="of the phase's answered RPCs, 0 to 1")
    ready: bool = Field(description="Ready for the whole of the settled part")


class PhaseDistribution(Part):
    """How evenly one phase's requests were spread among the servers that were Ready."""

    phase: int
    requests: int
    fair_share: float = Field(description="1 ÷ Ready servers; 0 without one")
    servers: list[ServerShare]
    largest_deviation: float | None = Field(description="max |share − fair share| ÷ fair share")
    jain: float | None = Field(description="(Σx)² ÷ (n Σx²); 1 is even, 1/n is one server only")
    chi2_p: float | None = Field(description="p of Pearson's χ² against equal shares")
    coverage: float | None = Field(description="share of the Ready servers that got at least one request")


class Distribution(Part):
    """Measure 1: requests per server and phase."""

    total: dict[str, int] = Field(description="server → answered RPCs in the whole run")
    phases: list[PhaseDistribution]
    not_observed: NotObserved | None = Field(
        default=None, description="why it is not known when each server answered: there are no phases then"
    )
    unknown: int = Field(default=0, description="RPCs of which nobody knows who answered, in no figure")


# --- 2. latency -----------------------------------------------------------------------------------


class Quantiles(Part):
    """Latency of a set of RPCs, from the scheduled instant, and from the send."""

    count: int
    p50: float | None
    p90: float | None
    p99: float | None
    largest: float | None
    sent_p50: float | None = Field(description="from the send")
    sent_p99: float | None


class Histogram(Part):
    """Counts of values between bounds; ``len(bounds) == len(counts) + 1``."""

    bounds: list[float]
    counts: list[int]


class Young(Part):
    """Latency of the RPCs that a server, or each of several, answered in its first seconds."""

    requests: int = Field(description="due within young_window of the first one that their server answered")
    p50: float | None
    p99: float | None
    later_p50: float | None = Field(description="of the others that it answered")
    later_p99: float | None


class ServerLatency(Part):
    """Latency and failures of the RPCs that one server answered in the whole run."""

    server: str
    requests: int
    failed: int = Field(description="of these, with another code than OK")
    p50: float | None
    p99: float | None
    young: Young | None = Field(default=None, description="None in a result of before it was measured")


class Latency(Part):
    """Measure 2: latency, steady and in transition, and by server; offered and achieved rate."""

    all: Quantiles
    steady: Quantiles
    transition: Quantiles = Field(
        description="scheduled within transition_window after a scale command, a fault’s beginning or lifting"
    )
    transition_window: float
    young_window: float = Field(default=5.0, description="s, from the first RPC that a server answered")
    servers: list[ServerLatency] = Field(default_factory=list, description="those that answered any RPC")
    young: Young | None = Field(
        default=None,
        description="of all servers together; None: none answered, or a result of before it was measured",
    )
    histogram: Histogram
    not_observed: NotObserved | None = Field(
        default=None, description="why it is not known how long RPCs took: all figures are empty then"
    )
    offered_rate: float | None = Field(description="RPC/s; None: nobody told")
    achieved_rate: float | None = Field(description="RPC/s sent; None: nobody told")
    lateness_p50: float | None = Field(description="sent − scheduled, s, over all RPCs")
    lateness_p99: float | None
    lateness_max: float | None


# --- 3. errors ------------------------------------------------------------------------------------


class PhaseErrors(Part):
    """Errors of one phase."""

    phase: int
    requests: int
    errors: int
    ratio: float | None


class Failure(Part):
    """One failed RPC, for the list in the report (only the first ones)."""

    at: float
    code: str
    server: str | None = Field(description="None: no server answered it")
    client: str
    latency: float | None = Field(description="None: not observed")
    link: Link | None


class Said(Part):
    """Failed RPCs with the same code and the same message."""

    code: str
    message: str = Field(
        description="the status message, numbers, addresses and the like as N, ADDRESS …; empty for none"
    )
    count: int
    example: str = Field(description="the message of one of them, as it was")


class Errors(Part):
    """Measure 3: errors of clients and servers, by code, message, phase and server."""

    UNKNOWN: ClassVar[str] = "not known"
    """Stands for the server of an RPC if it is unknown who answered it."""

    client_by_code: dict[str, int] = Field(
        description="all codes, OK included, as the clients saw them; else as ``client_by`` tells"
    )
    client_by: str = Field(default=BY_SPANS, description="who counted them; empty: nobody did")
    server_by_code: dict[str, int] | None = Field(
        description="the same, as the servers' spans say; None: they send none"
    )
    ratio: float | None = Field(description="client errors ÷ client RPCs")
    phases: list[PhaseErrors]
    by_server: dict[str, dict[str, int]] = Field(
        description='server → code → RPCs that the clients saw fail; key "" for no server, or "not known"'
    )
    failures: list[Failure]
    client_said: list[Said] = Field(
        default_factory=list, description="failed RPCs by code and message, as the clients saw them"
    )
    server_said: list[Said] = Field(default_factory=list, description="the same, as the servers’ spans say")
    not_observed: NotObserved | None = Field(
        default=None, description="why it is not known when RPCs failed: there are no phases then"
    )


# --- 4. adaptability ------------------------------------------------------------------------------


class StageName(StrEnum):
    """The stages of a change, in order."""

    COMMAND = "command"
    CREATED = "created"
    SCHEDULED = "scheduled"
    STARTED = "started"
    READY = "ready"
    ENDPOINT = "in EndpointSlice"
    PUBLISHED = "in DNS"
    UPDATE = "resolver update"
    CONNECTED = "connected"
    FIRST_RPC = "first RPC"
    FAIR_SHARE = "fair share"
    TERMINATING = "terminating"
    WITHDRAWN = "out of EndpointSlice"
    UNPUBLISHED = "out of DNS"
    LAST_RPC = "last RPC"
    EXITED = "exited"


class Stage(Part):
    """When a change reached a stage; None: not within the time watched."""

    name: StageName
    at: float | None
    link: Link | None = None
    error: float | None = Field(
        default=None,
        description="the instant may be off by so many seconds; None where nothing is known of it",
    )
    early: bool = Field(
        default=False,
        description="told before a stage that comes before it: several observers, each with its error",
    )
    not_observed: bool = Field(default=False, description="nobody could see when, or whether")


class WaitedFor(StrEnum):
    """What a client was waiting for, in the usual order; see measures.attribution."""

    READY = "Ready"
    PUSH = "push"
    DNS = "DNS propagation"
    TRIGGER = "no trigger"
    MINIMUM_INTERVAL = "minimum interval"
    RESOLVER_BACKOFF = "resolver back-off"
    RESOLUTION = "resolution"
    POLICY = "not connected by the policy"
    CONNECT = "connect"
    CONNECTION_BACKOFF = "connection back-off"
    HEALTH_CHECK = "held back"
    TURN = "turn"
    FAILING = "failing"
    EJECTION = "ejected"
    FIRST_RPC = "first RPC"


class Wait(Part):
    """A part of a delay: what the client waited for, and when."""

    what: WaitedFor
    start: float
    end: float
    open: bool = Field(default=False, description="it had not come when the watching ended")


class MeanWait(Part):
    """How long one thing was waited for, as the mean over all clients and servers."""

    what: WaitedFor
    mean: float
    open: int = Field(description="clients and servers that still waited for it when the watching ended")


class WaitSummary(Part):
    """What the time from Ready to the first RPC (or the end of watching) consists of; the parts add up."""

    count: int = Field(description="pairs of added server and client")
    open: int = Field(description="of these, without a first RPC within the time watched")
    mean: float
    parts: list[MeanWait]


class ClientView(Part):
    """How one client saw one change."""

    client: str
    stages: list[Stage]
    detect: Delay = Field(description="time to detect")
    discovery: Delay | None = Field(description="time to discovery; None for a removal")
    waits: list[Wait] = Field(
        default_factory=list,
        description="of an added server: what was waited for, from command to first RPC, without a gap",
    )


class Added(Part):
    """A server that was added."""

    server: str
    command: float
    ready: float | None
    watched_until: float = Field(description="the load's end, or the command that removed it again")
    stages: list[Stage] = Field(description="the platform's: command to in DNS; those that it knows")
    clients: list[ClientView]
    detect: DelaySummary
    discovery: DelaySummary
    fair_share: Delay | None = Field(description="Ready → within 20 % of its fair share; None if never Ready")


class Removed(Part):
    """A server that was removed."""

    server: str
    command: float
    watched_until: float
    stages: list[Stage]
    clients: list[ClientView] = Field(description="of the clients that had it in their list")
    detect: DelaySummary
    last_rpc: float | None = Field(description="when it last answered; None if it never did")
    failed: int | None = Field(
        description="failed RPCs from command to watched_until naming this server or none; None: not observed"
    )


class ChangeOfServers(Part):
    """A scale command and its effects."""

    at: float
    before: int
    after: int
    added: list[str]
    removed: list[str]
    failed: int | None = Field(description="failed RPCs from this command until the next; None: not observed")


class Adaptability(Part):
    """Measure 4: how soon the clients noticed each change."""

    changes: list[ChangeOfServers]
    added: list[Added]
    removed: list[Removed]
    detect: DelaySummary = Field(description="time to detect, per added server and client")
    discovery: DelaySummary = Field(description="time to discovery, per added server and client")
    undiscovered: list[str] = Field(description="servers that were Ready and never answered an RPC")
    unknown: list[str] = Field(
        default_factory=list, description="Ready servers of which nobody knows whether they answered an RPC"
    )
    waits: WaitSummary | None = Field(
        default=None,
        description="where the seconds from Ready to the first RPC went; None without added servers",
    )
    waits_not_observed: NotObserved | None = Field(
        default=None, description="why it is not known where they went"
    )
    updates_not_observed: NotObserved | None = Field(
        default=None, description="why resolver updates are not known"
    )
    updates_by_outcome: dict[str, int]
    updates_by_cause: dict[str, int]


# --- connecting -----------------------------------------------------------------------------------


class Connecting(Part):
    """How long clients took to connect, and how many connected at about the same time."""

    count: int = Field(default=0, description="connections from the client’s start to the load’s end")
    failed: int = Field(default=0, description="attempts that failed")
    p50: float | None = Field(default=None, description="s from CONNECTING to READY, TLS included")
    p99: float | None = None
    largest: float | None = None
    storm: int = Field(default=0, description="the most that became READY within one second under load")
    storm_at: float | None = Field(default=None, description="when that second began")
    not_observed: NotObserved | None = Field(default=None, description="why the time to connect is not known")


# --- resolutions ----------------------------------------------------------------------------------


class MissedFamily(Part):
    """Look-ups in which a record type got no answer, or an error in its place."""

    family: str = Field(description="the record type: A (IPv4) or AAAA (IPv6)")
    count: int = Field(description="look-ups that missed it")
    p50: float | None = Field(description="s that these took, from the first query to the result")
    largest: float | None


class Resolutions(Part):
    """The clients’ look-ups: how long they took, what they asked, and what they missed."""

    count: int = Field(default=0, description="look-ups from the client’s start to the load’s end")
    families: list[str] = Field(default_factory=list, description="record types that were asked for")
    questions: float | None = Field(
        default=None, description="questions of a look-up, mean: one for each record type and name"
    )
    complete: int = Field(default=0, description="look-ups that missed no record type")
    p50: float | None = Field(
        default=None, description="s that these took, from the first query to the result"
    )
    largest: float | None = None
    missed: list[MissedFamily] = Field(default_factory=list)
    not_observed: NotObserved | None = None


# --- streams --------------------------------------------------------------------------------------


class Holding(Part):
    """How long the streams that were open at a change of the servers stayed on their servers."""

    at: float
    label: str = Field(description='the change: "3 → 6 servers"')
    of: Literal["servers that go", "servers that stay"]
    streams: int = Field(description="open at the change, with these servers")
    cut: int = Field(description="of these, ended later with another code than OK")
    holding: DelaySummary = Field(description="change → the stream’s end; censored at the load’s end")


class ServerMessages(Part):
    """The messages on one server’s streams in the whole run."""

    server: str
    streams: int = Field(description="that it answered, as the client’s spans tell")
    received: int | None = Field(description="messages from clients, as the server counts; None: not told")
    sent: int | None = Field(description="messages to clients, as the server counts; None: not told")
    delivered: int | None = Field(description="messages that clients read; None: not observed")


class Streams(Part):
    """Long streams: by messages, and how long they held on to servers."""

    count: int
    by_kind: dict[str, int] = Field(description="server, client, bidi: who sends messages → streams")
    by_code: dict[str, int]
    cut: int = Field(description="that ended with another code than OK")
    cut_staying: int | None = Field(
        default=None,
        description="of these, of servers that nobody was taking away: by the age of their connection, or a"
        " fault; None in a result of before it was measured",
    )
    length: DelaySummary = Field(description="from a stream’s send to its end; censored at the load’s end")
    unknown: int = Field(description="streams of which nobody knows the server: in no holding time")
    held: DelaySummary = Field(description="holding times with servers that go, over all changes")
    stayed: DelaySummary = Field(description="holding times with servers that stay, over all scale-ups")
    changes: list[Holding]
    servers: list[ServerMessages]
    phases: list[PhaseDistribution] = Field(
        description="spread by messages to clients; requests are messages"
    )
    messages_not_observed: NotObserved | None = Field(
        default=None, description="why the spread by messages over time is not known"
    )


# --- 5. utilisation -------------------------------------------------------------------------------


class Usage(Part):
    """One server's use over time."""

    server: str
    at: list[float]
    cpu: list[float | None] = Field(description="cores")
    memory: list[float | None] = Field(description="bytes")
    inactivity_age: list[float | None] = Field(description="s since it last worked on an RPC")
    cpu_mean: float | None
    memory_max: float | None
    inactivity_max: float | None
    idle_share: float | None = Field(description="share of its Ready samples with an inactivity age over 1 s")


class Utilisation(Part):
    """Measure 5: CPU, memory and inactivity age of each server."""

    servers: list[Usage]
    not_observed: NotObserved | None = Field(default=None, description="why nothing of it is known")


# --- scaling --------------------------------------------------------------------------------------


class Relief(Part):
    """How long a target was missed, from its first breach until it held again."""

    target: float
    breach: float | None = Field(description="when it was first breached; None: never, or not observed")
    relief: Delay | None = Field(
        description="from then until it held again; censored when it did not until the load fell, or ended;"
        " None: it was never breached"
    )
    missed: float | None = Field(description="s in which it was missed, in all; None: not observed")


class Meanwhile(Part):
    """What became of the RPCs that were due from the first breach of the latency target to its relief."""

    start: float
    end: float = Field(description="the relief; where there was none, when the load fell or ended")
    requests: int
    failed: int
    late: int = Field(description="answered with OK, but later than the target")


class ScaleDecision(Part):
    """What the autoscaler decided, and the figures that it used."""

    at: float
    current: int = Field(description="replicas wanted before")
    wished: int = Field(description="by the metrics alone")
    desired: int = Field(description="after windows, policies and bounds")
    utilisation: float | None = Field(
        description="its view: the mean over the pods that counted, 0 to 1; None: no metric counted"
    )
    unready: int = Field(description="pods that it did not take as Ready")
    missing: int = Field(description="pods without a metric")


class Scaling(Part):
    """How an autoscaled service adjusts to its load, and what that costs."""

    by: str = Field(description="who decided how many servers there are")
    latency: Relief = Field(description="the callers': at least 95 % of a second's RPCs are in time")
    hottest: Relief = Field(description="utilisation of the hottest Ready server, within the tolerance")
    mean: Relief = Field(description="mean utilisation of the Ready servers, as an autoscaler sees it")
    meanwhile: Meanwhile | None = Field(description="None: no breach of the latency target, or not observed")
    failed: int | None = Field(description="RPCs that failed, of the whole load; None: not observed")
    late: int | None = Field(description="answered later than the target, of the whole load; the same")
    pod_seconds: float = Field(description="s for which servers were Ready under load, together")
    wasted: float | None = Field(description="of these, without traffic; None: not observed")
    most: int = Field(description="the most servers that were wanted")
    at: list[float] = Field(description="the ends of the seconds that the next two are of")
    mean_utilisation: list[float | None] = Field(description="of the Ready servers; None: not observed")
    hottest_utilisation: list[float | None] = Field(description="of the one that was busiest; the same")
    decisions: list[ScaleDecision]
    not_observed: NotObserved | None = Field(
        default=None, description="why it is not known how busy servers were"
    )


# --- faults ---------------------------------------------------------------------------------------


class Group(Part):
    """The RPCs of some servers, or of none, that were under way while a fault lasted."""

    servers: int
    requests: int
    failed: int
    p50: float | None
    p99: float | None


class FaultEffects(Part):
    """A fault, whom it affected, and whether clients kept sending there.

    A share is None if there is nothing to keep sending to: the fault is momentary, or without particular
    servers, or no server answered. Other fields are None in results of versions that did not measure them.
    """

    label: str
    kind: str = Field(default="", description="as in [[fault]]; empty in a result of before it was kept")
    start: float
    end: float = Field(description="when it was lifted everywhere; the load's end where it was not")
    watched_until: float | None = Field(
        default=None, description="the end; 5 s later for a fault that ends as it begins"
    )
    servers: list[str] = Field(description="those that it was on; none: it was on the way to all of them")
    troubled: Group = Field(description="the RPCs that these answered while it lasted")
    untouched: Group = Field(description="those that all other servers answered")
    unanswered: Group = Field(description="those that no server answered")
    during: Group | None = Field(default=None, description="all of these together")
    before: Group | None = Field(
        default=None, description="RPCs that had ended before it, due since the moment before it"
    )
    share: float | None = Field(
        default=None,
        description="part of the requests that went to servers in trouble, in the fault’s second half",
    )
    share_before: float | None = Field(default=None, description="the same servers’ part, before it")
    not_observed: NotObserved | None = Field(default=None, description="why its RPCs are not known")


# --- the price ------------------------------------------------------------------------------------


class Price(Part):
    """What a setting costs during the load."""

    connections: int | None = Field(
        description="connections that the clients made under load; None: not observed"
    )
    connections_rate: float | None = Field(description="connections per client and minute")
    dns_queries: int | None = Field(
        description="queries that the DNS server counted under load; null: it tells nobody"
    )
    dns_rate: float | None = Field(description="DNS queries per client and minute")
    client_cpu: float | None = Field(description="CPU s of the client's process per RPC sent")
    server_cpu: float | None = Field(description="CPU s of all servers together per RPC sent")


# --- the ledger -----------------------------------------------------------------------------------


class Entry(Part):
    """One equation of the ledger."""

    name: str
    left: str = Field(description="what is counted on the left, in words")
    left_count: int
    right: str
    right_count: int
    referee: str = Field(description="who counted independently")
    closes: bool
    note: str = ""
    concerns: Literal["figures", "copy"] = Field(
        default="figures",
        description="what is incomplete when it does not close: the figures here, or what a Collector got",
    )


class NotCounted(Part):
    """An equation that is impossible because nobody counts one of its sides."""

    name: str
    what: str = Field(description="what would be held against each other")
    why: str
    needs: str = Field(description="who would have to count it")


class Ledger(Part):
    """Whether the run's counts agree."""

    entries: list[Entry]
    closes: bool = Field(description="whether each entry closes")
    not_counted: list[NotCounted] = Field(
        default_factory=list, description="entries that this subject cannot close: they are not open"
    )


class KnownPart(Part):
    """What is known of a setting, and from whom."""

    what: str
    by: str = Field(description="who told; empty: nobody did")
    note: str = ""
    error: float | None = Field(default=None, description="s, by how much its instants may be off")
    not_observed: NotObserved | None = None


# --- the whole ------------------------------------------------------------------------------------


class NotApplied(Part):
    """Something that a setting or a scenario asks for, and that the programs under study did not do."""

    who: str = Field(description='"client", "servers" or "study"')
    option: str = Field(description='as the file has it: "[channel] grpc.keepalive_time_ms"')
    why: str
    told_by: Literal["study", "program"] = Field(
        description="the study knew it before the run, from the subject's file; or the program said so itself"
    )


class SettingResult(Part):
    """One setting's results."""

    name: str
    description: str
    options: dict[str, dict[str, int | float | str | bool]] = Field(description="channel, server, policy …")
    servers: list[str]
    clients: list[str]
    phases: list[Phase]
    timeline: Timeline
    distribution: Distribution
    latency: Latency
    errors: Errors
    adaptability: Adaptability
    utilisation: Utilisation
    faults: list[FaultEffects] = Field(default_factory=list, description="in the order in which they began")
    streams: Streams | None = Field(default=None, description="None: the client sent none")
    connecting: Connecting | None = Field(
        default=None, description="None in a result of before it was measured"
    )
    resolutions: Resolutions | None = Field(
        default=None, description="None where clients look up nothing, or it was not measured yet"
    )
    scaling: Scaling | None = Field(default=None, description="None where no autoscaler was at work")
    price: Price | None = Field(default=None, description="None in a result of before it was measured")
    not_applied: list[NotApplied] = Field(
        default_factory=list, description="what the programs under study did not do of what was asked for"
    )
    incidents: list[str] = Field(
        default_factory=list, description="what the programs did that nobody asked for, in words"
    )
    is_live: bool = Field(
        default=False, description="a live Service that was watched: nobody is known to have commanded it"
    )
    ledger: Ledger
    known: list[KnownPart] = Field(
        default_factory=list, description="who told what; empty in a result of before this was told"
    )


class Expectation(Part):
    """The scenario's expectation of a setting, and what came."""

    setting: str
    measure: str
    expected: str
    found: str
    met: bool

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.setting}: {self.measure} {self.expected}, found {self.found}"


class Verdict(Part):
    """The answer, in words."""

    headline: str
    points: list[str]


BEFORE_SUBJECTS: Final = "greeter"
"""The subject of runs that do not name one: they are from before it could be chosen."""


class Provenance(Part):
    """What was run, where, and with which versions."""

    run_id: str
    scenario: str
    scenario_description: str
    scenario_toml: str
    settings_toml: dict[str, str]
    command: str
    started: str = Field(description="ISO 8601, UTC")
    duration: float = Field(description="of the load, s")
    seed: int | None = Field(description="null: of a watch, which draws nothing")
    platform: str
    subjects: dict[str, str] = Field(
        default_factory=dict,
        description="a setting's name → its subject, the programs under study; a result of before there was a"
        " choice has none",
    )
    subjects_toml: dict[str, str] = Field(default_factory=dict, description="a subject's name → its file")
    machine: dict[str, str]
    versions: dict[str, str]
    jaeger_url: str | None = Field(
        default=None, pattern=_HTTP, description="where the run's traces can be searched"
    )
    prometheus_url: str | None = Field(
        default=None, pattern=_HTTP, description="where the run's metrics can be queried"
    )

    made_by: Literal["run", "watch"] = Field(
        default="run", description="a watch: its settings are live Services, which nobody commanded"
    )
    sources: dict[str, str] = Field(
        default_factory=dict, description="of a watch: each source of evidence, what it has and what it lacks"
    )

    def subject(self, setting: str) -> str:
        """Return the name of the programs that ran with a setting."""
        return self.subjects.get(setting, BEFORE_SUBJECTS)


class Result(Part):
    """Everything that a report shows."""

    schema_version: Literal["1"] = SCHEMA_VERSION
    provenance: Provenance
    verdict: Verdict
    settings: list[SettingResult]
    expectations: list[Expectation]
    ledger_closes: bool
