"""The interceptor of a grpc.aio server."""

# ruff: noqa: ANN401  # messages and contexts are of the application's servicers

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final

import grpc
from grpc.aio import AbortError, ServerInterceptor

from grpc_lb_instrumentor.proxies import Proxy
from grpc_lb_instrumentor.rpc.metadata import merged
from grpc_lb_instrumentor.rpc.shapes import Shape
from grpc_lb_instrumentor.server import sync
from grpc_lb_instrumentor.server.handlers import Handlers, Kind
from grpc_lb_instrumentor.server.telemetry import (
    Method,
    ServerRpc,
    ServerTelemetry,
    failure_code,
    status_code,
    stopped_code,
)

_OK: Final = grpc.StatusCode.OK

_metadata: ContextVar[Any] = ContextVar("grpc_lb_metadata")
"""The request metadata, passed from the interceptor to the handler in one task; a context copies them.
"""


def request_metadata() -> Any:
    """Return the metadata of the RPC that this task handles; none if no interceptor of ours saw it."""
    return _metadata.get(())


class AioServerInterceptor(ServerInterceptor):
    """Wraps the handlers of a server."""

    def __init__(self, telemetry: ServerTelemetry, shape: Shape) -> None:
        """Report to ``telemetry``, with spans of this shape."""
        self._telemetry = telemetry
        self._handlers = Handlers(telemetry, shape, unary=_unary, streaming=_streaming)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the RPC's handler, wrapped."""
        handler = await continuation(handler_call_details)
        _metadata.set(handler_call_details.invocation_metadata)
        return self._handlers.wrapped(handler_call_details, handler)


def _began(method: Method, context: Any) -> ServerRpc:
    rpc = ServerRpc(method, request_metadata(), context.peer())
    rpc.enter()  # for the rest of the RPC's own task
    return rpc


def _unary(method: Method, kind: Kind, asked: bool) -> Kind:
    behavior, deserialize, serialize = kind
    if not inspect.iscoroutinefunction(behavior):
        return sync.migrated(sync.unary, method, kind, asked)

    async def unary(request: Any, context: Any) -> Any:
        rpc = _began(method, context)
        wrapped = _Context(context, rpc, asked=True) if asked else context
        try:
            if deserialize is not None:
                request = deserialize(request)
            response = await behavior(request, wrapped)
            code = status_code(context.code(), _OK)
            if serialize is not None and code is _OK:  # grpc sends no message with an error
                response = serialize(response)
        except BaseException as error:
            _failed(rpc, context, error)
            raise
        rpc.end(code, context.details())
        return response

    return Kind(unary, None, None)


def _streaming(method: Method, kind: Kind, asked: bool) -> Kind:
    behavior, deserialize, serialize = kind

    async def written(request: Any, context: Any) -> None:
        rpc = _began(method, context)
        try:
            if deserialize is not None:
                request = deserialize(request)
            await behavior(request, _Context(context, rpc, asked=asked))
        except BaseException as error:
            _failed(rpc, context, error)
            raise
        rpc.end(status_code(context.code(), _OK), context.details())

    async def yielded(request: Any, context: Any) -> AsyncIterator[Any]:
        rpc = _began(method, context)
        # A handler may write messages as well as yield them.
        wrapped = _Context(context, rpc, asked=asked, serialize=serialize)
        try:
            if deserialize is not None:
                request = deserialize(request)
            async for response in behavior(request, wrapped):
                message = response if serialize is None else serialize(response)
                await wrapped.grpc_lb_announce()
                yield message
        except BaseException as error:
            _failed(rpc, context, error)
            raise
        rpc.end(status_code(context.code(), _OK), context.details())

    if inspect.iscoroutinefunction(behavior):
        return Kind(written, None, serialize)
    if inspect.isasyncgenfunction(behavior):
        return Kind(yielded, None, None)
    return sync.migrated(sync.streaming, method, kind, asked)


def _failed(rpc: ServerRpc, context: Any, error: BaseException) -> None:
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        rpc.end(stopped_code(context.time_remaining()))
    else:
        rpc.end(
            failure_code(context.code()), context.details(), None if isinstance(error, AbortError) else error
        )


class _Context(Proxy):
    """A servicer context that adds the pod's name to the metadata that the application sets.

    It sends nothing before the application does, or the RPC ends. Early initial metadata would commit the
    call, so that gRPC does not retry it, and would come before the application's own.
    """

    def __init__(self, context: Any, rpc: ServerRpc, *, asked: bool, serialize: Any = None) -> None:
        super().__init__(context)
        self._self_rpc = rpc
        self._self_serialize = serialize
        self._self_pairs = rpc.pairs if asked else ()
        self._self_announced = not asked  # whether initial metadata were sent
        if asked:
            context.set_trailing_metadata(self._self_pairs)

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        extra = () if self._self_announced else self._self_pairs  # sending them twice fails, as it should
        self._self_announced = True
        await self.__wrapped__.send_initial_metadata(merged(initial_metadata, *extra))

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        if self._self_pairs:
            trailing_metadata = merged(trailing_metadata, *self._self_pairs)
        self.__wrapped__.set_trailing_metadata(trailing_metadata)

    async def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> None:
        if trailing_metadata and self._self_pairs:
            trailing_metadata = merged(trailing_metadata, *self._self_pairs)
        # Without arguments, grpc.aio sends the metadata that were set before; ours are among them.
        await self.__wrapped__.abort(code, details, trailing_metadata)

    async def abort_with_status(self, status: Any) -> None:
        await self.abort(status.code, status.details, tuple(status.trailing_metadata or ()))

    async def write(self, message: Any) -> None:
        if self._self_serialize is not None:
            message = self._self_serialize(message)
        await self.grpc_lb_announce()
        await self.__wrapped__.write(message)

    async def grpc_lb_announce(self) -> None:
        """Note a message, and send the pod's name before the first one, unless metadata were sent."""
        self._self_rpc.message()
        if not self._self_announced:
            self._self_announced = True
            # metadata were sent, or the client is gone
            with suppress(grpc.aio.UsageError, grpc.aio.InternalError):
                await self.__wrapped__.send_initial_metadata(self._self_pairs)
