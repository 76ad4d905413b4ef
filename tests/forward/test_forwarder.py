import threading
import time
from collections.abc import Callable, Iterator

import grpc
import pytest
from lbstudy.store import forward
from lbstudy.store.forward import Forwarder, send_last
from lbstudy.store.forward_backlog import SentCount
from lbstudy.store.forward_signal import METRICS, TRACES
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tests.forward.conftest import Collector


def spans(*names: str, service: str = "s") -> ExportTraceServiceRequest:
    resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value=service))])
    made = [Span(name=name, trace_id=bytes(16), span_id=bytes(8)) for name in names]
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=made)])]
    )


def points(value: int) -> ExportMetricsServiceRequest:
    """Two numbers, a sum and a histogram: four points."""
    number = NumberDataPoint(as_int=value)
    metrics = [
        Metric(name="gauge", gauge=Gauge(data_points=[number, number])),
        Metric(name="sum", sum=Sum(data_points=[number])),
        Metric(name="histogram", histogram=Histogram(data_points=[HistogramDataPoint(count=1)])),
    ]
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=metrics)])]
    )


def names_in(requests: list[bytes]) -> list[str]:
    return [
        span.name
        for request in requests
        for group in ExportTraceServiceRequest.FromString(request).resource_spans
        for scoped in group.scope_spans
        for span in scoped.spans
    ]


def values_in(requests: list[bytes]) -> list[int]:
    return [
        group.scope_metrics[0].metrics[1].sum.data_points[0].as_int
        for request in requests
        for group in ExportMetricsServiceRequest.FromString(request).resource_metrics
    ]


class Gate:
    """An answer that waits until it is let through, or until the client has given up."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def __call__(self, context: grpc.ServicerContext) -> bytes:
        context.add_callback(self._open.set)
        assert self._open.wait(30), "guard"
        return b""

    def open(self) -> None:
        self._open.set()


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until, "guard"
        time.sleep(0.01)  # nobody is told when an answer has come


def failing(times: int, code: grpc.StatusCode) -> "Iterator[grpc.StatusCode | None]":
    yield from [code] * times
    while True:
        yield None


class Failing:
    """An answer that fails so many times, and then is a success."""

    def __init__(self, times: int, code: grpc.StatusCode) -> None:
        self._codes = failing(times, code)

    def __call__(self, context: grpc.ServicerContext) -> bytes:
        code = next(self._codes)
        if code is not None:
            context.abort(code, "not now")
        return b""


def test_everything_arrives_unchanged_and_is_counted(collector: Collector) -> None:
    forwarder = Forwarder(collector.endpoint)
    # A field of a later version of the protocol: tag 99, length-delimited.
    later = ExportTraceServiceRequest.FromString(spans("a", "b").SerializeToString() + b"\x9a\x06\x01x")
    forwarder(later)
    forwarder(points(1))
    counts = forwarder.close()
    assert collector.got == {
        TRACES.method: [later.SerializeToString()],
        METRICS.method: [points(1).SerializeToString()],
    }
    assert collector.got[TRACES.method][0].endswith(b"\x9a\x06\x01x")
    assert (counts.spans, counts.points) == (SentCount(2, {}), SentCount(4, {}))


def test_what_waits_is_put_together_in_its_order(collector: Collector) -> None:
    gate = Gate()
    collector.traces = gate
    forwarder = Forwarder(collector.endpoint)
    forwarder(spans("0"))
    collector.wait_for(lambda: len(collector.got[TRACES.method]) == 1)
    for i in range(1, 100):
        forwarder(spans(str(i), service=f"s{i}"))
    gate.open()
    counts = forwarder.close()
    first, rest = collector.got[TRACES.method]
    assert names_in([first, rest]) == [str(i) for i in range(100)]
    request = ExportTraceServiceRequest.FromString(rest)
    services = [group.resource.attributes[0].value.string_value for group in request.resource_spans]
    assert services == [f"s{i}" for i in range(1, 100)]
    assert counts.spans == SentCount(100, {})


def test_no_request_is_larger_than_what_grpc_takes(collector: Collector) -> None:
    gate = Gate()
    collector.traces = gate
    forwarder = Forwarder(collector.endpoint)
    forwarder(spans("0"))
    collector.wait_for(lambda: len(collector.got[TRACES.method]) == 1)
    for i in range(20):
        forwarder(spans(f"{i}" * 300_000))
    gate.open()
    assert forwarder.close().spans == SentCount(21, {})
    assert len(collector.got[TRACES.method]) > 2
    assert max(map(len, collector.got[TRACES.method])) < 4 * 1024 * 1024


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.DEADLINE_EXCEEDED]
)
def test_what_the_collector_cannot_take_now_is_sent_again(
    collector: Collector, code: grpc.StatusCode
) -> None:
    collector.traces = Failing(3, code)
    forwarder = Forwarder(collector.endpoint)
    forwarder(spans("a"))
    collector.wait_for(lambda: len(collector.got[TRACES.method]) == 4)
    assert forwarder.close().spans == SentCount(1, {})
    assert names_in(collector.got[TRACES.method]) == ["a"] * 4


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,  # without a hint of when to try again: too large
    ],
)
def test_what_the_collector_refuses_is_lost_and_counted_by_code(
    collector: Collector, code: grpc.StatusCode
) -> None:
    collector.metrics = Failing(1, code)
    forwarder = Forwarder(collector.endpoint)
    forwarder(points(1))
    collector.wait_for(lambda: len(collector.got[METRICS.method]) == 1)
    forwarder(points(2))
    assert forwarder.close().points == SentCount(4, {f"refused: {code.name}": 4})
    assert values_in(collector.got[METRICS.method]) == [1, 2]


def test_what_the_collector_takes_only_in_part(collector: Collector) -> None:
    part = ExportTraceServiceResponse(partial_success=ExportTracePartialSuccess(rejected_spans=2))
    collector.traces = lambda _: part.SerializeToString()
    some = ExportMetricsServiceResponse(partial_success=ExportMetricsPartialSuccess(rejected_data_points=1))
    collector.metrics = lambda _: some.SerializeToString()
    forwarder = Forwarder(collector.endpoint)
    forwarder(spans("a", "b", "c"))
    forwarder(points(1))
    counts = forwarder.close()
    assert counts.spans == SentCount(1, {"refused: partial success": 2})
    assert counts.points == SentCount(3, {"refused: partial success": 1})


def test_a_collector_that_comes_late_gets_everything(absent: Collector) -> None:
    forwarder = Forwarder(absent.endpoint)
    for i in range(50):
        forwarder(spans(str(i)))
        forwarder(points(i))
    assert forwarder.counts().spans == SentCount(0, {})
    absent.start()
    absent.wait_for(lambda: len(names_in(absent.got[TRACES.method])) == 50)
    absent.wait_for(lambda: len(values_in(absent.got[METRICS.method])) == 50)
    counts = forwarder.close()
    assert (counts.spans, counts.points) == (SentCount(50, {}), SentCount(200, {}))
    assert names_in(absent.got[TRACES.method]) == [str(i) for i in range(50)]
    assert values_in(absent.got[METRICS.method]) == list(range(50))


def test_a_collector_that_was_away_gets_everything_in_order(collector: Collector) -> None:
    forwarder = Forwarder(collector.endpoint)
    forwarder(points(0))
    collector.wait_for(lambda: bool(collector.got[METRICS.method]))
    collector.stop()
    for i in range(1, 50):
        forwarder(points(i))
    collector.start()
    collector.wait_for(lambda: 49 in values_in(collector.got[METRICS.method]))
    assert forwarder.close().points == SentCount(200, {})
    # At least once: the answer to the first may have been lost when the Collector stopped.
    got = values_in(collector.got[METRICS.method])
    assert got[-50:] == list(range(50)) or got == [0, *range(50)]


def test_beyond_its_limit_the_queue_takes_nothing_and_nobody_waits(absent: Collector) -> None:
    size = len(spans("a").SerializeToString())
    forwarder = Forwarder(absent.endpoint, limit=10 * size)
    for _ in range(25):
        forwarder(spans("a"))  # would hang here if it waited for room
        forwarder(points(0))
    counts = forwarder.close(within=0)
    assert counts.spans == SentCount(0, {"queue full": 15, "unavailable at the end": 10})
    assert sum(counts.points.lost.values()) == 100


def test_room_comes_back_when_the_collector_does(collector: Collector) -> None:
    gate = Gate()
    collector.traces = gate
    size = len(spans("a").SerializeToString())
    forwarder = Forwarder(collector.endpoint, limit=10 * size)
    for _ in range(11):
        forwarder(spans("a"))
    gate.open()
    wait_until(lambda: forwarder.counts().spans.sent == 10)
    forwarder(spans("b"))
    assert forwarder.close().spans == SentCount(11, {"queue full": 1})
    assert names_in(collector.got[TRACES.method])[-1] == "b"


def test_metrics_do_not_wait_for_spans(collector: Collector) -> None:
    collector.traces = Gate()
    forwarder = Forwarder(collector.endpoint)
    forwarder(spans("a"))
    collector.wait_for(lambda: bool(collector.got[TRACES.method]))
    forwarder(points(1))
    wait_until(lambda: forwarder.counts().points.sent == 4)
    counts = forwarder.close(within=0.1)
    assert counts.spans == SentCount(0, {"unavailable at the end": 1})
    assert counts.points == SentCount(4, {})


def test_closing_ends_although_nobody_is_there_or_answers(absent: Collector, collector: Collector) -> None:
    collector.traces = collector.metrics = Gate()
    for endpoint in (absent.endpoint, collector.endpoint):
        forwarder = Forwarder(endpoint)
        forwarder(spans("a"))
        forwarder(points(1))
        counts = forwarder.close(within=0.3)
        assert counts.spans == SentCount(0, {"unavailable at the end": 1})
        assert counts.points == SentCount(0, {"unavailable at the end": 4})
        assert forwarder.close() == counts
        for thread in threading.enumerate():
            if thread.name.startswith("lbstudy-forward"):  # on a busy machine it is only ending
                thread.join(30)
                assert not thread.is_alive()
    # All of it together is what a user waits for, at most.
    assert forward.CLOSE_WITHIN + 2 * forward._CANCELLING + forward._LAST <= 5


def test_what_comes_after_the_end_is_counted(collector: Collector) -> None:
    forwarder = Forwarder(collector.endpoint)
    forwarder.close()
    forwarder(spans("a"))
    assert forwarder.counts().spans == SentCount(0, {"unavailable at the end": 1})
    assert collector.got[TRACES.method] == []


def test_one_more_request(collector: Collector) -> None:
    assert send_last(collector.endpoint, spans("last"))
    assert names_in(collector.got[TRACES.method]) == ["last"]
    collector.stop()
    assert not send_last(collector.endpoint, spans("last"))
