"""The interceptor of a synchronous server, and the wrappers of handlers that run in threads."""

# ruff: noqa: ANN401  # messages and contexts are of the application's servicers

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import grpc
from grpc import _common

from grpc_lb_instrumentor.proxies import Proxy
from grpc_lb_instrumentor.rpc.metadata import merged
from grpc_lb_instrumentor.rpc.shapes import Shape
from grpc_lb_instrumentor.server.handlers import Behavior, Handlers, Kind, Transform
from grpc_lb_instrumentor.server.telemetry import (
    Method,
    ServerRpc,
    ServerTelemetry,
    failure_code,
    status_code,
    stopped_code,
)

_OK: Final = grpc.StatusCode.OK
_INTERNAL: Final = grpc.StatusCode.INTERNAL


class SyncServerInterceptor(grpc.ServerInterceptor):
    """Wraps the handlers of a server."""

    def __init__(self, telemetry: ServerTelemetry, shape: Shape) -> None:
        """Report to ``telemetry``, with spans of this shape."""
        self._handlers = Handlers(telemetry, shape, unary=unary, streaming=streaming)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Any],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the RPC's handler, wrapped."""
        return self._handlers.wrapped(handler_call_details, continuation(handler_call_details))


def unary(method: Method, kind: Kind, asked: bool) -> Kind:
    """Wrap a behaviour that gives one answer."""
    behavior, deserialize, serialize = kind

    def handle(request: Any, context: Any) -> Any:
        rpc = _began(method, context)
        wrapped = _Context(context, rpc) if asked else context
        token = rpc.enter()
        error: BaseException | None = None
        try:
            if deserialize is not None:
                request = _deserialize(request, deserialize, wrapped)
            response = behavior(request, wrapped)
            if serialize is not None:
                response = _serialize(response, serialize, wrapped)
        except BaseException as raised:
            error = raised
            raise
        finally:
            rpc.leave(token)
            _end(rpc, context, wrapped, error)
        return response

    return Kind(_alike(handle, behavior), None, None)


def streaming(method: Method, kind: Kind, asked: bool) -> Kind:
    """Wrap a behaviour that gives a stream of answers."""
    behavior, deserialize, serialize = kind
    if getattr(behavior, "experimental_non_blocking", False):
        return Kind(_non_blocking(method, behavior, asked), deserialize, serialize)

    def handle(request: Any, context: Any) -> Iterator[Any]:
        rpc = _began(method, context)
        wrapped = _Context(context, rpc) if asked else context
        token = rpc.enter()
        try:
            if deserialize is not None:
                request = _deserialize(request, deserialize, wrapped)
            responses = behavior(request, wrapped)
        except BaseException as raised:
            _end(rpc, context, wrapped, raised)
            raise
        finally:
            rpc.leave(token)
        return _responses(rpc, responses, context, wrapped, serialize)

    return Kind(_alike(handle, behavior), None, None)


def _non_blocking(method: Method, behavior: Behavior, asked: bool) -> Behavior:
    """Wrap a behaviour like grpcio-health-checking's Watch, which returns at once and sends later."""

    def handle(request: Any, context: Any, send: Callable[[Any], None]) -> Any:
        rpc = _began(method, context)
        wrapped = _Context(context, rpc) if asked else context

        def sending(response: Any) -> None:
            if response is None:
                _end(rpc, context, wrapped, None)
            else:
                if asked:
                    wrapped.grpc_lb_announce()
                rpc.message()
            send(response)

        def terminated() -> None:
            _end(rpc, context, wrapped, None)

        if not context.add_callback(terminated):
            terminated()
        token = rpc.enter()
        try:
            return behavior(request, wrapped, sending)
        except BaseException as raised:
            _end(rpc, context, wrapped, raised)
            raise
        finally:
            rpc.leave(token)

    return _alike(handle, behavior)


def _responses(
    rpc: ServerRpc, responses: Iterator[Any], context: Any, wrapped: Any, serialize: Transform | None
) -> Iterator[Any]:
    error: BaseException | None = None
    try:
        while True:
            # The span is not current across the yield: another thread may close this generator.
            token = rpc.enter()
            try:
                response = next(responses, _END)
            finally:
                rpc.leave(token)
            if response is _END:
                break
            if serialize is not None:
                response = _serialize(response, serialize, wrapped)
            if wrapped is not context:
                wrapped.grpc_lb_announce()
            rpc.message()
            yield response
    except GeneratorExit:
        raise
    except BaseException as raised:
        error = raised
        raise
    finally:
        _end(rpc, context, wrapped, error)


_END: Final = object()


def _alike(wrapper: Callable[..., Any], behavior: Behavior) -> Behavior:
    """Copy the attributes that grpc reads from a behaviour to its wrapper."""
    for name in ("experimental_non_blocking", "experimental_thread_pool"):
        if hasattr(behavior, name):
            setattr(wrapper, name, getattr(behavior, name))
    return wrapper


def _began(method: Method, context: Any) -> ServerRpc:
    return ServerRpc(method, context.invocation_metadata(), context.peer())


def _deserialize(raw: bytes, transform: Transform, context: Any) -> Any:
    """Deserialise a request as grpc does; a failure ends the RPC as in grpc."""
    request = _common.deserialize(raw, transform)
    if request is None:
        context.abort(_INTERNAL, "Exception deserializing request!")
    return request


def _serialize(response: Any, transform: Transform, context: Any) -> Any:
    """Serialise an answer as grpc does; a failure ends the RPC as in grpc."""
    raw = _common.serialize(response, transform)
    if raw is None:  # a code that the application has set has priority
        details = context.details() or b"Failed to serialize response!"
        context.abort(status_code(context.code(), _INTERNAL), details.decode())
    return raw


def _end(rpc: ServerRpc, context: Any, wrapped: Any, error: BaseException | None) -> None:
    """Record the end, and set the trailing metadata that are to be sent."""
    if wrapped is not context:
        wrapped.grpc_lb_close()
    # A synchronous handler goes on after its client has cancelled: nothing of it is sent then.
    if not context.is_active():
        rpc.end(stopped_code(context.time_remaining()))
    elif error is None:
        rpc.end(status_code(context.code(), _OK), context.details())
    else:
        is_abort = type(error) is Exception  # what grpc raises for an abort
        rpc.end(failure_code(context.code()), context.details(), None if is_abort else error)


class _Context(Proxy):
    """A servicer context that adds the pod's name to the metadata that the application sets.

    It sends nothing before the application does, or the RPC ends. Early initial metadata would commit the
    call, so that gRPC does not retry it, and would come before the application's own.
    """

    def __init__(self, context: Any, rpc: ServerRpc) -> None:
        super().__init__(context)
        self._self_pairs = rpc.pairs
        self._self_announced = False
        context.set_trailing_metadata(self._self_pairs)

    def send_initial_metadata(self, initial_metadata: Any) -> None:
        extra = () if self._self_announced else self._self_pairs  # sending them twice fails, as it should
        self.__wrapped__.send_initial_metadata(merged(initial_metadata, *extra))
        self._self_announced = True

    def grpc_lb_announce(self) -> None:
        """Send the pod's name before a stream's first message, unless initial metadata were sent."""
        if self._self_announced:
            return
        self._self_announced = True
        with suppress(grpc.RpcError, ValueError):  # the client is gone: grpc informs the handler itself
            self.__wrapped__.send_initial_metadata(self._self_pairs)

    def grpc_lb_close(self) -> None:
        """Add our trailing metadata to those that the application may have set."""
        wrapped = self.__wrapped__
        wrapped.set_trailing_metadata(merged(wrapped.trailing_metadata(), *self._self_pairs))


class _MigrationContext(Proxy):
    """The context that a grpc.aio server gives to a synchronous handler, with what ``_end`` reads."""

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self._self_code: Any = None
        self._self_details: Any = ""
        self._self_trailing: Any = ()

    def set_code(self, code: Any) -> None:
        self._self_code = code
        self.__wrapped__.set_code(code)

    def set_details(self, details: str) -> None:
        self._self_details = details
        self.__wrapped__.set_details(details)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self._self_trailing = trailing_metadata
        self.__wrapped__.set_trailing_metadata(trailing_metadata)

    def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> None:
        self._self_code, self._self_details = code, details
        self.__wrapped__.abort(code, details, trailing_metadata)

    def code(self) -> Any:
        return self._self_code

    def details(self) -> Any:
        return self._self_details

    def trailing_metadata(self) -> Any:
        return self._self_trailing

    def is_active(self) -> bool:
        return True


def migrated(wrap: Callable[[Method, Kind, bool], Kind], method: Method, kind: Kind, asked: bool) -> Kind:
    """Wrap a synchronous handler of a grpc.aio server, which runs it in a thread."""
    wrapped = wrap(method, Kind(kind.behavior, None, None), asked)

    def behavior(request: Any, context: Any) -> Any:
        return wrapped.behavior(request, _MigrationContext(context))

    return Kind(behavior, kind.deserialize, kind.serialize)
