"""What all servers of a process have in common, and one RPC as its server sees it."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextvars import Token
from time import perf_counter
from typing import Final

import grpc
from opentelemetry import propagate
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import SpanKind, Tracer, set_span_in_context

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.rpc.durations import Durations
from grpc_lb_instrumentor.rpc.messages import Messages
from grpc_lb_instrumentor.rpc.metadata import Pair, Pairs
from grpc_lb_instrumentor.rpc.shapes import Attributes, Shape, close, start
from grpc_lb_instrumentor.server.activity import Activity
from grpc_lb_instrumentor.settings import Settings

_BY_NUMBER: Final[dict[int, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}
_DEADLINE_REACHED: Final = 0.1
"""Seconds. A client that gives up at its deadline says so, and the server's deadline passes a little later:
the request took time to arrive, and gRPC rounds time-outs up (by 10 ms below 10 s, by 0.1 s below 100 s).
"""
_TELLINGS: Final = 3
"""How often a client is sent the address at which it is seen: a connection's first answers may be lost."""
_PEERS: Final = 4096


class ServerTelemetry:
    """The pod's name, and what the servers of a process report to."""

    def __init__(  # all parts of it, made once a process
        self,
        pod: str,
        settings: Settings,
        tracer: Tracer,
        durations: Durations,
        activity: Activity,
        messages: Messages,
    ) -> None:
        """Describe the servers of this process."""
        self.pod = pod
        self.pairs: Pairs = ((names.METADATA_POD, pod),)
        self.settings = settings
        self.tracer = tracer
        self.durations = durations
        self.activity = activity
        self.messages = messages
        self.enabled = True  # false after uninstrument(): a running server keeps its interceptors
        self._told: Counter[str] = Counter()

    def tells(self, peer: str) -> Pairs:
        """Return the metadata for the answer to a client that asks and is seen at ``peer``."""
        if self._told[peer] >= _TELLINGS:
            return self.pairs
        if len(self._told) >= _PEERS:
            self._told.clear()
        self._told[peer] += 1
        return (*self.pairs, (names.METADATA_PEER, peer))


class Method:
    """What all RPCs of one method of one server have in common."""

    __slots__ = ("_opening", "_peers", "name", "path", "shape", "telemetry")

    def __init__(self, telemetry: ServerTelemetry, shape: Shape, path: str) -> None:
        """Describe the method at ``path``; its spans have this shape."""
        self.telemetry = telemetry
        self.shape = shape
        self.path = path
        self.name = shape.name(path)
        self._opening = {**shape.opening(path), names.SERVER_POD: telemetry.pod}
        self._peers: dict[str, Attributes] = {}

    def opening(self, peer: str) -> Attributes:
        """Return the attributes with which the span of an RPC of this client begins."""
        attributes = self._peers.get(peer)
        if attributes is None:
            if len(self._peers) >= _PEERS:
                self._peers.clear()
            attributes = self._peers[peer] = {**self._opening, **self.shape.peer(peer)}
        return attributes


class ServerRpc:
    """One RPC that a server handles. Only the first end counts."""

    __slots__ = ("_count", "_method", "_once", "_started", "context", "peer", "span")

    def __init__(self, method: Method, metadata: Iterable[Pair] | None, peer: str) -> None:
        """Start the span, a child of the one that ``metadata`` name, and the clock."""
        self._method = method
        self._once = iter((True,))
        self._count: Callable[[], int] | None = None
        self.peer = peer
        remote = propagate.extract(dict(metadata)) if metadata else propagate.extract({})
        self.span = start(method.shape, method.name, SpanKind.SERVER, remote, method.opening(peer))
        self.context = set_span_in_context(self.span, remote)
        method.telemetry.activity.begin()
        self._started = perf_counter()

    @property
    def pairs(self) -> Pairs:
        """The metadata to send to a client that asks."""
        return self._method.telemetry.tells(self.peer)

    def enter(self) -> Token[Context]:
        """Make the span the current one; pass the returned token to ``leave``."""
        return attach(self.context)

    def leave(self, token: Token[Context]) -> None:
        """Undo ``enter``, in the same thread or task."""
        detach(token)

    def message(self) -> None:
        """Count an answer of a stream."""
        if self._count is None:
            telemetry = self._method.telemetry
            self._count = telemetry.messages.of(self._method.path, telemetry.pod)
        self._count()

    def end(self, code: grpc.StatusCode, details: object = None, error: BaseException | None = None) -> None:
        """Record the end. ``error`` is what the handler raised, unless it was an abort."""
        if not next(self._once, False):
            return
        method = self._method
        telemetry = method.telemetry
        telemetry.activity.end()
        span = self.span
        if span.is_recording():
            close(method.shape, span, code, _text(details, error), error)
        if telemetry.enabled:
            telemetry.durations.record(
                perf_counter() - self._started, method.path, code, telemetry.pod, self.context
            )
        span.end()


def _text(details: object, error: BaseException | None) -> str | None:
    if isinstance(details, bytes):
        details = details.decode(errors="replace")
    if details:
        return str(details)
    return None if error is None else f"{type(error).__name__}: {error}"


def status_code(code: object, default: grpc.StatusCode) -> grpc.StatusCode:
    """Return the code that a servicer context has, which may be a number; ``default`` if it has none."""
    if isinstance(code, grpc.StatusCode):
        return code
    return _BY_NUMBER.get(code, grpc.StatusCode.UNKNOWN) if isinstance(code, int) else default


def failure_code(code_set: object) -> grpc.StatusCode:
    """Return the code of an RPC whose handler raised: the one it had set, else UNKNOWN, like gRPC."""
    code = status_code(code_set, grpc.StatusCode.UNKNOWN)
    return grpc.StatusCode.UNKNOWN if code is grpc.StatusCode.OK else code


def stopped_code(remaining: float | None) -> grpc.StatusCode:
    """Return why a client stopped waiting for an RPC: its deadline, or a cancellation."""
    if remaining is not None and remaining <= _DEADLINE_REACHED:
        return grpc.StatusCode.DEADLINE_EXCEEDED
    return grpc.StatusCode.CANCELLED
