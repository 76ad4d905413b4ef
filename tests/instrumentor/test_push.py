"""A control plane's records as spans and metrics."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from endpoint_push.observer import tell
from endpoint_push.records import (
    Acked,
    ClientConnected,
    ClientDisconnected,
    EndpointsChanged,
    EndpointsWithheld,
    Nacked,
    SourceLost,
    Unanswered,
    VersionSent,
)
from endpoint_push.wire import ResourceType
from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.push import PushWatch
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

MS = 1_000_000
A, B = "10.0.0.1:50051", "10.0.0.2:50051"


class Told:
    """What was exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def points(self, name: str) -> list[Any]:
        data = self._reader.get_metrics_data()
        assert data is not None
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    watch = PushWatch(made.tracers, made.meters)
    watch.install()
    yield made
    watch.remove()


def sent(version: int, *, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> VersionSent:
    return VersionSent(
        10 * MS, 1, "client-a", ResourceType.ENDPOINTS, version, ("greeter",), (A, *added), added, removed
    )


def test_a_push_is_a_span_from_its_sending_to_the_ack_within_the_change_that_it_tells_of(told: Told) -> None:
    push = sent(7, added=(B,))
    for record in (EndpointsChanged(9 * MS, "greeter", 7, (A, B), (B,), ()), push, Acked(13 * MS, push)):
        tell(record)

    (change,), (span,) = told.spans("grpc_lb.endpoints"), told.spans("grpc_lb.push")
    assert (change.start_time, change.end_time) == (9 * MS, 9 * MS)
    assert (span.start_time, span.end_time) == (10 * MS, 13 * MS)
    assert span.parent is not None
    assert span.parent.span_id == change.context.span_id
    assert dict(span.attributes or {}) == {
        names.PUSH_NODE: "client-a",
        names.PUSH_TYPE: "endpoints",
        names.PUSH_VERSION: 7,
        names.PUSH_RESOURCES: ("greeter",),
        names.PUSH_OUTCOME: "acked",
        names.RESOLVER_ADDRESSES: (A, B),
        names.RESOLVER_ADDED: (B,),
        names.RESOLVER_REMOVED: (),
    }
    (duration,) = told.points("grpc_lb.push.ack.duration")
    assert duration.sum == pytest.approx(0.003)
    assert duration.attributes == {names.PUSH_TYPE: "endpoints"}
    assert [point.value for point in told.points("grpc_lb.push.versions")] == [1]
    assert [point.value for point in told.points("grpc_lb.push.endpoints")] == [2]


def test_a_client_that_came_later_is_no_part_of_the_change_but_linked_to_it(told: Told) -> None:
    push = VersionSent(10 * MS, 1, "client-a", ResourceType.ENDPOINTS, 7, ("greeter",), (A,), (A,), ())
    for record in (EndpointsChanged(1 * MS, "greeter", 7, (A,), (A,), ()), push, Acked(13 * MS, push)):
        tell(record)

    (change,), (span,) = told.spans("grpc_lb.endpoints"), told.spans("grpc_lb.push")
    assert span.parent is None
    assert [link.context.span_id for link in span.links] == [change.context.span_id]


def test_a_refusal_is_an_error_with_its_reason(told: Told) -> None:
    push = sent(7, added=(B,))
    tell(Nacked(13 * MS, push, "no such policy"))

    (span,) = told.spans("grpc_lb.push")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "no such policy")
    assert (span.attributes or {})[names.PUSH_OUTCOME] == "nacked"
    assert [point.value for point in told.points("grpc_lb.push.nacks")] == [1]
    assert told.points("grpc_lb.push.ack.duration") == []


def test_what_was_not_answered_is_told_so(told: Told) -> None:
    tell(Unanswered(13 * MS, sent(7, removed=(B,))))

    (span,) = told.spans("grpc_lb.push")
    assert (span.attributes or {})[names.PUSH_OUTCOME] == "unanswered"
    assert span.status.status_code is StatusCode.UNSET


def test_clients_losses_and_what_is_withheld(told: Told) -> None:
    for record in (
        ClientConnected(1, 1, "a"),
        ClientConnected(2, 2, "b"),
        ClientDisconnected(3, 1, "a"),
        SourceLost(4, "reset"),
        EndpointsWithheld(5, "greeter", (A,)),
    ):
        tell(record)

    assert [point.value for point in told.points("grpc_lb.push.clients")] == [1]
    assert [point.value for point in told.points("grpc_lb.push.source.losses")] == [1]
    (span,) = told.spans("grpc_lb.endpoints")
    assert (span.attributes or {})[names.PUSH_WITHHELD] is True


def test_after_its_removal_nothing_is_told() -> None:
    made = Told()
    watch = PushWatch(made.tracers, made.meters)
    watch.install()
    watch.remove()
    tell(Acked(13 * MS, sent(7)))

    assert made.spans("grpc_lb.push") == []


def test_a_program_that_is_no_control_plane_imports_none() -> None:
    program = """
import sys
from grpc_lb_instrumentor import GrpcLbInstrumentor
GrpcLbInstrumentor().instrument()
assert not any(name.startswith("endpoint_push") for name in sys.modules), "imported"
import endpoint_push.observer
assert len(endpoint_push.observer._observers) == 1
GrpcLbInstrumentor().uninstrument()
assert not endpoint_push.observer._observers
"""
    subprocess.run([sys.executable, "-c", program], check=True)
