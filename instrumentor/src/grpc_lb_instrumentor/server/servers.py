"""Reaching every server as it is made; what is wrapped are the two classes' constructors, as for channels."""

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
from grpc_lb_instrumentor.rpc.durations import SERVER_ERRORS, Durations
from grpc_lb_instrumentor.rpc.spans import UPSTREAM_SCOPE
from grpc_lb_instrumentor.server.activity import Activity
from grpc_lb_instrumentor.server.aio import AioServerInterceptor
from grpc_lb_instrumentor.server.pod import pod_name
from grpc_lb_instrumentor.server.reminder import Reminder
from grpc_lb_instrumentor.server.sync import SyncServerInterceptor
from grpc_lb_instrumentor.server.telemetry import ServerTelemetry
from grpc_lb_instrumentor.settings import Settings

_logger = logging.getLogger(__name__)

_PARAMETERS: Final = ("self", "thread_pool", "generic_handlers", "interceptors")
"""How the parameters of both constructors begin."""


class Servers:
    """The wrapped constructors, from ``install`` to ``remove``."""

    def __init__(self, settings: Settings, meter: Meter, tracer_provider: TracerProvider) -> None:
        """Servers' RPCs will be written to ``meter``; the resource is ``tracer_provider``'s."""
        self._settings = settings
        self._meter = meter
        self._tracer_provider = tracer_provider
        self._telemetry: ServerTelemetry | None = None
        self._reminder = Reminder()
        self._wrapped: list[type] = []

    def install(self) -> None:
        """Wrap; where grpcio's classes are not as expected, leave them alone and warn."""
        self._wrap(grpc._server._Server, self._sync_interceptor)  # noqa: SLF001  # see the module's docstring
        self._wrap(grpc.aio._server.Server, self._aio_interceptor)  # noqa: SLF001  # the same

    def remove(self) -> None:
        """Unwrap. Servers that run keep running; their RPCs are not looked at any more."""
        for owner in self._wrapped:
            unwrap(owner, "__init__")
        self._wrapped.clear()
        if self._telemetry is not None:
            self._telemetry.enabled = False
        self._reminder.close()

    def _wrap(self, owner: type, interceptor: Callable[[], Any]) -> None:
        found = tuple(inspect.signature(owner.__init__).parameters)  # type: ignore[misc]  # read, not called
        if found[: len(_PARAMETERS)] != _PARAMETERS:
            _logger.warning(
                "%s.%s of grpcio takes %s: its servers are not instrumented",
                owner.__module__,
                owner.__qualname__,
                found,
            )
            return

        def init(
            wrapped: Callable[..., None], _: object, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> None:
            _construct(wrapped, interceptor(), *args, **kwargs)

        wrap_function_wrapper(owner, "__init__", init)
        self._wrapped.append(owner)

    def _sync_interceptor(self) -> SyncServerInterceptor:
        return SyncServerInterceptor(self._described(), self._reminder)

    def _aio_interceptor(self) -> AioServerInterceptor:
        return AioServerInterceptor(self._described())

    def _described(self) -> ServerTelemetry:
        if self._telemetry is None:
            # Only now: a process without a server has none of its instruments.
            self._telemetry = ServerTelemetry(
                pod_name(self._tracer_provider),
                self._settings,
                Durations(self._meter, names.METRIC_SERVER_DURATION, SERVER_ERRORS),
                Activity(self._meter),
            )
        return self._telemetry


def _construct(
    wrapped: Callable[..., None],
    ours: Any,
    thread_pool: Any,
    generic_handlers: Any,
    interceptors: Sequence[Any] | None,
    *rest: Any,
    **named: Any,
) -> None:
    given = list(interceptors or ())
    # Right after upstream's: inside its span, and outside whatever the application may do.
    upstream = [type(item).__module__.startswith(UPSTREAM_SCOPE) for item in given]
    place = upstream.index(True) + 1 if True in upstream else 0
    wrapped(thread_pool, generic_handlers, [*given[:place], ours, *given[place:]], *rest, **named)
