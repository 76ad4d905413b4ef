"""Small typed records of what happens in a control plane; observers get each as it happens.

All instants are nanoseconds since the Unix epoch. Addresses are sorted texts such as ``10.0.0.1:50051``.
"""

from dataclasses import dataclass

from endpoint_push.wire import ResourceType


@dataclass(frozen=True, slots=True)
class EndpointsChanged:
    """A service's endpoints have changed; the change is being pushed to clients."""

    at: int
    service: str
    version: int
    addresses: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EndpointsWithheld:
    """A service has no endpoints left. Clients keep the last ones: an empty list would fail every RPC."""

    at: int
    service: str
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceSynced:
    """The source of endpoints was read completely, for the first time or again after a loss."""

    at: int
    services: int


@dataclass(frozen=True, slots=True)
class SourceLost:
    """The source of endpoints does not answer; the known endpoints stay."""

    at: int
    reason: str


@dataclass(frozen=True, slots=True)
class ClientConnected:
    """A client opened its stream and named itself."""

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
    kind: ResourceType
    version: int
    resources: tuple[str, ...]
    # Only for endpoints: the lists, and how they differ from what this stream was sent before.
    addresses: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acked:
    """A client accepted what it was sent."""

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
    """A client neither accepted nor refused it: its stream ended, or it answered a later version instead."""

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
