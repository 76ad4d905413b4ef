"""Small typed records of what was seen. The watchers make them, and the telemetry writes them down.

All instants are nanoseconds since the Unix epoch, as in OpenTelemetry.
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a resolution ended."""

    CHANGED = "changed"  # a good answer that differs from the last good one; also the first one
    UNCHANGED = "unchanged"
    EMPTY = "empty"  # NOERROR without an address, for each family that was asked for
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"  # or any other rcode that is an error
    TIMEOUT = "timeout"  # the channel closed its socket or gave up before an answer came


class PushOutcome(StrEnum):
    """How a client answered a version that a control plane sent."""

    ACKED = "acked"  # the client uses it
    NACKED = "nacked"  # the client refused it, and keeps what it had
    UNANSWERED = "unanswered"  # the stream ended first, or the client answered only a later version


class Cause(StrEnum):
    """What made the channel resolve, as far as that is known."""

    FIRST = "first"  # the channel's first resolution
    CONNECTION_LOST = "connection_lost"  # a subchannel broke after the last resolution
    RETRY = "retry"  # the last resolution failed, and the back-off is over
    UNKNOWN = "unknown"


class Unnamed(StrEnum):
    """Why a client's span names no pod."""

    NO_ANSWER = "no_answer"  # no server answered: not connected, or the deadline passed first
    CANCELLED = "cancelled"  # the client cancelled before the pod's name had come
    NOT_TOLD = (
        # a server answered without a name: it, or a proxy that answered for it, is not instrumented
        "not_told"
    )
    UNKNOWN = "unknown"  # gRPC does not show whether a server or the client's library made this error


class SubchannelState(StrEnum):
    """The states of a subchannel's life. The first and the last are ours, the others gRPC's."""

    CREATED = "created"
    IDLE = "idle"
    CONNECTING = "connecting"
    READY = "ready"
    TRANSIENT_FAILURE = "transient_failure"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ResolverUpdate:
    """One result of a channel's resolver."""

    channel: int | None  # None: one of `channels`, which share connections
    target: str  # as the application gave it
    question: str  # the last name asked for, with the search domain that answered
    started: int  # when the first query of this resolution reached the tap
    ended: int  # when the channel got the last answer, or stopped waiting
    outcome: Outcome
    cause: Cause
    addresses: tuple[str, ...]  # sorted; empty if the resolution failed
    added: tuple[str, ...]  # new since the last good answer
    removed: tuple[str, ...]
    channels: tuple[int, ...] = ()
    families: tuple[str, ...] = ()  # record types that were asked for: "A", "AAAA"
    missing: tuple[str, ...] = ()  # of these, those without an answer, or with an error in its place
    questions: int = 0  # each search step asks one for each family


@dataclass(frozen=True, slots=True)
class SubchannelEvent:
    """A state that a subchannel entered."""

    channel: int
    subchannel: int  # channelz's id
    address: str  # "127.0.1.2:50051", "[::1]:50051"
    state: SubchannelState
    at: int
    previous: SubchannelState | None = None
    target: str = ""  # the channel's target, as the application gave it
