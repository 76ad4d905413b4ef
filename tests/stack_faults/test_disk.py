"""The Collector's disk is full: it takes nothing more, and everyone knows how much it took."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from lbstudy.store.forward import Forwarder
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tests.stack.parts import Stack
from tests.stack.sent import eventually
from tests.stack_faults.conftest import spans_in


def request(number: int, at: float) -> ExportTraceServiceRequest:
    """One trace of 100 spans, 110 kB."""
    made = [
        Span(
            trace_id=number.to_bytes(16),
            span_id=(i + 1).to_bytes(8),
            name="filler",
            start_time_unix_nano=int(at * 1e9),
            end_time_unix_nano=int(at * 1e9) + 1,
            attributes=[KeyValue(key="filler", value=AnyValue(string_value=os.urandom(500).hex()))],
        )
        for i in range(100)
    ]
    resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value="filler"))])
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=made)])]
    )


def test_what_a_full_disk_does_not_take_is_counted(
    make_stack: Callable[..., Stack], small_disk: Path
) -> None:
    """A run that ends while the Collector's disk is full: each span is sent or lost, and the run knows which.

    That all that was accepted arrives cannot be had here: on a disk filled to its last page the Collector
    (0.155) deletes entries that it had accepted, as it reads them, in about every second try. Its queue is to
    be bounded below its disk, as in the next test. What is missing in Jaeger, ``report --from stack`` shows.
    """
    stack = make_stack(environment={"LBSTUDY_OTELCOL_QUEUE_DIR": str(small_disk)})
    stack.start(["otel-collector"])  # without Jaeger, everything stays in the queue
    begun = time.time()
    forwarder = Forwarder(stack.otlp_grpc)
    offered = 0

    def offer(requests: int) -> None:
        nonlocal offered
        for _ in range(requests):
            offered += 100
            forwarder(request(offered, begun))

    def is_full() -> bool:
        """The Collector may delete so much, before it says anything, that all of it has room: then more."""
        if forwarder.counts().spans.sent == offered:
            offer(50)
        return "no space left on device" in stack.log("otel-collector").read_text()

    offer(100)  # 11 MB
    eventually(is_full)
    offer(200)  # more than it can take within the half second
    counts = forwarder.close(within=0.5).spans

    assert counts.sent + counts.lost["unavailable at the end"] == offered
    assert set(counts.lost) == {"unavailable at the end"}
    assert 0 < counts.sent < offered


def test_what_a_full_queue_does_not_take_waits_until_there_is_room(
    make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    """The disk has room for far more than the queue: the Collector deletes silently where it is tight."""
    queue = tmp_path / "queue"
    queue.mkdir()
    stack = make_stack(
        environment={"LBSTUDY_OTELCOL_QUEUE_DIR": str(queue), "LBSTUDY_OTELCOL_QUEUE_SIZE": "3000"}
    )
    stack.start(["otel-collector"])
    begun = time.time()
    forwarder = Forwarder(stack.otlp_grpc)
    for number in range(1, 51):
        forwarder(request(number, begun))
    eventually(lambda: "sending queue is full" in stack.log("otel-collector").read_text())
    assert forwarder.counts().spans.sent <= 3_000

    stack.start(["jaeger"])
    eventually(lambda: forwarder.counts().spans.sent == 5_000)
    assert forwarder.close().spans.lost == {}
    eventually(lambda: len(spans_in(stack, begun - 1, begun + 1)) >= 5_000)
