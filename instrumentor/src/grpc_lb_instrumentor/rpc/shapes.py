"""How RPC spans look: their name, attributes and status. There are two shapes.

``StableShape`` follows the stable semantic conventions; it is used if only this package makes RPC spans.
``UpstreamShape`` (in ``upstream``) looks like the spans of opentelemetry-instrumentation-grpc, which it
replaces.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import grpc
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from grpc_lb_instrumentor import names

Attributes = Mapping[str, AttributeValue]


class Shape(Protocol):
    """How the spans of a channel or a server look."""

    taken: bool
    """Whether they replace upstream's spans, and so continue when this package is switched off."""
    tracer: Tracer
    request_hook: Any
    """Called with the span and the request, if upstream's user has set it."""
    response_hook: Any
    """Called with the span and the response, if upstream's user has set it."""

    def skips(self, path: str, /) -> bool:
        """Return whether RPCs of this path have no span."""

    def name(self, path: str) -> str:
        """Return the span's name."""

    def opening(self, path: str) -> Attributes:
        """Return the attributes that a span begins with."""

    def closing(self, code: grpc.StatusCode) -> Attributes:
        """Return the attributes that are set when the RPC ends."""

    def peer(self, peer: str) -> Attributes:
        """Return a server span's attributes for its client, whose address gRPC writes like this."""

    def status(self, code: grpc.StatusCode, details: str | None) -> Status | None:
        """Return the status of an RPC that ended with this code; None leaves it unset."""


class StableShape:
    """Follows the stable semantic conventions."""

    def __init__(self, tracer: Tracer, errors: frozenset[grpc.StatusCode]) -> None:
        """Make spans with ``tracer``; codes in ``errors`` are errors of this side."""
        self.taken = False
        self.request_hook: Any = None
        self.response_hook: Any = None
        self.tracer = tracer
        self._errors = errors
        self._closing: dict[int, Attributes] = {}

    def skips(self, path: str, /) -> bool:  # noqa: ARG002  # the protocol's
        """Return False: excluded services do not get here."""
        return False

    def name(self, path: str) -> str:
        """Return the fully qualified method."""
        return path.lstrip("/")

    def opening(self, path: str) -> Attributes:
        """Return the system and the method."""
        return {names.RPC_SYSTEM_NAME: "grpc", names.RPC_METHOD: path.lstrip("/")}

    def closing(self, code: grpc.StatusCode) -> Attributes:
        """Return the code; if it is an error, also as the error's type."""
        # By the code's id: hashing an enumeration's member runs Python code, and members are never deleted.
        attributes = self._closing.get(id(code))
        if attributes is None:
            attributes = {names.RPC_STATUS_CODE: code.name}
            if code in self._errors:
                attributes[names.ERROR_TYPE] = code.name
            self._closing[id(code)] = attributes
        return attributes

    def peer(self, peer: str) -> Attributes:
        """Return the client's address."""
        return peer_attributes(peer)

    def status(self, code: grpc.StatusCode, details: str | None) -> Status | None:
        """Return an error with gRPC's message."""
        return Status(StatusCode.ERROR, details or code.name) if code in self._errors else None


def start(shape: Shape, name: str, kind: SpanKind, context: Context, attributes: Attributes) -> Span:
    """Start a span, which ends with its RPC."""
    return shape.tracer.start_span(
        name, context, kind, attributes, record_exception=False, set_status_on_exception=False
    )


def close(
    shape: Shape, span: Span, code: grpc.StatusCode, details: str | None, error: BaseException | None
) -> None:
    """Record how an RPC ended on its span; ``error`` is the exception that was raised, if any."""
    for key, value in shape.closing(code).items():  # for so few, cheaper than all at once
        span.set_attribute(key, value)
    status = shape.status(code, details)
    if status is not None:
        span.set_status(status)
    if error is not None:
        span.record_exception(error)


def peer_attributes(peer: str) -> Attributes:
    """Return the address and port of a peer as gRPC writes it; empty for a Unix socket."""
    address = host_and_port(peer)
    return (
        {}
        if address is None
        else {names.NETWORK_PEER_ADDRESS: address[0], names.NETWORK_PEER_PORT: address[1]}
    )


def host_and_port(peer: str) -> tuple[str, int] | None:
    """Split a peer as gRPC writes it; None for a Unix socket or anything else."""
    scheme, _, rest = peer.partition(":")
    if scheme not in ("ipv4", "ipv6"):
        return None
    host, _, port = rest.partition(",")[0].rpartition(":")
    host = host.replace("%5B", "").replace("%5D", "").strip("[]").removeprefix("::ffff:")
    return (host, int(port)) if host and port.isdecimal() else None


def server_attributes(target: str) -> Attributes:
    """Return the address and port that a channel's target names; the whole target if it names no host.

    Targets are ``host:port``, ``dns://authority/host:port``, ``ipv4:10.0.0.1:50051``, ``unix:path``,
    ``xds:///name`` and whatever else gRPC resolves.
    """
    scheme, colon, rest = target.partition(":")
    if not colon:
        return {names.SERVER_ADDRESS: target}
    if scheme in ("dns", "ipv4", "ipv6", "xds"):
        place = rest.rpartition("/")[2] if rest.startswith("//") else rest
    elif rest.isdecimal() or target.startswith("["):
        place = target
    else:
        return {names.SERVER_ADDRESS: target}
    if "," in place:
        return {names.SERVER_ADDRESS: place}
    host, colon, port = place.rpartition(":")
    if colon and port.isdecimal() and (":" not in host or host.startswith("[")):
        return {names.SERVER_ADDRESS: host.strip("[]"), names.SERVER_PORT: int(port)}
    return {names.SERVER_ADDRESS: place.strip("[]")}
