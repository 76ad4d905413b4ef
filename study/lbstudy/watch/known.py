"""Who told each part of a watched Service's lane, and why nobody did. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lbstudy.observation.known import INSTRUMENTED, NO_SPANS, Known, Observer, Part, Seen, Unseen
from lbstudy.watch.words import counted

_AT_SERVERS: Final = "as the servers saw it: an RPC that reached no server is not among them"
_NO_CALLS: Final = Unseen(
    "counters tell how many requests there were between two samples, and of no single one",
    f"{NO_SPANS} or the servers, and --otlp-listen or --jaeger",
)
_NOTHING: Final = Unseen(
    "no source told of a request",
    "Prometheus with counters of the servers, or spans: see docs/watch.md",
)
_COUNTS: Final = Unseen("a watch asks the programs of a live Service for no counts", "a run: lbstudy run")


@dataclass(frozen=True, slots=True)
class Told:
    """How much there is of each kind.

    Attributes:
        of_clients: RPC spans of clients.
        by_servers_alone: RPCs of which only the server's span is there.
        answers: RPCs by who told who answered them.
        unknown: RPCs of which nobody did.
        counted_every: the longest time between two samples of the counters that tell of answers, s; None:
            spans tell, or nothing does.
        is_sampled: not every RPC is told.
        clients: that are told apart.
        resolvers: of these, those that tell of their resolver.
        connections: those that tell of their connections.
        has_addresses: whether any pod's address is known.
    """

    of_clients: int
    by_servers_alone: int
    answers: Mapping[Observer, int]
    unknown: int
    counted_every: float | None
    is_sampled: bool
    clients: int
    resolvers: int
    connections: int
    has_addresses: bool


def known_of(evidence: Told) -> Known:
    """Who told each part."""
    rpcs = _rpcs(evidence)
    return Known(
        instrumented=False,
        servers_instrumented=False,
        rpcs=rpcs,
        latency=_latency(evidence),
        answers=_answers(evidence),
        updates=_of_clients(evidence, evidence.resolvers, "resolver"),
        connections=_of_clients(evidence, evidence.connections, "connections"),
        codes=rpcs,
        counts=_COUNTS,
    )


def _rpcs(evidence: Told) -> Part:
    notes = []
    if evidence.is_sampled:
        notes.append("not all of them: spans are sampled, or some were left out")
    if evidence.of_clients:
        if evidence.by_servers_alone:
            notes.append(f"of {evidence.by_servers_alone:,} only the server’s span is there")
        return Seen(Observer.CLIENT_SPANS, "; ".join(notes))
    if evidence.by_servers_alone:
        return Seen(Observer.SERVER_SPANS, "; ".join([_AT_SERVERS, *notes]))
    return _NOTHING if evidence.counted_every is None else _NO_CALLS


def _latency(evidence: Told) -> Part:
    if evidence.of_clients:
        return Seen(Observer.CLIENT_SPANS, "from the send: when an RPC was due is not known")
    return Unseen("only the client can tell how long an RPC took it, and no client sends RPC spans", NO_SPANS)


def _answers(evidence: Told) -> Part:
    if evidence.counted_every is not None:
        note = "counted where it was sampled: it came then, or up to so much earlier"
        return Seen(Observer.COUNTERS, note, evidence.counted_every)
    if not evidence.of_clients and not evidence.by_servers_alone:
        return _NOTHING
    if not evidence.answers:
        return Unseen(
            "the clients’ spans name no server, and the servers send no spans",
            "OpenTelemetry’s gRPC instrumentation in the servers, or our instrumentor in both",
        )
    first, *others = sorted(evidence.answers, key=lambda by: -evidence.answers[by])
    notes = [f"of {evidence.answers[by]:,} RPCs by {by.value}" for by in others]
    if evidence.unknown:
        notes.append(f"of {evidence.unknown:,} RPCs it is not known")
    return Seen(first, "; ".join(notes))


def _of_clients(counts: Told, tell: int, evidence: str) -> Part:
    if not counts.has_addresses:
        return Unseen("the pods’ addresses are not known: clients’ lists have nothing else", "a live watch")
    if not tell:
        return Unseen(f"no client tells anything of its {evidence}", INSTRUMENTED)
    note = "" if tell == counts.clients else f"of {tell} of {counted(counts.clients, 'client')}"
    return Seen(Observer.INSTRUMENTOR, note)
