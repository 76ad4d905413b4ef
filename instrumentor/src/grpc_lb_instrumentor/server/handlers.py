"""Wraps a server's method handlers, once for each method instead of once for each RPC."""

# ruff: noqa: ANN401  # handlers are of the application's servicers

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import grpc

from grpc_lb_instrumentor.rpc.metadata import asks
from grpc_lb_instrumentor.rpc.shapes import Shape
from grpc_lb_instrumentor.server.telemetry import Method, ServerTelemetry

_CACHED_METHODS: Final = 1024  # a generic handler, such as a proxy's, may serve any number of methods

Behavior = Callable[..., Any]
Transform = Callable[[Any], Any]


class Kind(NamedTuple):
    """A method's behaviour, its deserialiser and its serialiser.

    A wrapped behaviour that has the transforms reads a unary request and writes an answer itself, so that it
    knows if that fails. None leaves this to gRPC.
    """

    behavior: Behavior
    deserialize: Transform | None
    serialize: Transform | None


Wrap = Callable[[Method, Kind, bool], Kind | None]
"""Returns the behaviour with telemetry; None if the method is not recorded.

The flag says whether the client asks for the pod's name.
"""


class Handlers:
    """The handlers of one server."""

    def __init__(self, telemetry: ServerTelemetry, shape: Shape, *, unary: Wrap, streaming: Wrap) -> None:
        """Wrap behaviours with one answer by ``unary``, those with a stream of answers by ``streaming``."""
        self._telemetry = telemetry
        self._shape = shape
        self._unary = unary
        self._streaming = streaming
        # (path, whether the client asks for the name) → (the original handler, the wrapped one)
        self._known: dict[tuple[str, bool], tuple[Any, Any]] = {}

    def wrapped(self, details: grpc.HandlerCallDetails, handler: Any) -> Any:
        """Return the RPC's handler, wrapped; None (an unknown method) stays None."""
        if not (self._telemetry.enabled or self._shape.taken):
            return handler
        path = details.method
        # Read once here: a context copies its metadata each time.
        asked = self._telemetry.enabled and asks(details.invocation_metadata)
        known = self._known.get((path, asked))
        if known is not None and known[0] is handler:
            return known[1]
        if handler is None or self._telemetry.settings.excludes(path) or self._shape.skips(path):
            return handler
        result = self._wrap(path, handler, asked=asked)
        if len(self._known) >= _CACHED_METHODS:
            self._known.clear()
        self._known[path, asked] = (handler, result)
        return result

    def _wrap(self, path: str, handler: Any, *, asked: bool) -> Any:
        name = _KINDS[handler.request_streaming, handler.response_streaming]
        wrap = self._streaming if handler.response_streaming else self._unary
        given = Kind(
            getattr(handler, name),
            None if handler.request_streaming else handler.request_deserializer,
            handler.response_serializer,
        )
        wrapped = wrap(Method(self._telemetry, self._shape, path), given, asked)
        if wrapped is None:
            return handler
        read = handler.request_deserializer if handler.request_streaming else wrapped.deserialize
        make = getattr(grpc, f"{name}_rpc_method_handler")
        return make(wrapped.behavior, read, wrapped.serialize)


_KINDS: Final = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}
