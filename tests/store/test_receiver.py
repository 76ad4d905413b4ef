import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from lbstudy.observation import attributes
from lbstudy.store.database import RunStore
from lbstudy.store.errors import StoreError
from lbstudy.store.live import Arrivals
from lbstudy.store.receiver import Receiver
from lbstudy.store.rows import ResourceRow, SpanRow
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Link, StatusCode

from tests.store.exporting import export_metrics, export_spans, receiving, rpc, tracer_provider


def test_spans_of_a_real_exporter(store: RunStore) -> None:
    with receiving(store) as (receiver, endpoint):
        provider = tracer_provider(endpoint)
        tracer = provider.get_tracer("the-scope")
        rpc(provider)
        with tracer.start_as_current_span("parent") as parent:
            parent.add_event("looked", {"n": 1}, timestamp=5)
            parent.set_status(StatusCode.ERROR, "went wrong")
            context = parent.get_span_context()
            with tracer.start_as_current_span("child", links=[Link(context, {"why": "test"})]) as child:
                child.set_attributes({"floats": [1.5, 2.0], "yes": True, "text": "ü", "whole": 1 << 60})
        provider.shutdown()
        assert receiver.spans == {"greeter-client": 3}
        assert receiver.failure is None

    (found,) = store.query("SELECT * FROM spans WHERE kind = 'client'")
    row = SpanRow(*found)
    assert (row.rpc_method, row.grpc_code, row.server_pod, row.channel_id, row.scheduled_unix_nano) == (
        "greeter.v1.GreeterService/SayHello",
        0,
        "greeter-stock-a",
        1,
        1_790_000_000_000_000_000,
    )
    assert (row.start_unix_nano, row.end_unix_nano) == (1_790_000_000_000_500_000, 1_790_000_000_020_500_000)
    assert (row.service, row.pod, row.setting) == ("greeter-client", "client-stock-x", "stock")
    assert json.loads(row.attributes) == {
        "rpc.system": "grpc",
        "rpc.service": "greeter.v1.GreeterService",
        "rpc.method": "SayHello",
    }
    rows = {row.name: row for row in (SpanRow(*found) for found in store.query("FROM spans"))}
    up, down = rows["parent"], rows["child"]
    assert up.trace_id == down.trace_id == f"{context.trace_id:032x}"
    assert down.parent_span_id == up.span_id == f"{context.span_id:016x}"
    assert (up.parent_span_id, up.status, up.status_message, up.scope) == (
        None,
        "error",
        "went wrong",
        "the-scope",
    )
    assert up.rpc_method is None
    assert json.loads(up.events or "") == [{"name": "looked", "time_unix_nano": 5, "attributes": {"n": 1}}]
    assert json.loads(down.links or "") == [
        {"trace_id": up.trace_id, "span_id": up.span_id, "attributes": {"why": "test"}}
    ]
    assert json.loads(down.attributes) == {"floats": [1.5, 2.0], "yes": True, "text": "ü", "whole": 1 << 60}


def test_the_resource_is_stored_once(store: RunStore) -> None:
    with receiving(store) as (_, endpoint):
        for _ in range(2):
            provider = tracer_provider(endpoint)
            rpc(provider)
            provider.force_flush()
            rpc(provider)
            provider.shutdown()
    (found,) = store.query("FROM resources")
    row = ResourceRow(*found)
    assert (row.service, row.pod, row.setting, row.run_id) == (
        "greeter-client",
        "client-stock-x",
        "stock",
        "r1",
    )
    assert json.loads(row.attributes)["service.namespace"] == "lbstudy"
    assert store.query("SELECT DISTINCT resource FROM spans") == [(row.id,)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"rpc.method": "a.B/C", "rpc.service": None, "rpc.system": None, "rpc.system.name": "grpc"},
            "a.B/C",
        ),
        ({"rpc.system": None}, None),
    ],
)
def test_the_method_is_fully_qualified_under_old_and_stable_conventions(
    store: RunStore, given: dict[str, str | None], expected: str | None
) -> None:
    with receiving(store) as (_, endpoint):
        provider = tracer_provider(endpoint)
        rpc(provider, **given)
        provider.shutdown()
    assert store.query("SELECT rpc_method FROM spans") == [(expected,)]


@pytest.mark.parametrize("scheduled", [[], ["soon"], ["9" * 40], "12", None])
def test_a_scheduled_instant_that_is_none_is_no_number(store: RunStore, scheduled: object) -> None:
    with receiving(store) as (_, endpoint):
        provider = tracer_provider(endpoint)
        rpc(provider, **{"rpc.request.header.x-scheduled-unix-nano": scheduled})
        provider.shutdown()
    assert store.query("SELECT scheduled_unix_nano FROM spans") == [(12 if scheduled == "12" else None,)]


@pytest.mark.parametrize(
    "given",
    [
        {"rpc.grpc.status_code": 14, "rpc.request.header.x-scheduled-unix-nano": ["12"]},
        {"rpc.status_code": "UNAVAILABLE", "rpc.request.header.x-scheduled-unix-nano": ["12"]},
        {"rpc.grpc.status_code": 14, "rpc.request.metadata.x-scheduled-unix-nano": ["12"]},
    ],
    ids=["with upstream's instrumentation", "stable conventions", "a run of an earlier version"],
)
def test_code_and_schedule_are_read_by_the_names_of_today_and_of_before(
    store: RunStore, given: dict[str, object]
) -> None:
    none = {"rpc.grpc.status_code": None, "rpc.request.header.x-scheduled-unix-nano": None}
    with receiving(store) as (_, endpoint):
        provider = tracer_provider(endpoint)
        rpc(provider, **(none | given))
        provider.shutdown()
    ((code, scheduled, attributes),) = store.query(
        "SELECT grpc_code, scheduled_unix_nano, attributes FROM spans"
    )
    assert (code, scheduled) == (14, 12)
    assert not {"rpc.grpc.status_code", "rpc.status_code"} & json.loads(attributes).keys()


def test_an_export_is_answered_when_it_is_in_the_file(store: RunStore) -> None:
    with receiving(store) as (_, endpoint):
        assert not export_spans(endpoint, 10).partial_success.rejected_spans
        assert store.query("SELECT count(*) FROM spans") == [(10,)]


def test_a_request_that_an_exporter_repeats_is_stored_once(store: RunStore) -> None:
    with receiving(store) as (receiver, endpoint):
        for _ in range(3):
            assert not export_spans(endpoint, 10).partial_success.rejected_spans
        export_spans(endpoint, 11)
        assert receiver.spans == {"": 21}
    assert store.query("SELECT count(*) FROM spans") == [(21,)]


def test_what_cannot_be_stored_is_said_to_be_rejected(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path / "run.duckdb")
    with receiving(store) as (receiver, endpoint):
        store.query("DROP TABLE metric_points")
        assert export_spans(endpoint, 2).partial_success.rejected_spans == 0
        store.close()
        response = export_spans(endpoint, 7)
        assert response.partial_success.rejected_spans == 7
        assert (
            export_spans(endpoint, 7).partial_success.rejected_spans == 7
        )  # no repetition: it is not stored
        assert str(tmp_path / "run.duckdb") in response.partial_success.error_message
        metrics = export_metrics(endpoint, Metric(name="g", gauge=Gauge(data_points=[{}])))  # type: ignore[list-item]
        assert metrics.partial_success.rejected_data_points == 1
        assert isinstance(receiver.failure, StoreError)
        assert receiver.spans == {"": 2}


def test_nothing_is_lost_when_many_export_at_once(store: RunStore) -> None:
    """Twenty exporters flush as they shut down, all at the same time; then the receiver ends its threads."""
    receiver = Receiver(store)
    endpoint = receiver.start()
    providers = [
        tracer_provider(endpoint, Resource({attributes.SERVICE_NAME: f"pod-{number}"}))
        for number in range(20)
    ]
    for provider in providers:
        for _ in range(100):
            rpc(provider)
    threads = [threading.Thread(target=provider.shutdown) for provider in providers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    receiver.stop()
    receiver.stop()
    assert "lbstudy-store" not in [thread.name for thread in threading.enumerate()]
    assert receiver.spans == {f"pod-{number}": 100 for number in range(20)}
    assert store.query("SELECT service, count(*) FROM spans GROUP BY ALL ORDER BY ALL") == sorted(
        (f"pod-{number}", 100) for number in range(20)
    )


def test_the_live_view_hears_what_arrived(store: RunStore) -> None:
    seen: list[Arrivals] = []

    def on_spans(arrived: Sequence[Arrivals]) -> None:
        seen.extend(arrived)

    with receiving(store, on_spans) as (_, endpoint):
        provider = tracer_provider(endpoint)
        rpc(provider)
        rpc(provider)
        rpc(provider, **{"rpc.grpc.status_code": 14, "server.k8s.pod.name": None})
        provider.get_tracer("t").start_span("grpc_lb.resolver.update").end()
        provider.get_tracer("t").start_span("something else").end()
        provider.shutdown()
    (arrived,) = seen
    assert (arrived.setting, dict(arrived.answered), arrived.failed) == ("stock", {"greeter-stock-a": 2}, 1)
    assert [span.name for span in arrived.updates] == ["grpc_lb.resolver.update"]


def test_what_is_stored_can_be_passed_on(store: RunStore) -> None:
    passed: list[object] = []
    with receiving(store, forward=passed.append) as (_, endpoint):
        export_spans(endpoint, 3)
        export_metrics(endpoint, Metric(name="g", gauge=Gauge()))
    assert [type(request) for request in passed] == [ExportTraceServiceRequest, ExportMetricsServiceRequest]


def test_a_port_in_use_is_one_clear_line(store: RunStore) -> None:
    with receiving(store) as (_, endpoint):
        port = int(endpoint.rpartition(":")[2])
        with pytest.raises(StoreError, match=rf"^127\.0\.0\.1:{port}: the OTLP receiver cannot listen there"):
            Receiver(store, port=port).start()


def test_the_receiver_listens_on_loopback_only(store: RunStore) -> None:
    with receiving(store) as (_, endpoint):
        port = int(endpoint.rpartition(":")[2])
        listening = {
            line.split()[1]
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for line in Path(table).read_text().splitlines()[1:]
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
        }
    # gRPC may listen on ::ffff:127.0.0.1, which is the same.
    assert {address.removeprefix("0000000000000000FFFF0000") for address in listening} == {
        f"0100007F:{port:04X}"
    }
