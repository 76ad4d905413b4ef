"""What all servers of a process share, and one RPC as its server sees it."""

from time import perf_counter
from typing import Final

import grpc
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.rpc.durations import SERVER_ERRORS, Durations
from grpc_lb_instrumentor.rpc.metadata import Pairs
from grpc_lb_instrumentor.rpc.spans import upstream_span
from grpc_lb_instrumentor.server.activity import Activity
from grpc_lb_instrumentor.settings import Settings

_CANCELLED_CODE: Final[int] = grpc.StatusCode.CANCELLED.value[0]
_BY_NUMBER: Final[dict[int, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}

EARLY_SHARE: Final = 0.5
"""The share of the remaining time after which the pod's name is sent ahead of the answer."""
EARLY_WITHOUT_DEADLINE: Final = 1.0
"""The same in seconds, for an RPC without a deadline."""
_DEADLINE_REACHED: Final = 0.1
"""Seconds. A client that gives up at its deadline tells so, and the server's own deadline comes a little
later: by the request's way, and as gRPC rounds time-outs up (by 10 ms below 10 s, by 0.1 s below 100 s)."""
_NO_DEADLINE: Final = 1e8  # a synchronous server gives some centuries where there is none


class ServerTelemetry:
    """The pod's name and where what is seen goes to."""

    __slots__ = ("activity", "durations", "enabled", "pairs", "pod", "settings")

    def __init__(self, pod: str, settings: Settings, durations: Durations, activity: Activity) -> None:
        """Describe the servers of this process."""
        self.pod = pod
        self.pairs: Pairs = ((names.METADATA_POD, pod),)
        self.settings = settings
        self.durations = durations
        self.activity = activity
        self.enabled = True  # false after uninstrument(): a running server keeps its interceptors


class ServerRpc:
    """One RPC that a server works on."""

    __slots__ = ("_path", "_span", "_started", "_telemetry")

    def __init__(self, telemetry: ServerTelemetry, path: str, *, streaming: bool) -> None:
        """Start the clock; must be made within the context of upstream's span."""
        self._telemetry = telemetry
        self._path = path
        self._span: Span | None = upstream_span(path, SpanKind.SERVER)
        if self._span is not None:
            self._span.set_attribute(names.SERVER_POD, telemetry.pod)
            if streaming:
                # The client may go away while a message is written; upstream's span is over by the time
                # that this is told, and the code that it began with is OK.
                self._span.set_attribute(names.RPC_GRPC_STATUS_CODE, _CANCELLED_CODE)
        telemetry.activity.begin()
        self._started = perf_counter()

    def end(self, code: grpc.StatusCode, *, with_code: bool) -> None:
        """Write the end down; ``with_code`` where upstream may not have set the code itself."""
        telemetry = self._telemetry
        telemetry.activity.end()
        span = self._span
        if with_code and span is not None and span.is_recording():
            span.set_attribute(names.RPC_GRPC_STATUS_CODE, code.value[0])
            if code in SERVER_ERRORS:
                span.set_status(Status(StatusCode.ERROR, code.name))
        telemetry.durations.record(perf_counter() - self._started, self._path, code, telemetry.pod)


def status_code(told: object, default: grpc.StatusCode) -> grpc.StatusCode:
    """Return the code that a servicer context tells, which may be a number, or ``default`` for none."""
    if isinstance(told, grpc.StatusCode):
        return told
    return _BY_NUMBER.get(told, grpc.StatusCode.UNKNOWN) if isinstance(told, int) else default


def failure_code(told: object) -> grpc.StatusCode:
    """Return the code of an RPC whose handler raised: what it had set, else UNKNOWN, as gRPC does."""
    code = status_code(told, grpc.StatusCode.UNKNOWN)
    return grpc.StatusCode.UNKNOWN if code is grpc.StatusCode.OK else code


def stopped_code(remaining: float | None) -> grpc.StatusCode:
    """Return why an RPC that its client stopped waiting for was stopped: its deadline, or a cancellation."""
    if remaining is not None and remaining <= _DEADLINE_REACHED:
        return grpc.StatusCode.DEADLINE_EXCEEDED
    return grpc.StatusCode.CANCELLED


def early_after(remaining: float | None) -> float:
    """Return after how many seconds of work the pod's name is to be sent ahead of the answer."""
    if remaining is None or remaining > _NO_DEADLINE:
        return EARLY_WITHOUT_DEADLINE
    return remaining * EARLY_SHARE
