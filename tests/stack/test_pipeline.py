"""The real parts with the repository's configuration: what the Collector is sent, and what is found then."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

import pytest

from tests.stack.parts import Stack, need
from tests.stack.pod import Pod, eventually, get, send_metrics, send_spans

BUCKETS = "rpc_server_call_duration_seconds_bucket"
COUNT = "rpc_server_call_duration_seconds_count"


@pytest.fixture
def run_id() -> str:
    return uuid4().hex


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    """A stack that a test may break."""
    need("otelcol", "jaeger", "prometheus")
    stack = Stack(tmp_path)
    yield stack
    stack.close()


def query(stack: Stack, expression: str, **more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = get(f"{stack.prometheus}/api/v1/query", query=expression, **more)["data"][
        "result"
    ]
    return found


def spans_of(stack: Stack, trace_id: str) -> list[str]:
    """The ids of a trace's spans, as Jaeger has them."""
    try:
        found = get(f"{stack.jaeger}/api/v3/traces/{trace_id}")["result"]["resourceSpans"]
    except HTTPError:
        return []
    return [span["spanId"] for group in found for scope in group["scopeSpans"] for span in scope["spans"]]


def test_a_span_is_found_in_jaeger_by_its_pods_name(stack: Stack, run_id: str) -> None:
    pod = Pod(f"pod-{run_id}", run_id)
    trace_id = pod.rpc()
    send_spans(stack.otlp_grpc, pod.spans())

    assert len(eventually(lambda: spans_of(stack, trace_id))) == 1
    found = get(
        f"{stack.jaeger}/api/traces", service="greeter-server", tags=f'{{"k8s.pod.name":"pod-{run_id}"}}'
    )
    assert [one["traceID"] for one in found["data"]] == [trace_id]


def test_a_sample_has_its_pods_labels_and_its_own_instant(stack: Stack, run_id: str) -> None:
    pod = Pod("pod-a", run_id)
    pod.rpc()
    data = pod.metrics()
    exported = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points[0].time_unix_nano
    send_metrics(stack.otlp_grpc, data)

    (found,) = eventually(lambda: query(stack, f'{COUNT}{{lbstudy_run_id="{run_id}"}}[1m]'))

    labels = found["metric"]
    assert (
        labels
        | {
            "k8s_pod_name": "pod-a",
            "lbstudy_setting": "stock",
            "service_name": "greeter-server",
            "service_namespace": "lbstudy",
            "service_instance_id": "lbstudy.pod-a.server",
            "rpc_status_code": "OK",
        }
        == labels
    )
    ((at, value),) = found["values"]
    assert (round(at * 1000), value) == (exported // 1_000_000, "1")


def test_a_removed_pod_is_gone_five_seconds_after_its_last_export(stack: Stack, run_id: str) -> None:
    pod = Pod("pod-a", run_id)
    pod.rpc()
    send_metrics(stack.otlp_grpc, pod.metrics())
    series = f'{COUNT}{{lbstudy_run_id="{run_id}"}}'
    (found,) = eventually(lambda: query(stack, f"{series}[1m]"))
    ((last, _),) = found["values"]

    # Prometheus answers for any instant: there is no need to wait for it.
    assert query(stack, series, time=f"{last + 4.9:.3f}")
    assert not query(stack, series, time=f"{last + 5.1:.3f}")


def test_an_exemplar_leads_from_a_bucket_to_the_trace(stack: Stack, run_id: str) -> None:
    pod = Pod("pod-a", run_id)
    pod.rpc(0.003)
    slow = pod.rpc(3.0)
    send_metrics(stack.otlp_grpc, pod.metrics())

    found = eventually(
        lambda: get(
            f"{stack.prometheus}/api/v1/query_exemplars",
            query=f'{BUCKETS}{{lbstudy_run_id="{run_id}"}}',
            start="0",
            end="9999999999",
        )["data"]
    )

    traces = {
        one["labels"]["trace_id"]
        for series in found
        for one in series["exemplars"]
        if float(one["value"]) > 1
    }
    assert traces == {slow}


def test_jaegers_service_performance_comes_from_prometheus_without_pods(stack: Stack, run_id: str) -> None:
    service = f"service-{run_id}"
    for name in ("pod-a", "pod-b"):
        pod = Pod(name, run_id, service)
        pod.rpc()
        send_spans(stack.otlp_grpc, pod.spans())

    calls = f'traces_span_metrics_calls_total{{service_name="{service}"}}'
    (series,) = eventually(
        lambda: [one for one in query(stack, calls) if one["value"][1] == "2"]
    )  # one series of both pods

    assert not {"k8s_pod_name", "lbstudy_run_id", "service_instance_id"} & series["metric"].keys()
    shown = get(
        f"{stack.jaeger}/api/metrics/calls",
        service=service,
        spanKind="server",
        lookback="60000",
        step="1000",
        ratePer="60000",
    )
    assert shown["name"] == "service_call_rate"
    assert shown["metrics"][0]["metricPoints"]


def test_the_collectors_rules_of_the_measures_are_loaded(stack: Stack) -> None:
    groups = get(f"{stack.prometheus}/api/v1/rules")["data"]["groups"]

    records = {rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "recording"}
    alerts = {rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "alerting"}
    assert "lane:largest_deviation" in records
    assert alerts == {
        "ReadyServerWithoutTraffic",
        "ReadyServerWithoutTelemetry",
        "DistributionSkewed",
        "ResolverUpdateOlderThanLastChange",
    }


def test_what_was_accepted_outlives_a_killed_collector_and_absent_backends(own: Stack, run_id: str) -> None:
    pod = Pod("pod-a", run_id)
    own.start(["otel-collector"])  # neither Jaeger nor Prometheus is there
    traces = [pod.rpc() for _ in range(50)]
    send_spans(own.otlp_grpc, pod.spans())
    send_metrics(own.otlp_grpc, pod.metrics())

    own.stop("otel-collector", signal.SIGKILL)  # at once: nothing may be waiting in memory
    own.start()

    for trace_id in traces:
        assert len(set(eventually(lambda: spans_of(own, trace_id)))) == 1  # noqa: B023 - called at once
    (found,) = eventually(lambda: query(own, f'{COUNT}{{lbstudy_run_id="{run_id}"}}[10m]'))
    assert [value for _, value in found["values"]] == ["50"]


def test_badger_keeps_spans_over_a_restart_of_jaeger(tmp_path: Path, run_id: str) -> None:
    need("otelcol", "jaeger")
    stack = Stack(tmp_path, storage="badger")
    try:
        stack.start(["jaeger", "otel-collector"])
        pod = Pod("pod-a", run_id)
        trace_id = pod.rpc()
        send_spans(stack.otlp_grpc, pod.spans())
        before = eventually(lambda: spans_of(stack, trace_id))

        stack.stop("jaeger")
        stack.start(["jaeger"])

        assert spans_of(stack, trace_id) == before
    finally:
        stack.close()
