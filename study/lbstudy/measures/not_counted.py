"""Which entries of the ledger a subject allows, by what its programs and their telemetry report."""

from collections.abc import Iterator

from lbstudy.measures.codes import OK
from lbstudy.observation.known import NO_SPANS, Observer, Seen, Unseen
from lbstudy.observation.records import UNKNOWN_SERVER, Lane
from lbstudy.result.model import NotCounted

_CLIENT_COUNTS = 'a line {"event": "finished", "tally": …} at the client’s end'
_CLIENT_NAMES = 'by_server in the line {"event": "finished", "tally": …}'
_SERVER_COUNTS = 'a line {"event": "stopped", "answered": …} at each server’s end'


def has_client_spans(lane: Lane) -> bool:
    """Return whether the client's own RPC spans report the RPCs."""
    return isinstance(lane.known.rpcs, Seen) and lane.known.rpcs.by is Observer.CLIENT_SPANS


def has_all_answers(lane: Lane) -> bool:
    """Return whether it is known for each RPC that ended with OK who answered it."""
    is_unknown = (lane.rpcs.server == UNKNOWN_SERVER) & (lane.rpcs.code == OK)
    return isinstance(lane.known.answers, Seen) and not is_unknown.any()


def names_no_server(lane: Lane) -> bool:
    """Return whether the client program cannot name servers: it counted none by a name, though some answered.

    Where both sides are ours the answers have names, so a count without any is an error.
    """
    if lane.known.instrumented and lane.known.servers_instrumented:
        return False
    is_answered = (lane.rpcs.code == OK) & (lane.rpcs.server >= 0)
    return bool(is_answered.any()) and not any(tally.by_server for tally in lane.client_tallies)


def has_server_counts(lane: Lane) -> bool:
    """Return whether any server reported its count."""
    return lane.known.servers_instrumented or any(tally.by_code is not None for tally in lane.server_tallies)


def has_server_spans(lane: Lane) -> bool:
    """Return whether the servers send RPC spans."""
    return lane.known.servers_instrumented or len(lane.served) > 0


def has_updates(lane: Lane) -> bool:
    """Return whether our instrumentor reports the client's resolver, and the DNS server has a log."""
    return lane.known.instrumented


def not_counted(lane: Lane) -> list[NotCounted]:
    """Return the entries for which nobody has counts."""
    return list(_not_counted(lane))


def _not_counted(lane: Lane) -> Iterator[NotCounted]:
    has_tallies = bool(lane.client_tallies)
    if not has_tallies and isinstance(lane.known.counts, Unseen):
        yield NotCounted(
            name="RPCs sent",
            what="RPCs that the client sent, by code, against its spans and the servers’ counts",
            why=lane.known.counts.why,
            needs=_CLIENT_COUNTS,
        )
    if not has_client_spans(lane):
        yield NotCounted(
            name="RPC spans",
            what="the client’s RPC spans, by code and server, against what the program counted",
            why="the client sends no RPC spans",
            needs=NO_SPANS,
        )
    elif not has_all_answers(lane):
        yield NotCounted(
            name="answers by server",
            what="RPCs with OK, by the server that answered, against the servers’ counts",
            why="of some RPCs it is not known who answered them",
            needs="the servers’ RPC spans, or our instrumentor in client and servers",
        )
    elif has_tallies and names_no_server(lane):
        yield NotCounted(
            name="answers by server",
            what="RPCs with OK, by the server that answered, against the names in the answers",
            why="the client program counts no names of servers",
            needs=_CLIENT_NAMES,
        )
    if not has_server_counts(lane):
        yield NotCounted(
            name="answers",
            what="RPCs that the servers answered against those that the client got",
            why="the servers print no counts",
            needs=_SERVER_COUNTS,
        )
    elif not has_server_spans(lane):
        yield NotCounted(
            name="RPCs by server",
            what="the servers’ RPC spans against what they counted",
            why="the servers send no RPC spans",
            needs="OpenTelemetry’s gRPC instrumentation in the servers",
        )
    if not has_updates(lane) and (lane.lookups or not lane.lookups_known):
        yield NotCounted(
            name="resolver updates",
            what="what the client’s resolver was told against the DNS server’s log",
            why="the client tells nothing of its resolver",
            needs="our instrumentor in the client",
        )
