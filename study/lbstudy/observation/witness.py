"""Chooses who reports each part of a lane, from the evidence there is. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lbstudy.observation.asked import LATER
from lbstudy.observation.known import INSTRUMENTED, NO_SPANS, Known, Observer, Part, Seen, Unseen

_AT_SERVERS: Final = "as the servers saw it: an RPC that reached no server is not among them"
_COUNTS_NEED: Final = 'a line {"event": "finished", "tally": …} at the end of the client’s output'


@dataclass(frozen=True, slots=True)
class Evidence:
    """How much evidence there is of each kind."""

    instrumented: bool  # whether our instrumentor is in the client, or should be
    servers_instrumented: bool | None = None  # the same for the servers; None: as for the client
    client_spans: int = 0  # RPC spans
    due_told: bool = True  # whether they say when each RPC was due
    server_spans: int = 0
    client_tallies: int = 0
    server_tallies: int = 0  # servers that reported their counts
    ended_well: bool = False  # whether the client's processes ended by themselves, with status 0
    answers: Mapping[Observer, int] = field(default_factory=dict)  # who named the server that answered → RPCs
    unknown: int = 0  # RPCs for which nobody did
    updates: int = 0  # resolver updates from our instrumentor
    pushes: int = 0  # lists from a control plane
    lookups: int = 0  # A queries that the DNS server answered
    lookups_known: bool = True
    transitions: int = 0  # states of subchannels from our instrumentor
    # s between two looks at the kernel's table; None: it was not watched
    connections_every: float | None = None


def known(evidence: Evidence) -> Known:
    """Return who reported each part; if several could, the one that sees it best."""
    return Known(
        instrumented=evidence.instrumented,
        servers_instrumented=evidence.instrumented
        if evidence.servers_instrumented is None
        else evidence.servers_instrumented,
        rpcs=_rpcs(evidence),
        latency=_latency(evidence),
        answers=_answers(evidence),
        updates=_updates(evidence),
        connections=_connections(evidence),
        codes=_codes(evidence),
        counts=_counts(evidence),
    )


def has_client_spans(evidence: Evidence) -> bool:
    """Return whether the client reports its RPCs, or should.

    If it should and there are none, none was sent, or the telemetry got lost, which the ledger shows.
    """
    return evidence.client_spans > 0 or evidence.instrumented


def _rpcs(evidence: Evidence) -> Part:
    if has_client_spans(evidence):
        return Seen(Observer.CLIENT_SPANS)
    if evidence.server_spans:
        return Seen(Observer.SERVER_SPANS, _AT_SERVERS)
    return Unseen("neither client nor servers send RPC spans", f"{NO_SPANS}, or in the servers")


def _latency(evidence: Evidence) -> Part:
    if not has_client_spans(evidence):
        return Unseen("only the client can tell how long an RPC took it, and it sends no RPC spans", NO_SPANS)
    if evidence.client_spans and not evidence.due_told:
        return Seen(Observer.CLIENT_SPANS, "from the send: the spans do not tell when an RPC was due")
    return Seen(Observer.CLIENT_SPANS)


def _answers(evidence: Evidence) -> Part:
    if not has_client_spans(evidence):
        if evidence.server_spans:
            return Seen(Observer.SERVER_SPANS, _AT_SERVERS)
        if evidence.server_tallies:
            return Unseen(
                "the servers’ own counts tell how many RPCs each answered, and not when",
                f"{NO_SPANS} and in the servers",
            )
        return Unseen("neither client nor servers tell of RPCs", f"{NO_SPANS} and in the servers")
    if not evidence.answers and not evidence.unknown:
        return Seen(Observer.POD_NAME)
    if not evidence.answers:
        return Unseen(
            "the client’s spans name neither the server nor its address, and the servers send no spans",
            "OpenTelemetry’s gRPC instrumentation in the servers, or our instrumentor in both",
        )
    first, *others = evidence.answers
    notes = [f"of {evidence.answers[by]:,} RPCs by {by.value}" for by in others]
    if evidence.unknown:
        notes.append(f"of {evidence.unknown:,} RPCs it is not known")
    return Seen(first, "; ".join(notes))


def _updates(evidence: Evidence) -> Part:
    if evidence.updates:
        return Seen(Observer.INSTRUMENTOR)
    if evidence.pushes:
        return Seen(Observer.CONTROL_PLANE)
    if evidence.lookups:
        return Seen(
            Observer.DNS_LOG,
            "what the DNS server answered, for the whole process; what the client made of it is not seen",
            LATER,
        )
    if evidence.instrumented:
        return Seen(Observer.INSTRUMENTOR)
    log = "shows none of its lookups" if evidence.lookups_known else "is a cluster’s, which nobody can read"
    return Unseen(f"the client tells nothing of its resolver, and the DNS server’s log {log}", INSTRUMENTED)


def _connections(evidence: Evidence) -> Part:
    if evidence.transitions or (evidence.instrumented and evidence.connections_every is None):
        return Seen(Observer.INSTRUMENTOR)
    if evidence.connections_every is not None:
        return Seen(
            Observer.KERNEL,
            "one that lasted for less than the time between two looks may not have been seen",
            evidence.connections_every,
        )
    return Unseen("the client tells nothing of its connections, and nobody watched them", INSTRUMENTED)


def _codes(evidence: Evidence) -> Part:
    if has_client_spans(evidence):
        return Seen(Observer.CLIENT_SPANS)
    if evidence.client_tallies:
        return Seen(Observer.CLIENT_COUNTS)
    if evidence.server_spans:
        return Seen(Observer.SERVER_SPANS, _AT_SERVERS)
    if evidence.server_tallies:
        return Seen(Observer.SERVER_COUNTS, _AT_SERVERS)
    return Unseen("nobody counts RPCs", f"{NO_SPANS}, or counts that client or servers print")


def _counts(evidence: Evidence) -> Part:
    if evidence.client_tallies or (evidence.instrumented and not evidence.ended_well):
        return Seen(Observer.CLIENT_COUNTS)
    return Unseen("the client program prints no counts", _COUNTS_NEED)
