"""Wraps the multi-callables of a ``grpc.aio`` channel, outside all interceptors of the channel.

It adds no interceptor of its own: only a channel without interceptors returns gRPC's own calls, which cost
less and can do more (they know the remaining time, and can be written to before they are awaited).
"""

# ruff: noqa: ANN401, SLF001  # messages and calls are of the application's stubs; see _watch_native

import asyncio
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final

import grpc
from grpc import _common
from grpc.aio import (
    StreamStreamMultiCallable,
    StreamUnaryMultiCallable,
    UnaryStreamMultiCallable,
    UnaryUnaryMultiCallable,
)
from opentelemetry.context import attach, detach

from grpc_lb_instrumentor.proxies import Proxy
from grpc_lb_instrumentor.rpc.client_rpc import ClientChannel, ClientRpc
from grpc_lb_instrumentor.rpc.metadata import repeatable

_CODES: Final = _common.CYGRPC_STATUS_CODE_TO_STATUS_CODE
_CANCELLED: Final = grpc.StatusCode.CANCELLED


def multi_callable(kind: str, inner: Any, path: str, channel: ClientChannel) -> Any:
    """Wrap what ``Channel.unary_unary`` and its like return; ``kind`` is that method's name."""
    return _KINDS[kind](inner, path, channel)


class _MultiCallable:
    """What the four kinds have in common. ``inner`` is grpc's own."""

    __slots__ = ("_channel", "_inner", "_path")

    stream = ""  # who sends several messages, as in names.STREAM_KIND
    streams = False  # whether the answers are a stream

    def __init__(self, inner: Any, path: str, channel: ClientChannel) -> None:
        self._inner = inner
        self._path = path
        self._channel = channel

    def _send(self, request: Any, metadata: Any, given: dict[str, Any]) -> Any:
        metadata = repeatable(metadata)
        rpc = self._channel.begin(self._path, metadata, self.stream)
        if rpc is None:
            return self._inner(request, metadata=metadata, **given)
        rpc.asked(request)
        # The application's interceptors and iterators run in the task that gRPC starts here, within the span.
        token = attach(rpc.context)
        try:
            call = self._inner(request, metadata=rpc.metadata(metadata), **given)
        except BaseException as error:
            rpc.failed(error)
            raise
        finally:
            detach(token)
        if hasattr(call, "_cython_call"):
            _watch_native(call, rpc, streams=self.streams)
            return call
        call.add_done_callback(_Ended(rpc, hooked=not self.streams))
        call._interceptors_task.add_done_callback(_Intercepted(rpc))
        return _InterceptedStream(call, rpc) if self.streams else call


class _UnaryUnary(_MultiCallable, UnaryUnaryMultiCallable):  # type: ignore[type-arg]  # not generic at run time
    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> Any:
        return self._send(request, metadata, _given(timeout, credentials, wait_for_ready, compression))


class _UnaryStream(_MultiCallable, UnaryStreamMultiCallable):  # type: ignore[type-arg]  # the same
    stream = "server"
    streams = True

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> Any:
        return self._send(request, metadata, _given(timeout, credentials, wait_for_ready, compression))


class _StreamUnary(_MultiCallable, StreamUnaryMultiCallable):  # type: ignore[type-arg]  # the same
    stream = "client"

    def __call__(
        self,
        request_iterator: Any = None,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> Any:
        given = _given(timeout, credentials, wait_for_ready, compression)
        return self._send(request_iterator, metadata, given)


class _StreamStream(_MultiCallable, StreamStreamMultiCallable):  # type: ignore[type-arg]  # the same
    stream = "bidi"
    streams = True

    def __call__(
        self,
        request_iterator: Any = None,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> Any:
        given = _given(timeout, credentials, wait_for_ready, compression)
        return self._send(request_iterator, metadata, given)


_KINDS: dict[str, type[_MultiCallable]] = {
    "unary_unary": _UnaryUnary,
    "unary_stream": _UnaryStream,
    "stream_unary": _StreamUnary,
    "stream_stream": _StreamStream,
}


def _given(timeout: Any, credentials: Any, wait_for_ready: Any, compression: Any) -> dict[str, Any]:
    return {
        "timeout": timeout,
        "credentials": credentials,
        "wait_for_ready": wait_for_ready,
        "compression": compression,
    }


# --- gRPC's own calls ---


def _watch_native(call: Any, rpc: ClientRpc, *, streams: bool) -> None:
    """Record a call's messages and its end; the call itself is not changed."""
    core = call._cython_call
    if streams:
        call._response_deserializer = _Received(core, call._response_deserializer, rpc)
    core.add_done_callback(_NativeEnd(call, rpc, hooked=not streams))


class _Received:
    """A deserialiser that notes each message: gRPC calls it for each one."""

    __slots__ = ("_core", "_inner", "_rpc")

    def __init__(self, core: Any, inner: Callable[[bytes], Any] | None, rpc: ClientRpc) -> None:
        self._core = core
        self._inner = inner
        self._rpc = rpc

    def __call__(self, raw: bytes) -> Any:
        self._rpc.heard(self._core._initial_metadata)
        message = raw if self._inner is None else self._inner(raw)
        self._rpc.answered(message)
        return message


class _NativeEnd:
    """Called when a call has ended. It does not keep the call alive: grpc cancels a call that is dropped."""

    __slots__ = ("_call", "_hooked", "_rpc")

    def __init__(self, call: Any, rpc: ClientRpc, *, hooked: bool) -> None:
        self._call = weakref.ref(call)
        self._rpc = rpc
        self._hooked = hooked

    def __call__(self) -> None:
        call = self._call()
        if call is None:  # garbage-collected, with everything that referred to it
            self._rpc.end(_CANCELLED)
            return
        core = call._cython_call
        status = core._status
        if self._hooked:
            self._rpc.answered(status.details())
        # A good unary answer has all it needs in its trailing metadata; an error may have none.
        initial = core._initial_metadata
        self._rpc.end(_CODES[status.code()], status.trailing_metadata(), initial, status.details())


# --- calls through interceptors of the application ---


class _Ended:
    """A done callback: records how a call ended."""

    __slots__ = ("_hooked", "_rpc")

    def __init__(self, rpc: ClientRpc, *, hooked: bool) -> None:
        self._rpc = rpc
        self._hooked = hooked

    def __call__(self, call: Any) -> None:
        task = call._interceptors_task
        if not task.cancelled() and task.exception() is not None and not _is_rpc_error(task.exception()):
            return  # an interceptor failed: gRPC has no code for that
        details = _settled(call.details())
        if self._hooked:
            self._rpc.answered(details)
        trailing, initial = _settled(call.trailing_metadata()), _settled(call.initial_metadata())
        self._rpc.end(_settled(call.code()), trailing, initial, details)


class _Intercepted:
    """A done callback of the task that runs the interceptors, which may fail or make an answer themselves."""

    __slots__ = ("_rpc",)

    def __init__(self, rpc: ClientRpc) -> None:
        self._rpc = rpc

    def __call__(self, task: "asyncio.Task[Any]") -> None:
        if task.cancelled():
            self._rpc.end(_CANCELLED)
            return
        error = task.exception()
        if error is not None and not _is_rpc_error(error):
            self._rpc.failed(error)
        elif error is None and not hasattr(task.result(), "_cython_call"):
            # An interceptor made this call; such calls may never run done callbacks.
            call = task.result()
            if call.done():
                self._rpc.end(_settled(call.code()))


def _is_rpc_error(error: BaseException | None) -> bool:
    return isinstance(error, grpc.aio.AioRpcError)


class _InterceptedStream(Proxy):
    """A call whose answers are a stream: notes each of them."""

    def __init__(self, call: Any, rpc: ClientRpc) -> None:
        super().__init__(call)
        self._self_rpc = rpc

    def __aiter__(self) -> AsyncIterator[Any]:
        return _Messages(self.__wrapped__, self._self_rpc)

    async def read(self) -> Any:
        message = await self.__wrapped__.read()
        if message is not grpc.aio.EOF:
            await _heard(self.__wrapped__, self._self_rpc, message)
        return message


class _Messages:
    """The answers of a stream."""

    __slots__ = ("_call", "_iterator", "_rpc")

    def __init__(self, call: Any, rpc: ClientRpc) -> None:
        self._call = call
        self._iterator: AsyncIterator[Any] = call.__aiter__()
        self._rpc = rpc

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    def __anext__(self) -> Awaitable[Any]:
        return self._next()

    async def _next(self) -> Any:
        message = await self._iterator.__anext__()
        await _heard(self._call, self._rpc, message)
        return message


async def _heard(call: Any, rpc: ClientRpc, message: Any) -> None:
    rpc.heard(await call.initial_metadata())
    rpc.answered(message)


def _settled(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of a coroutine of a finished call, which does not wait any more."""
    try:
        coroutine.send(None)
    except StopIteration as result:
        return result.value
    coroutine.close()
    raise RuntimeError("a finished call still waits")
