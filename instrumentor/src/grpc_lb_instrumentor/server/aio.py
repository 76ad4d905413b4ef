"""The interceptor of a grpc.aio server, right inside upstream's."""

# ruff: noqa: ANN401  # messages and contexts are of the application's servicers

import asyncio
import functools
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc
from grpc.aio import ServerInterceptor
from wrapt import BaseObjectProxy

from grpc_lb_instrumentor.rpc.metadata import merged
from grpc_lb_instrumentor.server.handlers import Handlers, Wrap
from grpc_lb_instrumentor.server.late import LateWarning
from grpc_lb_instrumentor.server.reminder import LoopReminder
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


class AioServerInterceptor(ServerInterceptor):
    """Wraps the handlers of a server; synchronous handlers of an aio server are left alone."""

    def __init__(self, telemetry: ServerTelemetry) -> None:
        """Write to ``telemetry``."""
        reminder = LoopReminder()
        self._handlers = Handlers(telemetry, unary=_unary(reminder), streaming=_streaming(reminder))

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the RPC's handler, wrapped."""
        return self._handlers.wrapped(handler_call_details, await continuation(handler_call_details))


def _unary(reminder: LoopReminder) -> Wrap:
    def wrap(
        telemetry: ServerTelemetry, path: str, behavior: Callable[..., Any], asked: bool
    ) -> Callable[..., Any] | None:
        if not inspect.iscoroutinefunction(behavior):
            return None

        async def unary(request: Any, context: Any) -> Any:
            rpc = ServerRpc(telemetry, path, streaming=False)
            told = _Context(context, telemetry, reminder) if asked else None
            code, failed = _OK, True
            try:
                response = await behavior(request, context if told is None else told)
                if told is not None and told.grpc_lb_sends():
                    await told.grpc_lb_settle()
                code, failed = status_code(context.code(), _OK), False
            except asyncio.CancelledError:
                code = stopped_code(context.time_remaining())
                raise
            except BaseException:
                await _settled(told)
                code = failure_code(context.code())
                raise
            else:
                return response
            finally:
                if told is not None:
                    told.grpc_lb_close()
                rpc.end(code, with_code=failed)

        return unary

    return wrap


def _streaming(reminder: LoopReminder) -> Wrap:
    def wrap(
        telemetry: ServerTelemetry, path: str, behavior: Callable[..., Any], asked: bool
    ) -> Callable[..., Any] | None:
        if inspect.iscoroutinefunction(behavior):
            generate: Callable[..., Any] = functools.partial(_written, behavior)
        elif inspect.isasyncgenfunction(behavior):
            generate = behavior
        else:
            return None

        async def streaming(request: Any, context: Any) -> AsyncIterator[Any]:
            rpc = ServerRpc(telemetry, path, streaming=True)
            told = _Context(context, telemetry, reminder) if asked else None
            code = grpc.StatusCode.CANCELLED
            try:
                async for response in generate(request, context if told is None else told):
                    if told is not None:
                        await told.grpc_lb_announce()
                    yield response
                await _settled(told)
                code = status_code(context.code(), _OK)
            except (asyncio.CancelledError, GeneratorExit):
                code = stopped_code(context.time_remaining())
                raise
            except BaseException:
                await _settled(told)
                code = failure_code(context.code())
                raise
            finally:
                if told is not None:
                    told.grpc_lb_close()
                rpc.end(code, with_code=True)

        return streaming

    return wrap


async def _settled(told: "_Context | None") -> None:
    """Wait for what is being sent: grpc.aio would send initial metadata once more with the answer."""
    if told is not None:
        await told.grpc_lb_settle()


async def _written(behavior: Callable[..., Any], request: Any, context: Any) -> AsyncIterator[Any]:
    """Run a handler that calls ``context.write`` as one that yields: upstream takes no other."""
    await behavior(request, context)
    return
    yield  # makes this a generator


class _Context(BaseObjectProxy[Any]):
    """A servicer context whose metadata tell the pod's name as well as what the application sets."""

    _self_initial = False  # initial metadata were sent, or are being sent
    _self_ours = False  # they were ours alone, ahead of the answer
    _self_sending: asyncio.Task[None] | None = None

    def __init__(self, context: Any, telemetry: ServerTelemetry, reminder: LoopReminder) -> None:
        super().__init__(context)
        self._self_extra = telemetry.pairs
        context.set_trailing_metadata(telemetry.pairs)
        self._self_ticket = reminder.after(early_after(context.time_remaining()), self._grpc_lb_early)

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        if self._self_ours:
            LateWarning.give()
            self._self_extra = (*merged(initial_metadata), *self._self_extra)
            wrapped = self.__wrapped__
            wrapped.set_trailing_metadata(merged(wrapped.trailing_metadata(), *self._self_extra))
            return
        extra = () if self._self_initial else self._self_extra  # a second time fails, as it should
        self._self_initial = True
        await self.__wrapped__.send_initial_metadata(merged(initial_metadata, *extra))

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self.__wrapped__.set_trailing_metadata(merged(trailing_metadata, *self._self_extra))

    async def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> None:
        await self.grpc_lb_settle()
        if trailing_metadata:
            trailing_metadata = merged(trailing_metadata, *self._self_extra)
        # Without any, grpc.aio sends those that were set before: ours are among them.
        await self.__wrapped__.abort(code, details, trailing_metadata)

    async def abort_with_status(self, status: Any) -> None:
        await self.abort(status.code, status.details, tuple(status.trailing_metadata or ()))

    async def write(self, message: Any) -> None:
        if not self._self_initial or self._self_sending is not None:
            await self.grpc_lb_announce()
        await self.__wrapped__.write(message)

    async def grpc_lb_announce(self) -> None:
        """Send the pod's name now unless initial metadata were sent."""
        if not self._self_initial:
            self._self_initial = self._self_ours = True
            await self.__wrapped__.send_initial_metadata(self._self_extra)
        else:
            await self.grpc_lb_settle()

    def grpc_lb_sends(self) -> bool:
        """Tell whether there is anything to settle: nearly never, and a coroutine for nothing costs more."""
        return self._self_sending is not None

    async def grpc_lb_settle(self) -> None:
        """Wait for what is being sent."""
        if self._self_sending is not None:
            await self._self_sending
            self._self_sending = None

    def grpc_lb_close(self) -> None:
        """Ask for no reminder any more: the RPC has ended."""
        self._self_ticket.cancel()

    def _grpc_lb_early(self) -> None:
        if not self._self_initial:
            self._self_initial = self._self_ours = True
            self._self_sending = asyncio.get_running_loop().create_task(self._grpc_lb_send_early())

    async def _grpc_lb_send_early(self) -> None:
        try:
            await self.__wrapped__.send_initial_metadata(self._self_extra)
        except Exception:  # the RPC has ended meanwhile, in one of grpc's many ways
            _logger.debug("the pod's name could not be sent ahead of the answer", exc_info=True)
