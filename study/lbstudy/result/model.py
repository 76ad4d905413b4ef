"""The result of a run: a documented, versioned schema.

Instants are seconds since time zero (the load's start), durations are seconds, unless a name says
otherwise. Arrays that belong together have the same length. Numbers are never made up: what did not happen
within the run is a censored ``Delay``.
"""

from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA_VERSION: Literal["1"] = "1"

_HTTP = "^https?://[^/]"
"""A link in the report leads there: never to a script or a file."""


class Part(BaseModel):
    """What all parts share: immutable, no unknown keys, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Delay(Part):
    """A duration that was measured, or is only known to exceed the time for which it was watched."""

    seconds: float | None = Field(default=None, description="the measured duration")
    censored_after: float | None = Field(default=None, description="not within so many seconds")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.seconds is None) == (self.censored_after is None):
            raise ValueError("a delay is either measured or censored")
        return self

    def __str__(self) -> str:
        if self.seconds is None:
            return f"> {self.censored_after:.1f} s"
        return f"{self.seconds * 1000:.0f} ms" if self.seconds < 1 else f"{self.seconds:.1f} s"


class DelaySummary(Part):
    """Several delays, censored ones included: quantiles of the Kaplan-Meier estimate."""

    count: int = Field(description="delays in all")
    censored: int = Field(description="of these, not within the time watched")
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
    requests: dict[str, list[float]] = Field(description="server → answered RPC/s in each bucket")
    unanswered: list[float] = Field(description="RPC/s that no server answered")
    errors: list[float] = Field(description="RPC/s that ended with another code than OK")
    fair_share: list[float | None] = Field(description="answered RPC/s ÷ Ready servers; None without one")
    addresses: list[float | None] = Field(description="mean number of addresses in the clients' lists")
    ready: list[Ready] = Field(description="Ready servers, as a step function")
    latency_p50: list[float | None]
    latency_p99: list[float | None]
    coverage: list[float | None] = Field(description="share of Ready servers that answered in the bucket")
    events: list[TimelineEvent]


# --- 1. distribution ------------------------------------------------------------------------------


class ServerShare(Part):
    """One server's part of a phase's requests."""

    server: str
    requests: int
    share: float = Field(description="of the phase's answered RPCs, 0 to 1")
    ready: bool = Field(description="Ready for the whole of the settled part")


class PhaseDistribution(Part):
    """How evenly one phase's requests were spread among the servers Ready then."""

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


class ServerLatency(Part):
    """Latency, and failures, of the RPCs that one server answered in the whole run."""

    server: str
    requests: int
    failed: int = Field(description="of these, with another code than OK")
    p50: float | None
    p99: float | None


class Latency(Part):
    """Measure 2: latency, steady against transition, by server; offered and achieved rate."""

    all: Quantiles
    steady: Quantiles
    transition: Quantiles = Field(
        description="scheduled within transition_window after a scale command, a fault’s beginning or lifting"
    )
    transition_window: float
    servers: list[ServerLatency] = Field(default_factory=list, description="those that answered any RPC")
    histogram: Histogram
    offered_rate: float = Field(description="RPC/s")
    achieved_rate: float = Field(description="RPC/s sent")
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
    """One failed RPC, for the list in the report (the first ones only)."""

    at: float
    code: str
    server: str | None
    client: str
    latency: float
    link: Link | None


class Errors(Part):
    """Measure 3: errors of clients and servers, by code, phase and server."""

    client_by_code: dict[str, int] = Field(description="all codes, OK included, as the clients saw them")
    server_by_code: dict[str, int] = Field(description="the same, as the servers' spans say")
    ratio: float | None = Field(description="client errors ÷ client RPCs")
    phases: list[PhaseErrors]
    by_server: dict[str, dict[str, int]] = Field(
        description='server → code → RPCs that the clients saw fail; key "" for no server'
    )
    failures: list[Failure]


# --- 4. adaptability ------------------------------------------------------------------------------


class StageName(StrEnum):
    """The stages of a change, in the order in which they come."""

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


class WaitedFor(StrEnum):
    """What a client was waiting for, in the order in which these things come; see measures.attribution."""

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
    """A part of a delay: what the client waited for, from when to when."""

    what: WaitedFor
    start: float
    end: float
    open: bool = Field(default=False, description="it had not come when the watching ended")


class MeanWait(Part):
    """How long one thing was waited for, in the mean over all clients and servers."""

    what: WaitedFor
    mean: float
    open: int = Field(description="clients and servers that still waited for it when the watching ended")


class WaitSummary(Part):
    """Where the seconds went from Ready to the first RPC, or the watching's end; the parts sum up to it."""

    count: int = Field(description="pairs of added server and client")
    open: int = Field(description="of these, without a first RPC within the time watched")
    mean: float
    parts: list[MeanWait]


class ClientView(Part):
    """What one client made of one change."""

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
    failed: int = Field(description="failed RPCs from command to watched_until naming this server or none")


class Change(Part):
    """A scale command and what it brought."""

    at: float
    before: int
    after: int
    added: list[str]
    removed: list[str]
    failed: int = Field(description="failed RPCs from this command until the next")


class Adaptability(Part):
    """Measure 4: how soon the clients noticed each change."""

    changes: list[Change]
    added: list[Added]
    removed: list[Removed]
    detect: DelaySummary = Field(description="time to detect, per added server and client")
    discovery: DelaySummary = Field(description="time to discovery, per added server and client")
    undiscovered: list[str] = Field(description="servers that were Ready and never answered an RPC")
    waits: WaitSummary | None = Field(
        default=None,
        description="where the seconds from Ready to the first RPC went; None without added servers",
    )
    updates_by_outcome: dict[str, int]
    updates_by_cause: dict[str, int]


# --- 5. utilisation -------------------------------------------------------------------------------


class Usage(Part):
    """One server's use over time."""

    server: str
    at: list[float]
    cpu: list[float | None] = Field(description="cores")
    memory: list[float | None] = Field(description="bytes")
    inactivity_age: list[float | None] = Field(description="s since it last finished an RPC")
    cpu_mean: float | None
    memory_max: float | None
    inactivity_max: float | None
    idle_share: float | None = Field(description="share of its Ready samples with an inactivity age over 1 s")


class Utilisation(Part):
    """Measure 5: CPU, memory and inactivity age of each server."""

    servers: list[Usage]


# --- faults ---------------------------------------------------------------------------------------


class Group(Part):
    """The RPCs of some servers, or of none, that were under way while a fault lasted."""

    servers: int
    requests: int
    failed: int
    p50: float | None
    p99: float | None


class Fault(Part):
    """Trouble that was made on purpose, who felt it, and whether clients kept sending there.

    A share is None where there is nothing to keep sending to: the fault is momentary, or on no particular
    server. The others are None in a result of before they were measured.
    """

    label: str
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


# --- the price ------------------------------------------------------------------------------------


class Price(Part):
    """What a setting costs, of the load's time."""

    connections: int = Field(description="connections that the clients made under load")
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


class Ledger(Part):
    """Whether the run's counts agree with each other."""

    entries: list[Entry]
    closes: bool


# --- the whole ------------------------------------------------------------------------------------


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
    faults: list[Fault] = Field(default_factory=list, description="in the order in which they began")
    price: Price | None = Field(default=None, description="None in a result of before it was measured")
    ledger: Ledger


class Expectation(Part):
    """What the scenario expected of a setting, and what came."""

    setting: str
    measure: str
    expected: str
    found: str
    met: bool


class Verdict(Part):
    """The answer, in words."""

    headline: str
    points: list[str]


class Provenance(Part):
    """What was run, where and with what."""

    run_id: str
    scenario: str
    scenario_description: str
    scenario_toml: str
    settings_toml: dict[str, str]
    command: str
    started: str = Field(description="ISO 8601, UTC")
    duration: float = Field(description="of the load, s")
    seed: int
    platform: str
    machine: dict[str, str]
    versions: dict[str, str]
    jaeger_url: str | None = Field(
        default=None, pattern=_HTTP, description="where the run's traces can be searched"
    )
    prometheus_url: str | None = Field(
        default=None, pattern=_HTTP, description="where the run's metrics can be queried"
    )


class Result(Part):
    """Everything that a report shows."""

    schema_version: Literal["1"] = SCHEMA_VERSION
    provenance: Provenance
    verdict: Verdict
    settings: list[SettingResult]
    expectations: list[Expectation]
    ledger_closes: bool
