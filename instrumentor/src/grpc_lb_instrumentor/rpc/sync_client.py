"""The multi-callables of a synchronous channel, inside whatever interceptors the channel has."""

# ruff: noqa: ANN401  # messages and calls are of the application's stubs

import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc
from wrapt import BaseObjectProxy

from grpc_lb_instrumentor.rpc.client_rpc import ClientChannel, ClientRpc
from grpc_lb_instrumentor.rpc.metadata import ASK


def multi_callable(kind: str, inner: Any, path: str, channel: ClientChannel) -> Any:
    """Wrap what ``Channel.unary_unary`` and its like return; ``kind`` is that method's name."""
    return inner if channel.excludes(path) else _KINDS[kind](inner, path, channel)


class _Arguments(NamedTuple):
    """What all multi-callables of grpc take, in their order."""

    request: Any  # or an iterator of requests
    timeout: float | None = None
    metadata: Any = None
    credentials: grpc.CallCredentials | None = None
    wait_for_ready: bool | None = None
    compression: grpc.Compression | None = None

    def asking(self) -> "_Arguments":
        """Return the same, asking for the pod's name."""
        metadata = (ASK,) if self.metadata is None else (*self.metadata, ASK)
        return _Arguments(
            self.request, self.timeout, metadata, self.credentials, self.wait_for_ready, self.compression
        )


class _MultiCallable:
    """What the four kinds share; ``inner`` is grpc's own."""

    __slots__ = ("_channel", "_inner", "_path")

    def __init__(self, inner: Any, path: str, channel: ClientChannel) -> None:
        self._inner = inner
        self._path = path
        self._channel = channel

    def _blocking(self, given: _Arguments) -> tuple[Any, Any]:
        rpc = self._channel.begin(self._path, given.metadata)
        if rpc is None:
            result: tuple[Any, Any] = self._inner.with_call(*given)
            return result
        try:
            response, call = self._inner.with_call(*given.asking())
        except grpc.RpcError as raised:
            error: Any = raised  # a Call as well, which its type does not say
            rpc.end(error.code(), error.trailing_metadata(), error.initial_metadata())
            raise
        except Exception:  # the channel is closed, or the like: nothing was sent
            raise
        except BaseException:  # KeyboardInterrupt and the like: grpc drops the call, which cancels it
            rpc.end(grpc.StatusCode.CANCELLED, with_code=True)
            raise
        rpc.end(grpc.StatusCode.OK, call.trailing_metadata())
        return response, call

    def _future(self, given: _Arguments) -> Any:
        rpc = self._channel.begin(self._path, given.metadata)
        if rpc is None:
            return self._inner.future(*given)
        return _Call(self._inner.future(*given.asking()), rpc)

    def _streaming(self, given: _Arguments) -> Any:
        rpc = self._channel.begin(self._path, given.metadata)
        if rpc is None:
            return self._inner(*given)
        call = self._inner(*given.asking())
        rpc.suppose_cancelled()
        return _StreamCall(call, rpc)


class _UnaryUnary(_MultiCallable, grpc.UnaryUnaryMultiCallable):  # type: ignore[type-arg]  # not generic at run time
    def __call__(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self._blocking(_Arguments(request, *args, **kwargs))[0]

    def with_call(self, request: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return self._blocking(_Arguments(request, *args, **kwargs))

    def future(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self._future(_Arguments(request, *args, **kwargs))


class _StreamUnary(_MultiCallable, grpc.StreamUnaryMultiCallable):  # type: ignore[type-arg]  # not generic at run time
    def __call__(self, request_iterator: Any, *args: Any, **kwargs: Any) -> Any:
        return self._blocking(_Arguments(request_iterator, *args, **kwargs))[0]

    def with_call(self, request_iterator: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return self._blocking(_Arguments(request_iterator, *args, **kwargs))

    def future(self, request_iterator: Any, *args: Any, **kwargs: Any) -> Any:
        return self._future(_Arguments(request_iterator, *args, **kwargs))


class _UnaryStream(_MultiCallable, grpc.UnaryStreamMultiCallable):  # type: ignore[type-arg]  # not generic at run time
    def __call__(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self._streaming(_Arguments(request, *args, **kwargs))


class _StreamStream(_MultiCallable, grpc.StreamStreamMultiCallable):  # type: ignore[type-arg]  # not generic at run time
    def __call__(self, request_iterator: Any, *args: Any, **kwargs: Any) -> Any:
        return self._streaming(_Arguments(request_iterator, *args, **kwargs))


_KINDS: dict[str, type[_MultiCallable]] = {
    "unary_unary": _UnaryUnary,
    "unary_stream": _UnaryStream,
    "stream_unary": _StreamUnary,
    "stream_stream": _StreamStream,
}


class _Ending:
    """The one end of a call that somebody holds, written down by whichever thread sees it first.

    The others wait for that: the next thing that they do may be to end upstream's span.
    """

    __slots__ = ("_lock", "rpc")

    def __init__(self, rpc: ClientRpc) -> None:
        self.rpc = rpc
        self._lock = threading.RLock()  # reentrant: the garbage collector may drop the call in here

    def of(self, call: Any) -> None:
        """Write down how ``call``, which has ended, ended."""
        with self._lock:
            if not self.rpc.ended:
                self.rpc.end(call.code(), call.trailing_metadata(), _received(call), with_code=True)

    def dropped(self) -> None:
        """Write down that grpc cancelled the call as nobody held it any more."""
        with self._lock:
            self.rpc.end(grpc.StatusCode.CANCELLED, with_code=True)


class _Watch:
    """Called when a call has ended. It does not keep the call alive: grpc cancels one that is dropped."""

    __slots__ = ("_call", "_ending")

    def __init__(self, call: Any, ending: _Ending) -> None:
        self._call = weakref.ref(call)
        self._ending = ending

    def __call__(self) -> None:
        call = self._call()
        if call is None:
            self._ending.dropped()
        else:
            self._ending.of(call)


class _Call(BaseObjectProxy[Any]):
    """A call that somebody holds: a future, or the base of a stream.

    The end is written down before any done callback runs: one of them is upstream's, and ends the span.
    """

    def __init__(self, call: Any, rpc: ClientRpc) -> None:
        super().__init__(call)
        self._self_ending = _Ending(rpc)
        watch = _Watch(call, self._self_ending)
        if not call.add_callback(watch):
            watch()

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        def ended(call: Any) -> None:
            self._self_ending.of(call)
            fn(self)

        self.__wrapped__.add_done_callback(ended)

    def __del__(self) -> None:
        if self.__wrapped__.done():
            self._self_ending.of(self.__wrapped__)


class _StreamCall(_Call):
    """A call with a stream of answers: sees the first of them, and the end."""

    def __init__(self, call: Any, rpc: ClientRpc) -> None:
        super().__init__(call, rpc)
        self._self_heard = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            message = next(self.__wrapped__)
        except (StopIteration, grpc.RpcError):
            self._self_ending.of(self.__wrapped__)
            raise
        if not self._self_heard:
            self._self_heard = True
            rpc: ClientRpc = self._self_ending.rpc
            if not rpc.ended:
                rpc.heard(self.__wrapped__.initial_metadata())
        return message

    next = __next__

    def close(self) -> None:
        """Cancel: upstream's generator is closed, as nobody wants the rest of the stream."""
        self.__wrapped__.cancel()
        self._self_ending.of(self.__wrapped__)


def _received(call: Any) -> Any:
    """Return the initial metadata that a call received so far.

    ``call.initial_metadata()`` waits for them, and gRPC's thread, in which callbacks run, may have yet to
    take them in: it would wait for itself. There is no public way to ask without waiting.
    """
    return getattr(getattr(call, "_state", None), "initial_metadata", None)
