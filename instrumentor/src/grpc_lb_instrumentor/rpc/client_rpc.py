"""One RPC as its client sees it, from the send to the one end that it has."""

from collections.abc import Iterable
from time import perf_counter
from typing import Final

import grpc
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.rpc.durations import Durations
from grpc_lb_instrumentor.rpc.metadata import Pair, pod_in
from grpc_lb_instrumentor.rpc.spans import upstream_span
from grpc_lb_instrumentor.settings import Settings

_CANCELLED_CODE: Final[int] = grpc.StatusCode.CANCELLED.value[0]


class ClientChannel:
    """What all RPCs of one channel share."""

    __slots__ = ("__weakref__", "_captured", "_durations", "_excluded", "_settings", "enabled", "id")

    def __init__(self, channel_id: int, settings: Settings, durations: Durations) -> None:
        """Describe the channel numbered ``channel_id``."""
        self.id = channel_id
        self.enabled = True  # false after uninstrument(): the channel lives on, and is left alone
        self._settings = settings
        self._durations = durations
        self._captured = {key: names.RPC_REQUEST_METADATA + key for key in settings.captured_metadata}
        self._excluded: dict[str, bool] = {}

    def excludes(self, path: str) -> bool:
        """Tell whether RPCs of this path are none of our business."""
        excluded = self._excluded.get(path)
        if excluded is None:
            excluded = self._excluded[path] = self._settings.excludes(path)
        return excluded

    def begin(self, path: str, metadata: Iterable[Pair] | None) -> "ClientRpc | None":
        """Return the RPC that is about to be sent, or None where it is to be left alone.

        Must be called within the context of upstream's span.
        """
        if not self.enabled or self.excludes(path):
            return None
        span = upstream_span(path, SpanKind.CLIENT)
        # Upstream made a span, so that nobody has suppressed instrumentation.
        if span is None and not is_instrumentation_enabled():
            return None
        captured = self._capture(metadata) if self._captured and metadata else None
        return ClientRpc(self, path, span, captured)

    def record(self, rpc: "ClientRpc", code: grpc.StatusCode) -> None:
        """Write the RPC's duration down."""
        self._durations.record(perf_counter() - rpc.started, rpc.path, code, rpc.pod, rpc.context)

    def _capture(self, metadata: Iterable[Pair]) -> dict[str, AttributeValue] | None:
        found: dict[str, list[str]] = {}
        for key, value in metadata:
            name = self._captured.get(key)
            if name is not None and isinstance(value, str):
                found.setdefault(name, []).append(value)
        return {name: tuple(values) for name, values in found.items()} or None


class ClientRpc:
    """One RPC that was sent. Its methods may come from several threads; the first end counts."""

    __slots__ = ("_captured", "_channel", "_denied", "_ended", "context", "path", "pod", "span", "started")

    def __init__(
        self,
        channel: ClientChannel,
        path: str,
        span: Span | None,
        captured: dict[str, AttributeValue] | None,
    ) -> None:
        """Start the clock; ``span`` is upstream's, None where there is none or it is not sampled."""
        self._channel = channel
        self._captured = captured
        self._ended = False
        self._denied = False  # the span says already that no instrumented server answered
        self.path = path
        self.span = span
        self.context: Context = otel_context.get_current()
        self.pod: str | None = None
        self.started = perf_counter()

    @property
    def ended(self) -> bool:
        """Whether the RPC's end has been written down."""
        return self._ended

    def suppose_cancelled(self) -> None:
        """Let the span say CANCELLED until the end is known.

        Upstream ends the span of a stream that the application abandons before anybody learns of it, and
        the code that it began with is OK.
        """
        if self.span is not None and self.span.is_recording():
            self.span.set_attribute(names.RPC_GRPC_STATUS_CODE, _CANCELLED_CODE)

    def heard(self, initial: Iterable[Pair] | None) -> None:
        """Note what the first message of a stream brought: whether, and by whom, the RPC is answered."""
        self.pod = pod_in(initial)
        if self.span is not None and self.span.is_recording():
            for key, value in self._description().items():
                self.span.set_attribute(key, value)

    def end(
        self,
        code: grpc.StatusCode,
        trailing: Iterable[Pair] | None = None,
        initial: Iterable[Pair] | None = None,
        *,
        with_code: bool = False,
    ) -> None:
        """Write the end down, once; ``with_code`` where upstream does not set the code itself."""
        if self._ended:
            return
        self._ended = True
        self.pod = pod_in(trailing) or pod_in(initial) or self.pod
        span = self.span
        if span is not None and span.is_recording():
            attributes = self._description()
            if with_code:
                attributes[names.RPC_GRPC_STATUS_CODE] = code.value[0]
                if code is grpc.StatusCode.CANCELLED:
                    span.set_status(Status(StatusCode.ERROR, "CANCELLED"))
            for key, value in attributes.items():  # cheaper, for so few, than all of them at once
                span.set_attribute(key, value)
        if self._channel.enabled:
            self._channel.record(self, code)

    def close_span(self) -> None:
        """End upstream's span where upstream has lost it."""
        if self.span is not None and self.span.is_recording():
            self.span.end()

    def _description(self) -> dict[str, AttributeValue]:
        attributes: dict[str, AttributeValue] = {names.CHANNEL_ID: self._channel.id}
        if self.pod is None:
            attributes[names.SERVER_ANSWERED] = False
            self._denied = True
        else:
            attributes[names.SERVER_POD] = self.pod
            if self._denied:
                attributes[names.SERVER_ANSWERED] = True
        if self._captured:
            attributes.update(self._captured)
        return attributes
