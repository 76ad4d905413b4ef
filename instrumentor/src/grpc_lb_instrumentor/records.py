"""What was seen, as small typed records: the watchers make them, the telemetry writes them down.

All instants are nanoseconds since the Unix epoch, as OpenTelemetry counts.
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a resolution ended."""

    CHANGED = "changed"  # a good answer that differs from the last good one (the first one does)
    UNCHANGED = "unchanged"
    EMPTY = "empty"  # NOERROR without an address, for every family asked
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"  # and any other rcode that is an error
    TIMEOUT = "timeout"  # the channel closed its socket, or gave up, before an answer came


class PushOutcome(StrEnum):
    """What a client made of a version that a control plane sent it."""

    ACKED = "acked"  # it uses it
    NACKED = "nacked"  # it refused it, and keeps what it had
    UNANSWERED = "unanswered"  # its stream ended, or it answered to a later version at once


class Cause(StrEnum):
    """What made the channel resolve, where that can be told."""

    FIRST = "first"  # the channel's first resolution
    CONNECTION_LOST = "connection_lost"  # a subchannel of it was broken at some time since the last one
    RETRY = "retry"  # the last resolution failed, and the channel's back-off has run out
    UNKNOWN = "unknown"


class SubchannelState(StrEnum):
    """The states of a subchannel's life; the first and the last are ours, the others gRPC's."""

    CREATED = "created"
    IDLE = "idle"
    CONNECTING = "connecting"
    READY = "ready"
    TRANSIENT_FAILURE = "transient_failure"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ResolverUpdate:
    """One time that a channel's resolver returned."""

    channel: int
    target: str  # as the application gave it
    question: str  # the name asked last, with the search domain that answered
    started: int  # the first query of this resolution reached the tap
    ended: int  # the last answer was handed to the channel, or the channel stopped waiting
    outcome: Outcome
    cause: Cause
    addresses: tuple[str, ...]  # sorted; of a failed resolution: empty
    added: tuple[str, ...]  # against the last good answer
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubchannelEvent:
    """One state that a subchannel entered."""

    channel: int
    subchannel: int  # channelz's id
    address: str  # "127.0.1.2:50051", "[::1]:50051"
    state: SubchannelState
    at: int
    previous: SubchannelState | None = None
    target: str = ""  # of its channel, as the application gave it
