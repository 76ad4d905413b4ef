"""Wraps every gRPC channel when it is made and when it is closed, to change its target and to see its RPCs.

It wraps the constructors of the two channel classes, sync and aio, instead of the four functions that
applications call. So our interception is the innermost, whatever was instrumented first and however the
application imported the function. Either instrumentation can be removed without the other.
"""

# ruff: noqa: ANN401  # a constructor's arguments are passed through

import contextlib
import inspect
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import grpc._channel
import grpc.aio._channel
from opentelemetry.instrumentation.utils import is_instrumentation_enabled, unwrap
from opentelemetry.metrics import Meter
from opentelemetry.trace import Tracer
from wrapt import wrap_function_wrapper

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.rpc import aio_client, sync_client, upstream
from grpc_lb_instrumentor.rpc.client_rpc import ClientChannel, ClientTelemetry
from grpc_lb_instrumentor.rpc.durations import CLIENT_ERRORS, Durations
from grpc_lb_instrumentor.rpc.messages import Messages
from grpc_lb_instrumentor.rpc.peers import Peers
from grpc_lb_instrumentor.settings import Conventions, Settings

if TYPE_CHECKING:
    # imported when it is used: it may be missing at run time
    from grpc_lb_instrumentor.discovery import DiscoveryWatch

_logger = logging.getLogger(__name__)

_ATTRIBUTE: Final = "_grpc_lb_channel"
_ID: Final = "_grpc_lb_channel_id"
_CALL_KINDS: Final = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
_SYNC_PARAMETERS: Final = ("self", "target", "options", "credentials", "compression")
_AIO_PARAMETERS: Final = (*_SYNC_PARAMETERS, "interceptors")
_Wrap = Callable[[str, Any, str, ClientChannel], Any]
_UPSTREAM_INTERCEPTS: Final = "intercept_channel"
"""The function by which opentelemetry-instrumentation-grpc wraps its interceptor around a sync channel."""


class Channels:
    """The wrapped constructors of both channel classes, between ``install`` and ``remove``."""

    def __init__(
        self, watch: "DiscoveryWatch | None", settings: Settings, tracer: Tracer, meter: Meter
    ) -> None:
        """Open channels through ``watch``, if it is given, and write RPCs to ``tracer`` and ``meter``."""
        self._watch = watch
        self._ids = itertools.count()  # numbers the channels if there is no watch
        self._telemetry = ClientTelemetry(
            settings,
            tracer,
            Durations(
                meter,
                names.METRIC_CLIENT_DURATION,
                CLIENT_ERRORS,
                old=names.METRIC_CLIENT_DURATION_MS if settings.conventions is Conventions.BOTH else None,
            ),
            Messages.of_clients(meter),
            Peers(),
        )
        self._open: WeakSet[ClientChannel] = WeakSet()
        self._wrapped: list[tuple[Any, str]] = []

    def install(self) -> None:
        """Wrap the constructors. If grpcio's classes are not as expected, leave them alone and warn."""
        sync, aio = grpc._channel.Channel, grpc.aio._channel.Channel  # noqa: SLF001  # see the module's docstring
        if _has_parameters(sync, _SYNC_PARAMETERS):
            self._wrap(sync, "__init__", self._sync_init)
            package = upstream.package()
            if hasattr(package, _UPSTREAM_INTERCEPTS):
                self._wrap(package, _UPSTREAM_INTERCEPTS, _upstream_intercepts)
            self._wrap_end(sync, "_close", self._sync_end)
            # A channel that is never closed ends with this object; its stubs keep a reference to it, too.
            self._wrap_end(grpc._channel._ChannelCallState, "__del__", self._sync_end)  # noqa: SLF001  # the same
        if _has_parameters(aio, _AIO_PARAMETERS):
            self._wrap(aio, "__init__", self._aio_init)
            self._wrap_end(aio, "_close", self._aio_close)
            self._wrap_end(aio, "__del__", self._sync_end)

    def remove(self) -> None:
        """Unwrap the constructors. Open channels keep working; their RPCs are no longer recorded."""
        for owner, name in self._wrapped:
            unwrap(owner, name)
        self._wrapped.clear()
        for channel in list(self._open):
            channel.enabled = False

    def _wrap(self, owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        wrap_function_wrapper(owner, name, wrapper)
        self._wrapped.append((owner, name))

    def _wrap_end(self, owner: type, name: str, wrapper: Callable[..., Any]) -> None:
        """Wrap a method that closes a channel. If it is missing, channelz reports the end, a little later."""
        if self._watch is not None and hasattr(owner, name):
            self._wrap(owner, name, wrapper)

    def _sync_init(
        self, wrapped: Callable[..., None], instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        def init(target: str, options: Sequence[Any] | None, *rest: Any, **named: Any) -> None:
            opened, target, options = self._opened(target, options)
            setattr(instance, _ID, opened.id)
            with self._closed_on_error(opened.id):
                wrapped(target, options, *rest, **named)
            state = getattr(instance, "_call_state", None)
            if state is not None:
                setattr(state, _ID, opened.id)
            _watch(instance, opened, sync_client.multi_callable)

        if is_instrumentation_enabled():
            init(*args, **kwargs)
        else:  # a channel of a telemetry exporter
            wrapped(*args, **kwargs)

    def _aio_init(
        self, wrapped: Callable[..., None], instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        def init(
            target: str,
            options: Sequence[Any] | None,
            credentials: Any,
            compression: Any,
            interceptors: Sequence[Any] | None,
        ) -> None:
            opened, target, options = self._opened(target, options)
            if interceptors:
                shape, interceptors = upstream.taken(interceptors, "_aio_client", CLIENT_ERRORS)
                if shape is not None:
                    opened.take(shape)
            setattr(instance, _ID, opened.id)
            with self._closed_on_error(opened.id):
                wrapped(target, options, credentials, compression, interceptors)
            _watch(instance, opened, aio_client.multi_callable)

        if is_instrumentation_enabled():
            init(*args, **kwargs)
        else:
            wrapped(*args, **kwargs)

    def _opened(self, target: str, options: Sequence[Any] | None) -> tuple[ClientChannel, str, Sequence[Any]]:
        given = target
        if self._watch is None:
            number, options = next(self._ids), options or ()
        else:
            discovered = self._watch.open_channel(target, options)
            number, target, options = discovered.id, discovered.target, discovered.options
        channel = ClientChannel(number, given, self._telemetry)
        self._open.add(channel)
        return channel, target, options

    # --- the channel's end ---

    def _sync_end(
        self, wrapped: Callable[..., None], instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        channel: int | None = getattr(instance, _ID, None)
        self._closing(channel)
        try:
            wrapped(*args, **kwargs)
        finally:
            self._closed(channel)

    async def _aio_close(
        self,
        wrapped: Callable[..., Awaitable[None]],
        instance: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        channel: int | None = getattr(instance, _ID, None)
        self._closing(channel)
        try:
            await wrapped(*args, **kwargs)
        finally:
            self._closed(channel)

    @contextlib.contextmanager
    def _closed_on_error(self, channel: int) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._closed(channel)
            raise

    def _closing(self, channel: int | None) -> None:
        if channel is not None and self._watch is not None:
            self._watch.closing(channel)

    def _closed(self, channel: int | None) -> None:
        if channel is not None and self._watch is not None:
            self._watch.channel_closed(channel)


def _watch(instance: object, opened: ClientChannel, wrap: _Wrap) -> None:
    """Replace a channel's class by a subclass whose multi-callables record RPCs.

    The original class is not changed. The channel keeps the subclass for as long as it lives.
    """
    setattr(instance, _ATTRIBUTE, opened)
    kind: Any = type(instance)
    instance.__class__ = _watched(kind, wrap)


@cache
def _watched(kind: type[Any], wrap: _Wrap) -> type[Any]:
    methods = {name: _multi_callable(name, getattr(kind, name), wrap) for name in _CALL_KINDS}
    names_ = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind,), names_ | methods)


def _multi_callable(name: str, make: Callable[..., Any], wrap: _Wrap) -> Callable[..., Any]:
    @wraps(make)
    def made(self: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        inner = make(self, method, *args, **kwargs)
        channel: ClientChannel = getattr(self, _ATTRIBUTE)
        if channel.telemetry.settings.excludes(method):
            return inner
        return wrap(name, inner, method, channel)

    return made


def _upstream_intercepts(
    wrapped: Callable[..., Any], _: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Drop the interceptors of opentelemetry-instrumentation-grpc: this package makes their spans instead."""
    channel, *interceptors = args
    opened: ClientChannel | None = getattr(channel, _ATTRIBUTE, None)
    if opened is None or kwargs:
        return wrapped(*args, **kwargs)
    shape, others = upstream.taken(interceptors, "_client", CLIENT_ERRORS)
    if shape is not None:
        opened.take(shape)
    return wrapped(channel, *others) if others else channel


def _has_parameters(owner: type, expected: tuple[str, ...]) -> bool:
    parameters = tuple(inspect.signature(owner.__init__).parameters)  # type: ignore[misc]  # read, not called
    if parameters == expected:
        return True
    _logger.warning(
        "%s.%s of grpcio %s takes %s, not %s: its channels are not instrumented",
        owner.__module__,
        owner.__qualname__,
        grpc.__version__,
        parameters,
        expected,
    )
    return False
