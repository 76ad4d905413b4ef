"""Works beside opentelemetry-instrumentation-grpc: makes its spans in its place, and with the same looks.

Its interceptors turn a synchronous stream into a generator, await the end of a ``grpc.aio`` call before the
application has written to it, and accept no synchronous handler on a ``grpc.aio`` server. Ours do not, and a
second level of interception would cost as much as the first. So when a channel or a server gets one of its
interceptors, ours replaces that one: with its tracer, filter, hooks and span names.
"""

# ruff: noqa: ANN401, SLF001  # its interceptors keep these private

import importlib
import logging
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any, Final, NamedTuple

import grpc
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.rpc.shapes import Attributes, Shape, host_and_port

_logger = logging.getLogger(__name__)

SCOPE: Final = "opentelemetry.instrumentation.grpc"
"""Its package, with which the scope of its spans begins."""


class OldAttributes:
    """The attributes that upstream's conventions define."""

    def opening(self, path: str) -> Attributes:
        """Return service and method separately."""
        service, _, method = path.lstrip("/").partition("/")
        return {
            names.RPC_SYSTEM: "grpc",
            names.RPC_GRPC_STATUS_CODE: 0,
            names.RPC_METHOD: method,
            names.RPC_SERVICE: service,
        }

    def closing(self, code: grpc.StatusCode) -> Attributes:
        """Return the code as a number, unless the span began with it."""
        return {} if code is grpc.StatusCode.OK else {names.RPC_GRPC_STATUS_CODE: code.value[0]}

    def peer(self, peer: str) -> Attributes:
        """Return the client's address under its old names."""
        address = host_and_port(peer)
        if address is None:
            return {}
        named: dict[str, Any] = {names.NET_PEER_IP: address[0], names.NET_PEER_PORT: str(address[1])}
        if address[0] in ("::1", "127.0.0.1"):
            named[names.NET_PEER_NAME] = "localhost"
        return named


class UpstreamShape(OldAttributes):
    """Spans like those of opentelemetry-instrumentation-grpc 0.61 to 0.66."""

    taken = True

    def __init__(self, tracer: Tracer, errors: frozenset[grpc.StatusCode], interceptor: Any) -> None:
        """Replace ``interceptor``; codes in ``errors`` are errors of this side."""
        self.tracer = tracer
        self.request_hook = _hook(interceptor, "_request_hook")
        self.response_hook = _hook(interceptor, "_response_hook")
        self._filter = interceptor._filter
        self._errors = errors

    def skips(self, path: str, /) -> bool:
        """Return whether the interceptor's filter excludes this path."""
        return self._filter is not None and not self._filter(_Method(path, path))

    def name(self, path: str) -> str:
        """Return the path."""
        return path

    def status(self, code: grpc.StatusCode, details: str | None) -> Status | None:
        """Return an error with code and details."""
        return Status(StatusCode.ERROR, f"{code}:{details or ''}") if code in self._errors else None


class _Method(NamedTuple):
    """What its filters read: one of these has the name, depending on the side."""

    full_method: str
    method: str


def taken(
    interceptors: Sequence[Any], module: str, errors: frozenset[grpc.StatusCode]
) -> tuple[Shape | None, list[Any]]:
    """Return the shape of upstream's spans, if one of these is its interceptor, and the other interceptors.

    ``module`` has upstream's interceptors of that side. An interceptor that is not as expected stays.
    """
    shape: Shape | None = None
    others = []
    for interceptor in interceptors:
        if type(interceptor).__module__ == f"{SCOPE}.{module}":
            interceptor_shape = _shape(interceptor, errors)
            if interceptor_shape is not None:
                shape = shape or interceptor_shape
                continue
        others.append(interceptor)
    return shape, others


def _shape(interceptor: Any, errors: frozenset[grpc.StatusCode]) -> Shape | None:
    tracer = getattr(interceptor, "_tracer", None)
    if tracer is None or not hasattr(interceptor, "_filter"):
        _warn_once(type(interceptor).__name__)
        return None
    return UpstreamShape(tracer, errors, interceptor)


def _hook(interceptor: Any, name: str) -> Any:
    hook = getattr(interceptor, name, None)
    return hook if callable(hook) else None


@cache
def _warn_once(name: str) -> None:
    _logger.warning(
        "%s of opentelemetry-instrumentation-grpc is not as expected: its spans stay its own, "
        "and beside them there are ours",
        name,
    )


def package() -> ModuleType | None:
    """Return upstream's package; None if it is not installed."""
    try:
        return importlib.import_module(SCOPE)
    except ImportError:
        return None


def call_hook(hook: Any, *args: Any) -> None:
    """Call a hook of upstream's user; its errors are suppressed."""
    try:
        hook(*args)
    except Exception:
        _logger.exception("error when invoking %s", getattr(hook, "__name__", hook))


def span_in_hand(path: str, kind: SpanKind) -> Span | None:
    """Return the current span if upstream made it for this RPC and it is recording; else None.

    That is so if a program has added upstream's interceptor to its channel by hand. Kind, name and scope must
    all match: otherwise the current span is the application's own or another RPC's, and must not be changed.
    """
    span: Any = trace.get_current_span()
    # Only the SDK's recording spans have these properties; the API's spans and unsampled ones do not.
    if (
        getattr(span, "kind", None) is kind
        and span.name == path
        and span.instrumentation_scope.name.startswith(SCOPE)
    ):
        recording: Span = span
        return recording
    return None
