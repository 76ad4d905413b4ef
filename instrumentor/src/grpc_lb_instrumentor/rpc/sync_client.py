"""Wraps the multi-callables of a synchronous channel, inside all interceptors of the channel.

They return gRPC's own calls. A stream's class is replaced by a subclass that sees each message. How an RPC
ended is read from the state that gRPC keeps of it.
"""

# ruff: noqa: ANN401, SLF001  # messages and calls are of the application's stubs; see above

import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import grpc

from grpc_lb_instrumentor.rpc.client_rpc import ClientChannel, ClientRpc
from grpc_lb_instrumentor.rpc.metadata import Pairs, repeatable

_CANCELLED = grpc.StatusCode.CANCELLED


def multi_callable(kind: str, inner: Any, path: str, channel: ClientChannel) -> Any:
    """Wrap what ``Channel.unary_unary`` and its like return; ``kind`` is that method's name."""
    return _KINDS[kind](inner, path, channel)


class _Arguments(NamedTuple):
    """The arguments of all multi-callables of grpc, in their order."""

    request: Any  # or an iterator of requests
    timeout: float | None = None
    metadata: Any = None
    credentials: grpc.CallCredentials | None = None
    wait_for_ready: bool | None = None
    compression: grpc.Compression | None = None

    def sending(self, metadata: Pairs) -> "_Arguments":
        """Return the same arguments with these metadata."""
        return _Arguments(
            self.request, self.timeout, metadata, self.credentials, self.wait_for_ready, self.compression
        )


class _MultiCallable:
    """What the four kinds have in common. ``inner`` is grpc's own."""

    __slots__ = ("_channel", "_inner", "_path")

    stream = ""  # who sends several messages, as in names.STREAM_KIND

    def __init__(self, inner: Any, path: str, channel: ClientChannel) -> None:
        self._inner = inner
        self._path = path
        self._channel = channel

    def _begin(self, request: Any, args: Any, kwargs: Any) -> tuple[_Arguments, ClientRpc | None]:
        given = _Arguments(request, *args, **kwargs)
        metadata = repeatable(given.metadata)
        rpc = self._channel.begin(self._path, metadata, self.stream)
        if rpc is None:
            return given, None
        rpc.asked(request)
        return given.sending(rpc.metadata(metadata)), rpc

    def _blocking(self, request: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
        given, rpc = self._begin(request, args, kwargs)
        if rpc is None:
            result: tuple[Any, Any] = self._inner.with_call(*given)
            return result
        try:
            response, call = self._inner.with_call(*given)
        except grpc.RpcError as raised:
            error: Any = raised  # also a Call, although its type does not say so
            rpc.end(
                error.code(), error.trailing_metadata(), error.initial_metadata(), error.details(), raised
            )
            raise
        except Exception as error:  # nothing was sent, for example because the channel is closed
            rpc.failed(error)
            raise
        except BaseException:  # for example KeyboardInterrupt: grpc drops the call, which cancels it
            rpc.end(_CANCELLED)
            raise
        rpc.answered(response)
        rpc.end(grpc.StatusCode.OK, call.trailing_metadata())
        return response, call

    def _future(self, request: Any, args: Any, kwargs: Any) -> Any:
        return self._held(self._inner.future, request, args, kwargs)

    def _streaming(self, request: Any, args: Any, kwargs: Any) -> Any:
        call = self._held(self._inner, request, args, kwargs)
        if hasattr(call, "_grpc_lb_ended"):
            kind: Any = type(call)
            call.__class__ = _watched(kind)
        return call

    def _held(self, send: Callable[..., Any], request: Any, args: Any, kwargs: Any) -> Any:
        given, rpc = self._begin(request, args, kwargs)
        if rpc is None:
            return send(*given)
        try:
            call = send(*given)
        except BaseException as error:
            rpc.failed(error)
            raise
        call._grpc_lb_ended = ended = _Ended(call._state, rpc)
        if not call.add_callback(ended):
            ended()
        return call


class _UnaryUnary(_MultiCallable, grpc.UnaryUnaryMultiCallable):  # type: ignore[type-arg]  # not generic at run time
    def __call__(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self._blocking(request, args, kwargs)[0]

    def with_call(self, request: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return self._blocking(request, args, kwargs)

    def future(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self._future(request, args, kwargs)


class _StreamUnary(_MultiCallable, grpc.StreamUnaryMultiCallable):  # type: ignore[type-arg]  # not generic at run time
    stream = "client"

    def __call__(self, request_iterator: Any, *args: Any, **kwargs: Any) -> Any:
        return self._blocking(request_iterator, args, kwargs)[0]

    def with_call(self, request_iterator: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return self._blocking(request_iterator, args, kwargs)

    def future(self, request_iterator: Any, *args: Any, **kwargs: Any) -> Any:
        return self._future(request_iterator, args, kwargs)


class _UnaryStream(_MultiCallable, grpc.UnaryStreamMultiCallable):  # type: ignore[type-arg]  # not generic at run time
    stream = "server"

    def __call__(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self._streaming(request, args, kwargs)


class _StreamStream(_MultiCallable, grpc.StreamStreamMultiCallable):  # type: ignore[type-arg]  # not generic at run time
    stream = "bidi"

    def __call__(self, request_iterator: Any, *args: Any, **kwargs: Any) -> Any:
        return self._streaming(request_iterator, args, kwargs)


_KINDS: dict[str, type[_MultiCallable]] = {
    "unary_unary": _UnaryUnary,
    "unary_stream": _UnaryStream,
    "stream_unary": _StreamUnary,
    "stream_stream": _StreamStream,
}


class _Ended:
    """Records how an RPC ended. It does not keep the call alive: grpc cancels a call that is dropped.

    A thread that reads the end of a stream waits if gRPC's thread is still recording it.
    """

    __slots__ = ("_lock", "_state", "rpc")

    def __init__(self, state: Any, rpc: ClientRpc) -> None:
        self._state = state
        self._lock = threading.RLock()  # reentrant: the garbage collector may drop the call in here
        self.rpc = rpc

    def __call__(self) -> None:
        state = self._state
        code = state.code
        if code is None:  # dropped by a reader that alone knew of its end
            code = _CANCELLED
        details = state.details
        if isinstance(details, bytes):
            details = details.decode(errors="replace")
        # When Python ends, gRPC's thread stops wherever it is, perhaps in here: nobody would release the
        # lock.
        if self._lock.acquire(blocking=not sys.is_finalizing()):
            try:
                self.rpc.end(code, state.trailing_metadata, state.initial_metadata, details)
            finally:
                self._lock.release()

    def heard(self, message: Any) -> None:
        """Note a message of a stream."""
        self.rpc.heard(self._state.initial_metadata)
        self.rpc.answered(message)


@cache
def _watched(kind: type[Any]) -> type[Any]:
    """Return a subclass of gRPC's class of streams, by that class's name, which notes each message read."""

    def _next(self: Any) -> Any:
        ended: _Ended = self._grpc_lb_ended
        try:
            message = kind._next(self)
        except (StopIteration, grpc.RpcError):
            ended()
            raise
        ended.heard(message)
        return message

    def __del__(self: Any) -> None:  # noqa: N807  # Python's
        kind.__del__(self)
        self._grpc_lb_ended()

    return type(kind.__name__, (kind,), {"_next": _next, "__del__": __del__, "__module__": kind.__module__})
