"""What happens in a control plane, as small typed records: whoever wants to know gets each as it happens.

All instants are nanoseconds since the Unix epoch. Addresses are texts, ``10.0.0.1:50051``, sorted.
"""

from dataclasses import dataclass

from endpoint_push.wire import Kind


@dataclass(frozen=True, slots=True)
class EndpointsChanged:
    """A service has other endpoints from now on, and clients are being told."""

    at: int
    service: str
    version: int
    addresses: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EndpointsWithheld:
    """A service has no endpoint left; clients keep the last ones, as an empty list would fail every RPC."""

    at: int
    service: str
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceSynced:
    """The whole state was read from where endpoints come from; the first time, or again after a loss."""

    at: int
    services: int


@dataclass(frozen=True, slots=True)
class SourceLost:
    """Where endpoints come from does not answer; what is known stays."""

    at: int
    reason: str


@dataclass(frozen=True, slots=True)
class ClientConnected:
    """A client opened its stream, and has said who it is."""

    at: int
    stream: int  # unique in this process
    node: str  # node.id of its bootstrap


@dataclass(frozen=True, slots=True)
class ClientDisconnected:
    """A client's stream has ended."""

    at: int
    stream: int
    node: str


@dataclass(frozen=True, slots=True)
class VersionSent:
    """A client was sent resources of one type."""

    at: int
    stream: int
    node: str
    kind: Kind
    version: int
    resources: tuple[str, ...]
    # Of endpoints only: the lists, and how they differ from what this stream was sent before.
    addresses: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acked:
    """A client uses what it was sent."""

    at: int
    sent: VersionSent


@dataclass(frozen=True, slots=True)
class Nacked:
    """A client refused what it was sent, and keeps what it had."""

    at: int
    sent: VersionSent
    reason: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A client neither took nor refused it: its stream ended, or it answered to a later version at once."""

    at: int
    sent: VersionSent


Record = (
    EndpointsChanged
    | EndpointsWithheld
    | SourceSynced
    | SourceLost
    | ClientConnected
    | ClientDisconnected
    | VersionSent
    | Acked
    | Nacked
    | Unanswered
)
