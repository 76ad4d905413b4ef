"""Wrapping a server's method handlers: once a method and not once an RPC."""

# ruff: noqa: ANN401  # handlers are of the application's servicers

from collections.abc import Callable
from typing import Any, Final

import grpc

from grpc_lb_instrumentor.rpc.metadata import asks
from grpc_lb_instrumentor.server.telemetry import ServerTelemetry

_CACHED_METHODS: Final = 1024  # a generic handler, a proxy's, may serve any number of methods

Wrap = Callable[[ServerTelemetry, str, Callable[..., Any], bool], Callable[..., Any] | None]
"""Behaviour of an RPC → the same with telemetry; None where it is to be left alone.

The flag is whether the client asks for the pod's name."""


class Handlers:
    """The handlers of one server."""

    def __init__(self, telemetry: ServerTelemetry, *, unary: Wrap, streaming: Wrap) -> None:
        """Wrap behaviours with one answer by ``unary``, those with a stream of them by ``streaming``."""
        self._telemetry = telemetry
        self._unary = unary
        self._streaming = streaming
        # Path, and whether it is asked → the handler as it came, and as it went.
        self._known: dict[tuple[str, bool], tuple[Any, Any]] = {}

    def wrapped(self, details: grpc.HandlerCallDetails, handler: Any) -> Any:
        """Return the RPC's handler wrapped; None, an unknown method, stays None."""
        if not self._telemetry.enabled:
            return handler
        path = details.method
        # Read here: a context makes its metadata anew each time that they are asked for.
        asked = asks(details.invocation_metadata)
        known = self._known.get((path, asked))
        if known is not None and known[0] is handler:
            return known[1]
        if handler is None or self._telemetry.settings.excludes(path):
            return handler
        result = self._wrap(path, handler, asked=asked)
        if len(self._known) >= _CACHED_METHODS:
            self._known.clear()
        self._known[path, asked] = (handler, result)
        return result

    def _wrap(self, path: str, handler: Any, *, asked: bool) -> Any:
        behavior, make = _KINDS[handler.request_streaming, handler.response_streaming](handler)
        wrap = self._streaming if handler.response_streaming else self._unary
        wrapped = wrap(self._telemetry, path, behavior, asked)
        if wrapped is None:
            return handler
        return make(wrapped, handler.request_deserializer, handler.response_serializer)


_KINDS: Final[dict[tuple[bool, bool], Callable[[Any], tuple[Callable[..., Any], Callable[..., Any]]]]] = {
    (False, False): lambda handler: (handler.unary_unary, grpc.unary_unary_rpc_method_handler),
    (False, True): lambda handler: (handler.unary_stream, grpc.unary_stream_rpc_method_handler),
    (True, False): lambda handler: (handler.stream_unary, grpc.stream_unary_rpc_method_handler),
    (True, True): lambda handler: (handler.stream_stream, grpc.stream_stream_rpc_method_handler),
}
