"""Wraps every server when it is made: the constructors of the two server classes, as for channels."""

# ruff: noqa: ANN401  # a constructor's arguments are passed through

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc._server
import grpc.aio._server
from opentelemetry.instrumentation.utils import unwrap
from opentelemetry.metrics import Meter
from opentelemetry.trace import TracerProvider
from wrapt import wrap_function_wrapper

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.rpc import upstream
from grpc_lb_instrumentor.rpc.durations import SERVER_ERRORS, Durations
from grpc_lb_instrumentor.rpc.messages import Messages
from grpc_lb_instrumentor.rpc.metadata import Pairs
from grpc_lb_instrumentor.rpc.opt_in import chosen
from grpc_lb_instrumentor.rpc.shapes import Shape
from grpc_lb_instrumentor.server.activity import Activity
from grpc_lb_instrumentor.server.aio import AioServerInterceptor
from grpc_lb_instrumentor.server.aio_rejections import AioRejections
from grpc_lb_instrumentor.server.pod import pod_name
from grpc_lb_instrumentor.server.rejections import Rejections
from grpc_lb_instrumentor.server.sync import SyncServerInterceptor
from grpc_lb_instrumentor.server.telemetry import ServerTelemetry
from grpc_lb_instrumentor.settings import Conventions, Settings

_logger = logging.getLogger(__name__)

_PARAMETERS: Final = (
    "self",
    "thread_pool",
    "generic_handlers",
    "interceptors",
    "options",
    "maximum_concurrent_rpcs",
)
"""The first parameters of both constructors."""


class Servers:
    """The wrapped constructors, between ``install`` and ``remove``."""

    def __init__(self, settings: Settings, meter: Meter, tracer_provider: TracerProvider) -> None:
        """Record RPCs in ``meter``; the resource is ``tracer_provider``'s."""
        self._settings = settings
        self._meter = meter
        self._tracer_provider = tracer_provider
        self._telemetry: ServerTelemetry | None = None
        self._rejections = Rejections(self._pairs)
        self._aio_rejections = AioRejections(self._pairs)
        self._wrapped: list[type] = []

    def install(self) -> None:
        """Wrap the constructors. If grpcio's classes are not as expected, leave them alone and warn."""
        self._wrap(grpc._server._Server, "_server", self._sync_interceptor)  # noqa: SLF001  # see the module's docstring
        self._wrap(grpc.aio._server.Server, "_aio_server", self._aio_interceptor)  # noqa: SLF001  # the same
        self._rejections.install()
        self._aio_rejections.install()

    def remove(self) -> None:
        """Unwrap the constructors. Running servers continue; their RPCs are no longer recorded."""
        for owner in self._wrapped:
            unwrap(owner, "__init__")
        self._wrapped.clear()
        if self._telemetry is not None:
            self._telemetry.enabled = False
        self._rejections.remove()
        self._aio_rejections.remove()

    def _wrap(self, owner: type, upstreams: str, interceptor: Callable[[Shape | None], Any]) -> None:
        parameters = tuple(inspect.signature(owner.__init__).parameters)  # type: ignore[misc]  # read, not called
        if parameters[: len(_PARAMETERS)] != _PARAMETERS:
            _logger.warning(
                "%s.%s of grpcio takes %s: its servers are not instrumented",
                owner.__module__,
                owner.__qualname__,
                parameters,
            )
            return

        def init(
            wrapped: Callable[..., None], _: object, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> None:
            _construct(wrapped, upstreams, interceptor, *args, **kwargs)

        wrap_function_wrapper(owner, "__init__", init)
        self._wrapped.append(owner)

    def _sync_interceptor(self, shape: Shape | None) -> SyncServerInterceptor:
        return SyncServerInterceptor(self._described(), self._chosen(shape))

    def _aio_interceptor(self, shape: Shape | None) -> AioServerInterceptor:
        return AioServerInterceptor(self._described(), self._chosen(shape))

    def _chosen(self, shape: Shape | None) -> Shape:
        return chosen(self._settings.conventions, shape, self._described().tracer, SERVER_ERRORS)

    def _described(self) -> ServerTelemetry:
        if self._telemetry is None:
            # Not earlier: a process without a server has none of its instruments.
            self._telemetry = ServerTelemetry(
                pod_name(self._tracer_provider),
                self._settings,
                self._tracer_provider.get_tracer(names.SCOPE),
                Durations(
                    self._meter,
                    names.METRIC_SERVER_DURATION,
                    SERVER_ERRORS,
                    old=names.METRIC_SERVER_DURATION_MS
                    if self._settings.conventions is Conventions.BOTH
                    else None,
                ),
                Activity(self._meter),
                Messages.of_servers(self._meter),
            )
        return self._telemetry

    def _pairs(self) -> Pairs:
        return self._described().pairs


def _construct(
    wrapped: Callable[..., None],
    upstreams: str,
    interceptor: Callable[[Shape | None], Any],
    thread_pool: Any,
    generic_handlers: Any,
    interceptors: Sequence[Any] | None,
    options: Any = None,
    maximum_concurrent_rpcs: int | None = None,
    *rest: Any,
    **named: Any,
) -> None:
    shape, others = upstream.taken(interceptors or (), upstreams, SERVER_ERRORS)
    # First, so that all interceptors of the application run within the span.
    ours = interceptor(shape)
    wrapped(thread_pool, generic_handlers, [ours, *others], options, maximum_concurrent_rpcs, *rest, **named)
