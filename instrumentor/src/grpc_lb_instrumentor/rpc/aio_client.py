"""The interceptors of a grpc.aio channel: they come last, so that they run inside upstream's spans."""

# ruff: noqa: ANN401  # messages, calls and continuations are of the application's stubs

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import grpc
from grpc.aio import (
    ClientCallDetails,
    ClientInterceptor,
    StreamStreamClientInterceptor,
    StreamUnaryClientInterceptor,
    UnaryStreamClientInterceptor,
    UnaryUnaryClientInterceptor,
)
from wrapt import BaseObjectProxy

from grpc_lb_instrumentor.rpc.client_rpc import ClientChannel, ClientRpc
from grpc_lb_instrumentor.rpc.metadata import ASK

# A message, a call and a continuation are whatever the application's stubs make of them.
_Continuation = Callable[[ClientCallDetails, Any], Awaitable[Any]]


def interceptors(channel: ClientChannel) -> list[ClientInterceptor]:
    """Return one interceptor a call kind: grpc.aio takes each for one kind only."""
    return [_UnaryUnary(channel), _UnaryStream(channel), _StreamUnary(channel), _StreamStream(channel)]


class _Interceptor:
    """What the four kinds share: the unary answers, and the streams."""

    def __init__(self, channel: ClientChannel) -> None:
        self._channel = channel

    async def _unary(self, continuation: _Continuation, details: ClientCallDetails, request: Any) -> Any:
        rpc = self._begin(details)
        if rpc is None:
            return await continuation(details, request)
        call = await continuation(_asking(details), request)
        if rpc.span is None:
            # Nobody waits for the RPC's end in here, and the application may do what it likes meanwhile.
            call.add_done_callback(_Ending(rpc, with_code=False))
            return call
        # Upstream waits for the end as well, and loses both the span and the RPC when it is cancelled.
        try:
            code = await call.code()
            trailing = await call.trailing_metadata()
            # Of a good unary answer the trailing metadata tell all; an error may have come without any.
            initial = None if code is grpc.StatusCode.OK else await call.initial_metadata()
        except asyncio.CancelledError:
            _cancel(call, rpc)
            raise
        rpc.end(code, trailing, initial)
        return call

    async def _stream(self, continuation: _Continuation, details: ClientCallDetails, request: Any) -> Any:
        rpc = self._begin(details)
        if rpc is None:
            return await continuation(details, request)
        call = await continuation(_asking(details), request)
        rpc.suppose_cancelled()
        call.add_done_callback(_Ending(rpc, with_code=True))
        return call if rpc.span is None else _StreamCall(call, rpc)

    def _begin(self, details: ClientCallDetails) -> ClientRpc | None:
        method: Any = details.method  # bytes in fact, whatever its type says (grpc/grpc#31092)
        path = method.decode() if isinstance(method, bytes) else method
        return self._channel.begin(path, details.metadata)


class _UnaryUnary(_Interceptor, UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(
        self, continuation: _Continuation, client_call_details: ClientCallDetails, request: Any
    ) -> Any:
        return await self._unary(continuation, client_call_details, request)


class _UnaryStream(_Interceptor, UnaryStreamClientInterceptor):
    async def intercept_unary_stream(
        self, continuation: _Continuation, client_call_details: ClientCallDetails, request: Any
    ) -> Any:
        return await self._stream(continuation, client_call_details, request)


class _StreamUnary(_Interceptor, StreamUnaryClientInterceptor):
    async def intercept_stream_unary(
        self, continuation: _Continuation, client_call_details: ClientCallDetails, request_iterator: Any
    ) -> Any:
        return await self._unary(continuation, client_call_details, request_iterator)


class _StreamStream(_Interceptor, StreamStreamClientInterceptor):
    async def intercept_stream_stream(
        self, continuation: _Continuation, client_call_details: ClientCallDetails, request_iterator: Any
    ) -> Any:
        return await self._stream(continuation, client_call_details, request_iterator)


class _Ending:
    """A done callback: writes down what a finished call ended with."""

    __slots__ = ("_rpc", "_with_code")

    def __init__(self, rpc: ClientRpc, *, with_code: bool) -> None:
        self._rpc = rpc
        self._with_code = with_code

    def __call__(self, call: Any) -> None:
        self._rpc.end(
            _settled(call.code()),
            _settled(call.trailing_metadata()),
            _settled(call.initial_metadata()),
            with_code=self._with_code,
        )


class _StreamCall(BaseObjectProxy[Any]):
    """A call with a stream of answers: sees the first of them, and whether anybody ever asks for one.

    Upstream's span ends in a generator that iterates over this. Where nobody starts that generator it
    never ends, and so it is ended here when the call is dropped.
    """

    def __init__(self, call: Any, rpc: ClientRpc) -> None:
        super().__init__(call)
        self._self_rpc = rpc
        self._self_read = False

    def __aiter__(self) -> AsyncIterator[Any]:
        self._self_read = True
        return _Messages(self.__wrapped__, self._self_rpc)

    async def read(self) -> Any:
        self._self_read = True
        message = await self.__wrapped__.read()
        if message is not grpc.aio.EOF and not self._self_rpc.ended:
            self._self_rpc.heard(await self.__wrapped__.initial_metadata())
        return message

    def __del__(self) -> None:
        if not self._self_read:
            self.__wrapped__.cancel()  # as grpc.aio does; its callback writes the end down
            self._self_rpc.close_span()


class _Messages:
    """The answers of a stream; after the first, the call's own iterator is all there is to it."""

    __slots__ = ("_call", "_iterator", "_rpc")

    def __init__(self, call: Any, rpc: ClientRpc) -> None:
        self._call: Any = call
        self._iterator: AsyncIterator[Any] = call.__aiter__()
        self._rpc = rpc

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    def __anext__(self) -> Awaitable[Any]:
        return self._iterator.__anext__() if self._call is None else self._first()

    async def _first(self) -> Any:
        call, self._call = self._call, None
        message = await self._iterator.__anext__()
        if not self._rpc.ended:
            self._rpc.heard(await call.initial_metadata())
        return message


def _asking(details: ClientCallDetails) -> ClientCallDetails:
    """Return the same call, asking for the pod's name; the application's own metadata are not touched."""
    metadata: Any = (ASK,) if details.metadata is None else (*details.metadata, ASK)
    return ClientCallDetails(
        details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
    )


def _cancel(call: Any, rpc: ClientRpc) -> None:
    """End an RPC whose application was told that it is cancelled, even if an answer has just come."""
    answered = call.done()
    call.cancel()
    rpc.end(
        grpc.StatusCode.CANCELLED,
        _settled(call.trailing_metadata()) if answered else None,
        _settled(call.initial_metadata()) if answered else None,
        with_code=True,
    )
    rpc.close_span()


def _settled(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine of a finished call gives: it does not wait any more."""
    try:
        coroutine.send(None)
    except StopIteration as result:
        return result.value
    coroutine.close()
    raise RuntimeError("a finished call still waits")
