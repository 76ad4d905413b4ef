"""The interceptor of a synchronous server, right inside upstream's."""

# ruff: noqa: ANN401  # messages and contexts are of the application's servicers

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import grpc
from wrapt import BaseObjectProxy

from grpc_lb_instrumentor.rpc.metadata import Pairs, merged
from grpc_lb_instrumentor.server.handlers import Handlers, Wrap
from grpc_lb_instrumentor.server.late import LateWarning
from grpc_lb_instrumentor.server.reminder import Reminder
from grpc_lb_instrumentor.server.telemetry import (
    ServerRpc,
    ServerTelemetry,
    early_after,
    failure_code,
    status_code,
    stopped_code,
)

_logger = logging.getLogger(__name__)

_OK: Final = grpc.StatusCode.OK


class SyncServerInterceptor(grpc.ServerInterceptor):
    """Wraps the handlers of a server."""

    def __init__(self, telemetry: ServerTelemetry, reminder: Reminder) -> None:
        """Write to ``telemetry``; send early by ``reminder``."""
        self._handlers = Handlers(telemetry, unary=_unary(reminder), streaming=_streaming(reminder))

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Any],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the RPC's handler, wrapped."""
        return self._handlers.wrapped(handler_call_details, continuation(handler_call_details))


def _unary(reminder: Reminder) -> Wrap:
    def wrap(
        telemetry: ServerTelemetry, path: str, behavior: Callable[..., Any], asked: bool
    ) -> Callable[..., Any] | None:
        def unary(request: Any, context: Any) -> Any:
            rpc = ServerRpc(telemetry, path, streaming=False)
            told = _Context(context, telemetry, reminder) if asked else None
            failed = True
            try:
                response = behavior(request, context if told is None else told)
                failed = False
            finally:
                _end(rpc, context, told, failed=failed)
            return response

        return unary

    return wrap


def _streaming(reminder: Reminder) -> Wrap:
    def wrap(
        telemetry: ServerTelemetry, path: str, behavior: Callable[..., Any], asked: bool
    ) -> Callable[..., Any] | None:
        if getattr(behavior, "experimental_non_blocking", False):
            return None  # it is given a callback instead of being iterated over

        def streaming(request: Any, context: Any) -> Iterator[Any]:
            rpc = ServerRpc(telemetry, path, streaming=True)
            told = _Context(context, telemetry, reminder) if asked else None
            failed = True
            try:
                for response in behavior(request, context if told is None else told):
                    if told is not None:
                        told.grpc_lb_announce()
                    yield response
                failed = False
            finally:
                _end(rpc, context, told, failed=failed)

        return streaming

    return wrap


def _end(rpc: ServerRpc, context: Any, told: "_Context | None", *, failed: bool) -> None:
    """Write the end down, and leave trailing metadata behind as they are to be sent."""
    if told is not None:
        told.grpc_lb_close()
    # A synchronous handler runs on when its client has stopped waiting: nothing of it is sent then.
    if not context.is_active():
        code = stopped_code(context.time_remaining())
    elif failed:
        code = failure_code(context.code())
    else:
        code = status_code(context.code(), _OK)
    rpc.end(code, with_code=True)


class _Context(BaseObjectProxy[Any]):
    """A servicer context whose metadata tell the pod's name as well as what the application sets."""

    def __init__(self, context: Any, telemetry: ServerTelemetry, reminder: Reminder) -> None:
        super().__init__(context)
        self._self_lock = threading.Lock()  # the reminder's thread sends as well
        self._self_extra: Pairs = telemetry.pairs
        self._self_initial = False  # initial metadata were sent
        self._self_ours = False  # they were ours alone, ahead of the answer
        context.set_trailing_metadata(self._self_extra)
        self._self_ticket = reminder.after(early_after(context.time_remaining()), self._grpc_lb_early)

    def send_initial_metadata(self, initial_metadata: Any) -> None:
        with self._self_lock:
            if not self._self_ours:
                extra = () if self._self_initial else self._self_extra
                self._self_initial = True
                self.__wrapped__.send_initial_metadata(merged(initial_metadata, *extra))
                return
            self._self_extra = (*merged(initial_metadata), *self._self_extra)
        LateWarning.give()

    def grpc_lb_announce(self) -> None:
        """Send the pod's name now unless initial metadata were sent."""
        if self._self_initial:
            return
        with self._self_lock:
            if not self._self_initial:
                self._self_initial = self._self_ours = True
                self.__wrapped__.send_initial_metadata(self._self_extra)

    def grpc_lb_close(self) -> None:
        """Stop the timer, and add ours to the trailing metadata that the application may have set."""
        self._self_ticket.cancel()
        with self._self_lock:
            self._self_initial = True  # nothing is sent early from here on
            wrapped = self.__wrapped__
            wrapped.set_trailing_metadata(merged(wrapped.trailing_metadata(), *self._self_extra))

    def _grpc_lb_early(self) -> None:
        try:
            self.grpc_lb_announce()
        except Exception:  # the RPC has ended meanwhile, in one of grpc's many ways
            _logger.debug("the pod's name could not be sent ahead of the answer", exc_info=True)
