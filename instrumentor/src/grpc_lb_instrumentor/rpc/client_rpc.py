"""One RPC as its client sees it, from sending it to its end."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import grpc
from opentelemetry import context as otel_context
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.rpc.answer import verdict
from grpc_lb_instrumentor.rpc.durations import CLIENT_ERRORS, Durations
from grpc_lb_instrumentor.rpc.messages import Messages
from grpc_lb_instrumentor.rpc.metadata import ASK, CarrierSetter, Pair, Pairs, told_in
from grpc_lb_instrumentor.rpc.opt_in import chosen
from grpc_lb_instrumentor.rpc.peers import Peers
from grpc_lb_instrumentor.rpc.shapes import Attributes, Shape, close, server_attributes, start
from grpc_lb_instrumentor.rpc.upstream import call_hook, span_in_hand
from grpc_lb_instrumentor.settings import Settings

_SETTER: Final = CarrierSetter()
_OK: Final = grpc.StatusCode.OK


@dataclass(frozen=True, slots=True)
class ClientTelemetry:
    """What all channels of a process have in common."""

    settings: Settings
    tracer: Tracer
    durations: Durations
    messages: Messages
    peers: Peers


@dataclass(frozen=True, slots=True)
class _Method:
    """What all RPCs of one channel and method have in common."""

    path: str
    name: str
    opening: Mapping[str, AttributeValue]
    skipped: bool  # whether it has no span
    excluded: bool  # whether nothing at all is recorded
    stream: str  # names.STREAM_KIND; "" if both sides send one message


class ClientChannel:
    """What all RPCs of one channel have in common."""

    __slots__ = (
        "__weakref__",
        "_captured",
        "_fixed",
        "_methods",
        "enabled",
        "id",
        "names_pods",
        "shape",
        "telemetry",
    )

    def __init__(self, channel_id: int, target: str, telemetry: ClientTelemetry) -> None:
        """Describe the channel number ``channel_id``; ``target`` is as the application gave it."""
        self.id = channel_id
        self.enabled = True  # false after uninstrument(): the channel remains, and is not recorded
        self.telemetry = telemetry
        self.shape = self._chosen(None)
        self.names_pods = False  # whether a server has sent its name
        self._fixed = {**server_attributes(target), names.CHANNEL_ID: channel_id}
        self._captured = {key: names.RPC_REQUEST_HEADER + key for key in telemetry.settings.captured_metadata}
        self._methods: dict[str, _Method] = {}

    def take(self, shape: Shape) -> None:
        """Make the spans that an interceptor of opentelemetry-instrumentation-grpc would have made."""
        self.shape = self._chosen(shape)
        if self.shape is shape:  # only the old conventions apply
            self._fixed = {names.CHANNEL_ID: self.id}
        self._methods.clear()

    def _chosen(self, shape: Shape | None) -> Shape:
        return chosen(self.telemetry.settings.conventions, shape, self.telemetry.tracer, CLIENT_ERRORS)

    def begin(self, path: str, metadata: Iterable[Pair] | None, stream: str = "") -> "ClientRpc | None":
        """Return the RPC that is about to be sent; None if it is not recorded.

        ``stream`` says who sends several messages, as in ``names.STREAM_KIND``; "" if nobody does.
        """
        if not self.enabled and not self.shape.taken:
            return None
        method = self._methods.get(path) or self._method(path, stream)
        if method.excluded or not is_instrumentation_enabled():
            return None
        current = otel_context.get_current()
        current_span = span_in_hand(path, SpanKind.CLIENT)
        if current_span is not None:
            return ClientRpc(self, method, current_span, current, owned=False)
        if method.skipped:
            return ClientRpc(self, method, None, current, owned=False)
        opening: Attributes = method.opening
        if self._captured and metadata:
            opening = {**opening, **self._capture(metadata)}
        span = start(self.shape, method.name, SpanKind.CLIENT, current, opening)
        return ClientRpc(self, method, span, set_span_in_context(span, current), owned=True)

    def _method(self, path: str, stream: str) -> _Method:
        own = {names.STREAM_KIND: stream} if stream else {}
        method = _Method(
            path,
            self.shape.name(path),
            {**self.shape.opening(path), **self._fixed, **own},
            self.shape.skips(path),
            self.telemetry.settings.excludes(path),
            stream,
        )
        self._methods[path] = method
        return method

    def _capture(self, metadata: Iterable[Pair]) -> dict[str, AttributeValue]:
        captured: dict[str, list[str]] = {}
        for key, value in metadata:
            name = self._captured.get(key)
            if name is not None:
                text = value if isinstance(value, str) else b64encode(value).decode()
                captured.setdefault(name, []).append(text)
        return {name: tuple(values) for name, values in captured.items()}


class ClientRpc:
    """One RPC that is sent. Several threads may call its methods; only the first end counts."""

    __slots__ = (
        "_channel",
        "_count",
        "_heard",
        "_method",
        "_once",
        "_owned",
        "_started",
        "context",
        "pod",
        "span",
    )

    def __init__(
        self, channel: ClientChannel, method: _Method, span: Span | None, context: Context, *, owned: bool
    ) -> None:
        """Start the clock. ``owned``: ``span`` ends with the RPC; otherwise another package ends it."""
        self._channel = channel
        self._method = method
        self._owned = owned
        self._once = iter((True,))  # taken by the first end, in any thread
        self._heard = False  # whether a message came
        self._count: Callable[[], int] | None = None
        self.span = span
        self.context = context
        self.pod: str | None = None
        self._started = perf_counter()

    def metadata(self, given: Iterable[Pair] | None) -> Pairs:
        """Return the metadata to send: the application's, the trace context, the request for a pod name."""
        added: list[Pair] = []
        if self._owned:
            propagate.inject(added, self.context, _SETTER)
        if self._channel.enabled:
            added.append(ASK)
        if not given:
            return tuple(added)
        keys = [key for key, _ in added]
        return (*(pair for pair in given if pair[0] not in keys), *added)

    def asked(self, request: Any) -> None:  # noqa: ANN401  # a message, or an iterator of them
        """Pass the request to the request hook, if there is one."""
        if self._owned and self._channel.shape.request_hook is not None:
            call_hook(self._channel.shape.request_hook, self.span, request)

    def answered(self, response: Any) -> None:  # noqa: ANN401  # a message
        """Pass the response to the response hook, if there is one."""
        if self._owned and self._channel.shape.response_hook is not None:
            call_hook(self._channel.shape.response_hook, self.span, response)

    def heard(self, initial: Iterable[Pair] | None) -> None:
        """Note one message of a stream; ``initial`` are the metadata that came before it."""
        if self._count is not None:
            self._count()
            return
        self._heard = True
        self._learn(initial)
        self._count = self._channel.telemetry.messages.of(self._method.path, self.pod)
        self._count()
        span = self.span
        if self.pod is not None and span is not None and span.is_recording():
            span.set_attribute(names.SERVER_POD, self.pod)
            span.add_event(names.EVENT_FIRST_MESSAGE, {names.SERVER_POD: self.pod})

    def end(
        self,
        code: grpc.StatusCode,
        trailing: Iterable[Pair] | None = None,
        initial: Iterable[Pair] | None = None,
        details: str | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Record the end, once. ``error`` is the exception that the application will catch, if known."""
        if not next(self._once, False):
            return
        channel = self._channel
        if channel.enabled:
            self._learn(trailing)
            if self.pod is None:
                self._learn(initial)
        span = self.span
        if span is not None and span.is_recording():
            if channel.enabled:
                self._describe(span, code, details, heard=bool(trailing or initial))
            if self._owned:
                close(channel.shape, span, code, details, error)
        if channel.enabled:
            channel.telemetry.durations.record(
                perf_counter() - self._started, self._method.path, code, self.pod, self.context
            )
        if self._owned and span is not None:
            span.end()

    def failed(self, error: BaseException) -> None:
        """End the span of an RPC that was never sent, because gRPC refused its arguments."""
        if not next(self._once, False):
            return
        if self._owned and self.span is not None:
            if self.span.is_recording():
                self.span.set_attribute(names.ERROR_TYPE, type(error).__qualname__)
                self.span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
                self.span.record_exception(error)
            self.span.end()

    def _learn(self, metadata: Iterable[Pair] | None) -> None:
        if not metadata:
            return
        pod, peer = told_in(metadata)
        if pod is not None:
            self.pod = pod
            self._channel.names_pods = True
            if peer is not None:
                self._channel.telemetry.peers.told(pod, peer)

    def _describe(self, span: Span, code: grpc.StatusCode, details: str | None, *, heard: bool) -> None:
        if not self._owned:
            span.set_attribute(names.CHANNEL_ID, self._channel.id)
            if self._method.stream:
                span.set_attribute(names.STREAM_KIND, self._method.stream)
        if self.pod is not None:
            span.set_attribute(names.SERVER_POD, self.pod)
            for key, value in self._channel.telemetry.peers.of(self.pod).items():
                span.set_attribute(key, value)
            return
        why, answered = verdict(
            code, details, heard=heard or self._heard, names_pods=self._channel.names_pods
        )
        span.set_attribute(names.SERVER_UNNAMED, why)
        if answered is not None:
            span.set_attribute(names.SERVER_ANSWERED, answered)
