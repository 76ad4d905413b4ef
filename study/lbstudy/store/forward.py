"""Sends what the receiver has stored on to a Collector, unchanged, without making anyone wait.

Each signal has a bounded queue and a thread: so the points of a series keep their order, and metrics need not
wait for spans. While the Collector does not answer, requests wait in memory, and are sent when it is back.
OTLP delivers at least once: a request whose answer was lost is sent again.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lbstudy.direct import NO_PROXY
from lbstudy.store.forward_backlog import UNAVAILABLE, Backlog, Batch, SentCount
from lbstudy.store.forward_signal import (
    METRICS,
    PARTLY,
    TRACES,
    Signal,
    is_worth_a_retry,
    points_of,
    refused,
    spans_of,
)

CLOSE_WITHIN: Final = 3.0
"""s for which ``close`` still tries to send what waits: with everything else, a shutdown takes at most 5 s.
"""
_LIMIT: Final = 128 * 1024 * 1024  # bytes a signal: about 4 minutes of 1000 spans/s without a Collector
_BATCH: Final = 2 * 1024 * 1024  # bytes a request: half of gRPC's default limit
_TIMEOUT: Final = 10.0  # s for a request, after which it is tried again
_FIRST_PAUSE: Final = 0.1  # s before the second try; each later one waits twice as long
_LONGEST_PAUSE: Final = 1.0
_CANCELLING: Final = 0.3  # s for a thread to notice that its request was cancelled
_LAST: Final = 0.5  # s for a request of one span
_OPTIONS: Final = (
    NO_PROXY,
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


@dataclass(frozen=True, slots=True)
class ForwardedCounts:
    """What became of everything that was offered to a forwarder."""

    spans: SentCount
    points: SentCount


class Forwarder:
    """A receiver's ``forward`` hook. Call ``close`` at the end.

    Args:
        endpoint: an OTLP/gRPC receiver: "http://127.0.0.1:4317", or "https://…" for TLS with the system's
            certificates. It need not be listening yet.
        limit: bytes of each signal that may wait; what exceeds it is lost, and counted.
    """

    def __init__(self, endpoint: str, *, limit: int = _LIMIT) -> None:
        self._channel = _open_channel(endpoint)
        self._traces = _Lane(TRACES, self._channel, Backlog(limit, _BATCH))
        self._metrics = _Lane(METRICS, self._channel, Backlog(limit, _BATCH))

    def __call__(self, request: ExportTraceServiceRequest | ExportMetricsServiceRequest) -> None:
        """Queue a request; returns at once."""
        if isinstance(request, ExportTraceServiceRequest):
            self._traces.backlog.offer(request.SerializeToString(), spans_of(request))
        else:
            self._metrics.backlog.offer(request.SerializeToString(), points_of(request))

    def counts(self) -> ForwardedCounts:
        """Return what became of it so far; what waits is neither sent nor lost yet."""
        return ForwardedCounts(self._traces.backlog.counts(), self._metrics.backlog.counts())

    def close(self, within: float = CLOSE_WITHIN) -> ForwardedCounts:
        """Send what waits, for at most so many seconds, count the rest as lost, and end. May be called twice.

        Returns: what became of everything: sent plus lost is what was offered.
        """
        lanes = (self._traces, self._metrics)
        ends_at = time.monotonic() + within
        for lane in lanes:
            lane.backlog.close(within)
        for lane in lanes:
            lane.join(ends_at - time.monotonic())
        self._channel.close()  # cancels requests under way
        for lane in lanes:
            lane.join(_CANCELLING)
            lane.backlog.abandon()
        return self.counts()


def send_last(endpoint: str, request: ExportTraceServiceRequest) -> bool:
    """Send one more request after a forwarder's end; returns whether it was accepted. It is not counted."""
    with _open_channel(endpoint) as channel:
        export: Callable[..., bytes] = channel.unary_unary(TRACES.method)
        try:
            export(request.SerializeToString(), timeout=_LAST)
        except grpc.RpcError:
            return False
    return True


def _open_channel(endpoint: str) -> grpc.Channel:
    """Return a channel to an OTLP/gRPC endpoint, with TLS if it begins with "https://"."""
    if endpoint.startswith("https://"):
        return grpc.secure_channel(
            endpoint.removeprefix("https://"), grpc.ssl_channel_credentials(), options=_OPTIONS
        )
    return grpc.insecure_channel(endpoint.removeprefix("http://"), options=_OPTIONS)


class _Lane:
    """One signal's queue, and the thread that empties it."""

    def __init__(self, signal: Signal, channel: grpc.Channel, backlog: Backlog) -> None:
        self.backlog = backlog
        self._signal = signal
        # No serialisers: bytes are passed through.
        self._export: Callable[..., bytes] = channel.unary_unary(signal.method)
        self._thread = threading.Thread(target=self._run, name=f"lbstudy-forward-{signal.name}", daemon=True)
        self._thread.start()

    def join(self, timeout: float) -> None:
        self._thread.join(max(0.0, timeout))

    def _run(self) -> None:
        while (batch := self.backlog.take()) is not None:
            self.backlog.done(batch, self._send(batch))

    def _send(self, batch: Batch) -> dict[str, int]:
        """Send until it is accepted, refused, or time is up; returns what was lost."""
        pause = _FIRST_PAUSE
        while (left := self.backlog.left()) > 0:
            try:
                rejected = self._signal.rejected(self._export(batch.payload, timeout=min(_TIMEOUT, left)))
            except grpc.RpcError as error:
                code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
                if not is_worth_a_retry(code):
                    return {refused(code): batch.items}
            except ValueError:  # the channel was closed meanwhile: time is up
                break
            else:
                return {PARTLY: min(rejected, batch.items)} if rejected > 0 else {}
            if not self.backlog.pause(pause):
                break
            pause = min(2 * pause, _LONGEST_PAUSE)
        return {UNAVAILABLE: batch.items}
