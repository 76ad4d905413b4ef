"""Reaching every channel as it is made: rewriting its target, and seeing its RPCs.

What is wrapped are the constructors of the two channel classes, sync and aio, and not the four functions
that applications call. So our interception is the innermost whatever was instrumented first and however
the application came by the function, and both sides are undone independently of each other.
"""

# ruff: noqa: ANN401  # a constructor's arguments are passed through

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final
from weakref import WeakSet

import grpc._channel
import grpc.aio._channel
from opentelemetry.instrumentation.utils import is_instrumentation_enabled, unwrap
from opentelemetry.metrics import Meter
from wrapt import wrap_function_wrapper

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.discovery import DiscoveryWatch
from grpc_lb_instrumentor.rpc import aio_client, sync_client
from grpc_lb_instrumentor.rpc.client_rpc import ClientChannel
from grpc_lb_instrumentor.rpc.durations import CLIENT_ERRORS, Durations
from grpc_lb_instrumentor.settings import Settings

_logger = logging.getLogger(__name__)

_ATTRIBUTE: Final = "_grpc_lb_channel"
_CALL_KINDS: Final = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
_SYNC_PARAMETERS: Final = ("self", "target", "options", "credentials", "compression")
_AIO_PARAMETERS: Final = (*_SYNC_PARAMETERS, "interceptors")


class Channels:
    """The wrapped constructors, from ``install`` to ``remove``."""

    def __init__(self, watch: DiscoveryWatch, settings: Settings, meter: Meter) -> None:
        """Channels will be opened through ``watch``, their RPCs written to ``meter``."""
        self._watch = watch
        self._settings = settings
        self._durations = Durations(meter, names.METRIC_CLIENT_DURATION, CLIENT_ERRORS)
        self._open: WeakSet[ClientChannel] = WeakSet()
        self._wrapped: list[tuple[type, str]] = []

    def install(self) -> None:
        """Wrap; where grpcio's classes are not as expected, leave them alone and warn."""
        sync, aio = grpc._channel.Channel, grpc.aio._channel.Channel  # noqa: SLF001  # see the module's docstring
        if _has_parameters(sync, _SYNC_PARAMETERS):
            self._wrap(sync, "__init__", self._sync_init)
            for kind in _CALL_KINDS:
                self._wrap(sync, kind, _sync_multi_callable)
        if _has_parameters(aio, _AIO_PARAMETERS):
            self._wrap(aio, "__init__", self._aio_init)

    def remove(self) -> None:
        """Unwrap. Channels that are open keep working; their RPCs are not looked at any more."""
        for owner, name in self._wrapped:
            unwrap(owner, name)
        self._wrapped.clear()
        for channel in list(self._open):
            channel.enabled = False

    def _wrap(self, owner: type, name: str, wrapper: Callable[..., Any]) -> None:
        wrap_function_wrapper(owner, name, wrapper)
        self._wrapped.append((owner, name))

    def _sync_init(
        self, wrapped: Callable[..., None], instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        def init(target: str, options: Sequence[Any] | None, *rest: Any, **named: Any) -> None:
            opened, target, options = self._opened(target, options)
            setattr(instance, _ATTRIBUTE, opened)
            wrapped(target, options, *rest, **named)

        if is_instrumentation_enabled():
            init(*args, **kwargs)
        else:  # an exporter's own channel
            wrapped(*args, **kwargs)

    def _aio_init(
        self, wrapped: Callable[..., None], _: object, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        def init(
            target: str,
            options: Sequence[Any] | None,
            credentials: Any,
            compression: Any,
            interceptors: Sequence[Any] | None,
        ) -> None:
            opened, target, options = self._opened(target, options)
            ours = aio_client.interceptors(opened)
            wrapped(target, options, credentials, compression, [*(interceptors or ()), *ours])

        if is_instrumentation_enabled():
            init(*args, **kwargs)
        else:
            wrapped(*args, **kwargs)

    def _opened(self, target: str, options: Sequence[Any] | None) -> tuple[ClientChannel, str, Sequence[Any]]:
        discovered = self._watch.open_channel(target, options)
        channel = ClientChannel(discovered.id, self._settings, self._durations)
        self._open.add(channel)
        return channel, discovered.target, discovered.options


def _sync_multi_callable(
    wrapped: Callable[..., Any], instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    inner = wrapped(*args, **kwargs)
    channel: ClientChannel | None = getattr(instance, _ATTRIBUTE, None)
    if channel is None or not channel.enabled:
        return inner
    path = args[0] if args else kwargs["method"]
    return sync_client.multi_callable(wrapped.__name__, inner, path, channel)


def _has_parameters(owner: type, expected: tuple[str, ...]) -> bool:
    found = tuple(inspect.signature(owner.__init__).parameters)  # type: ignore[misc]  # read, not called
    if found == expected:
        return True
    _logger.warning(
        "%s.%s of grpcio %s takes %s, not %s: its channels are not instrumented",
        owner.__module__,
        owner.__qualname__,
        grpc.__version__,
        found,
        expected,
    )
    return False
