"""Records as spans and metrics, through the OpenTelemetry SDK."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.discovery.telemetry import DiscoveryTelemetry
from grpc_lb_instrumentor.records import Cause, Outcome, ResolverUpdate, SubchannelEvent, SubchannelState
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

TARGET = "dns:///a.test:1"


class Lab:
    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.telemetry = DiscoveryTelemetry(self.tracers, self.meters)

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def metrics(self) -> dict[str, float | tuple[int, float]]:
        """Each metric's values, by name or by name and outcome; of a histogram, count and sum."""
        found: dict[str, float | tuple[int, float]] = {}
        data = self._reader.get_metrics_data()
        assert data is not None
        for metric in data.resource_metrics[0].scope_metrics[0].metrics:
            for point in metric.data.data_points:
                value: float | tuple[int, float]
                if isinstance(point, HistogramDataPoint):
                    value = point.count, round(point.sum, 9)
                else:
                    assert isinstance(point, NumberDataPoint)
                    value = point.value
                attributes = dict(point.attributes or {})
                assert attributes.pop(names.CHANNEL_ID) == 3
                assert attributes.pop(names.RESOLVER_TARGET) == TARGET
                found[" ".join([metric.name, *map(str, attributes.values())])] = value
        return found


@pytest.fixture
def lab() -> Iterator[Lab]:
    made = Lab()
    yield made
    made.tracers.shutdown()
    made.meters.shutdown()


def update(outcome: Outcome, *addresses: str) -> ResolverUpdate:
    return ResolverUpdate(
        3, TARGET, "a.test", 5_000_000_000, 6_000_000_000, outcome, Cause.FIRST, addresses, addresses, ()
    )


def test_updates_are_root_spans_also_within_an_rpc(lab: Lab) -> None:
    with lab.tracers.get_tracer("app").start_as_current_span("application"):
        lab.telemetry.update(update(Outcome.CHANGED, "10.0.0.1", "10.0.0.2"))
        lab.telemetry.update(update(Outcome.NXDOMAIN))
    good, failed, _ = lab.spans()
    assert good.name == names.SPAN_RESOLVER_UPDATE
    assert good.parent is None
    assert good.kind is SpanKind.INTERNAL
    assert (good.start_time, good.end_time) == (5_000_000_000, 6_000_000_000)
    assert good.attributes == {
        names.CHANNEL_ID: 3,
        names.RESOLVER_TARGET: TARGET,
        names.DNS_QUESTION_NAME: "a.test",
        names.RESOLVER_OUTCOME: "changed",
        names.RESOLVER_CAUSE: "first",
        names.RESOLVER_ADDRESSES: ("10.0.0.1", "10.0.0.2"),
        names.RESOLVER_ADDED: ("10.0.0.1", "10.0.0.2"),
        names.RESOLVER_REMOVED: (),
        names.RESOLVER_CHANGED: True,
    }
    assert good.status.status_code is StatusCode.UNSET  # and what is not told of families is no attribute
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes is not None
    assert failed.attributes[names.ERROR_TYPE] == "nxdomain"
    assert failed.attributes[names.RESOLVER_CHANGED] is False
    assert lab.metrics() == {
        f"{names.METRIC_RESOLVER_UPDATES} changed": 1,
        f"{names.METRIC_RESOLVER_UPDATES} nxdomain": 1,
        names.METRIC_RESOLVER_ADDRESSES: 2,  # a failure keeps the old addresses
        names.METRIC_RESOLVER_LAST_UPDATE: 6.0,
    }


def test_an_update_names_the_families_asked_and_the_missing_one(lab: Lab) -> None:
    asked = replace(update(Outcome.CHANGED, "10.0.0.1"), families=("A", "AAAA"), questions=4)
    lab.telemetry.update(asked)
    lab.telemetry.update(replace(asked, missing=("AAAA",)))
    lab.telemetry.update(replace(asked, missing=("A", "AAAA")))
    told = [span.attributes or {} for span in lab.spans()]

    assert {one[names.RESOLVER_FAMILIES] for one in told} == {("A", "AAAA")}
    assert {one[names.RESOLVER_QUESTIONS] for one in told} == {4}
    assert [one.get(names.RESOLVER_MISSING) for one in told] == [None, "AAAA", "A AAAA"]


def test_a_subchannels_life(lab: Lab) -> None:
    states = list(
        map(SubchannelState, ["created", "connecting", "ready", "idle", "connecting", "transient_failure"])
    )
    states += map(SubchannelState, ["idle", "connecting", "ready", "removed"])
    previous = None
    for at, state in enumerate(states, start=1):
        lab.telemetry.subchannel(SubchannelEvent(3, 8, "[::1]:50051", state, at, previous, TARGET))
        previous = state
    spans = lab.spans()
    assert [(span.start_time, span.end_time) for span in spans] == [(at, at) for at in range(1, 11)]
    assert {span.parent for span in spans} == {None}
    assert spans[2].attributes == {
        names.CHANNEL_ID: 3,
        names.RESOLVER_TARGET: TARGET,
        names.SUBCHANNEL_ID: 8,
        names.SUBCHANNEL_STATE: "ready",
        names.NETWORK_PEER_ADDRESS: "::1",
        names.NETWORK_PEER_PORT: 50051,
    }
    assert lab.metrics() == {
        names.METRIC_SUBCHANNEL_SUCCEEDED: 2,
        names.METRIC_SUBCHANNEL_FAILED: 1,
        # Of the two that were made, 1 ns each; the one between them failed.
        names.METRIC_SUBCHANNEL_CONNECT_DURATION: (2, 2e-9),
        names.METRIC_SUBCHANNEL_DISCONNECTIONS: 2,
        names.METRIC_SUBCHANNEL_OPEN: 0,
    }


def test_an_update_of_channels_that_share(lab: Lab) -> None:
    channels = tuple(range(100))
    lab.telemetry.update(
        ResolverUpdate(None, TARGET, "a.test", 5, 6, Outcome.UNCHANGED, Cause.FIRST, (), (), (), channels)
    )
    (span,) = lab.spans()
    assert span.attributes is not None
    assert names.CHANNEL_ID not in span.attributes
    assert span.attributes[names.CHANNEL_IDS] == channels[: names.CHANNEL_IDS_MOST]
    assert span.attributes[names.CHANNEL_COUNT] == 100
