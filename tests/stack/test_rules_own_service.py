"""The rules on a service that never saw a run, by promtool, at three intervals.

Of the service orders in namespace shop, a and b answer 10 RPC/s each from the start on; c is called by
nobody; d is called by nobody either, and is not Ready; e is Ready and tells nothing; f is Ready from 4 min
on, and is called from 6 min on; g is called by nobody, and deleted at 2 min.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack.test_rules import FOLDER, promtool

INTERVALS = (1, 15, 30)  # s, between two scrapes or exports, and between two evaluations
MINUTES = 13
PODS = "abcdef"
LATE = 4  # min: from when f is there
CALLED = 6  # min: from when f is called
GONE = 2  # min: until when g is there


class Series:
    """Input series of promtool, of values for each interval."""

    def __init__(self, interval: int) -> None:
        self.interval = interval
        self.made: list[dict[str, str]] = []

    def add(
        self, name: str, labels: dict[str, str], value: str, first: float = 0, last: float = MINUTES
    ) -> None:
        """``value`` as promtool has it, "1" or "0+10"; there from ``first`` to ``last``, in minutes."""
        before, during = (int(minutes * 60 / self.interval) for minutes in (first, last - first))
        told = ",".join(f"{key}={json.dumps(text)}" for key, text in labels.items() if text)
        values = [f"_x{before - 1}"] if before else []
        values.append(f"{value}x{during}")
        if last < MINUTES:
            values.append("stale")
        self.made.append({"series": f"{name}{{{told}}}", "values": " ".join(values)})


def span(pod: str) -> tuple[float, float]:
    """From when to when a pod is there, in minutes."""
    return (LATE if pod == "f" else 0, GONE if pod == "g" else MINUTES)


def telemetry(series: Series, new: bool, namespace: str = "shop", **more: str) -> None:
    """What the pods export: by this instrumentor (``new``), or by another one with the older conventions."""
    for pod in "abcdfg":
        first, last = span(pod)
        labels = {
            "k8s_namespace_name": namespace,
            "service_name": "orders",
            "service_namespace": "shop" if namespace else "",
            "k8s_pod_name": f"orders-{pod}",
        } | more
        if new:
            series.add("grpc_lb_server_inactivity_age_seconds", labels, "1", first, last)
        if pod not in "abf":
            continue
        first = CALLED if pod == "f" else first
        growth = f"{10 * series.interval}+{10 * series.interval}"
        if new:
            code = {"rpc_status_code": "OK", "server_k8s_pod_name": f"orders-{pod}"}
            series.add("rpc_server_call_duration_seconds_count", labels | code, growth, first)
        else:
            old = {"rpc_grpc_status_code": "0"}
            series.add("rpc_server_duration_milliseconds_count", labels | old, growth, first)


def pods(series: Series) -> None:
    """kube_pod_info, of two ReplicaSets of one Deployment."""
    for pod in PODS + "g":
        owner = "orders-6d4b" if pod in "ab" else "orders-77c9"
        info = {"namespace": "shop", "pod": f"orders-{pod}", "pod_ip": f"10.0.0.{ord(pod)}"}
        owned = {"created_by_kind": "ReplicaSet", "created_by_name": owner, "uid": pod}
        series.add("kube_pod_info", info | owned, "1", *span(pod))


def is_ready(pod: str) -> bool:
    return pod != "d"


def slices(series: Series) -> None:
    """Readiness by EndpointSlices; the pods' own condition would say that all of them are Ready."""
    pods(series)
    for pod in PODS + "g":
        # Kubernetes: where nothing is said, the endpoint counts as ready.
        ready = "" if pod == "b" else "true" if is_ready(pod) else "false"
        target = {"targetref_kind": "Pod", "targetref_name": f"orders-{pod}", "targetref_namespace": "shop"}
        of = {"namespace": "shop", "endpointslice": "orders-x7k2p", "address": f"10.0.0.{ord(pod)}"}
        series.add("kube_endpointslice_endpoints", of | target | {"ready": ready}, "1", *span(pod))
        condition = {"namespace": "shop", "pod": f"orders-{pod}", "condition": "true", "uid": pod}
        if ready:
            series.add("kube_pod_status_ready", condition, "1", *span(pod))


def endpoints(series: Series) -> None:
    """Readiness by Endpoints, which know addresses only. Completed pods had the address of c."""
    pods(series)
    for job in range(8):
        done = {"namespace": "shop", "pod": f"{job}-job-{job}", "uid": f"job-{job}"}
        series.add("kube_pod_info", done | {"pod_ip": f"10.0.0.{ord('c')}", "created_by_kind": "Job"}, "1")
        series.add("kube_pod_status_phase", done | {"phase": "Succeeded"}, "1")
    for pod in PODS + "g":
        ready = "true" if is_ready(pod) else "false"
        of = {"namespace": "shop", "endpoint": "orders", "ip": f"10.0.0.{ord(pod)}", "ready": ready}
        series.add("kube_endpoint_address", of, "1", *span(pod))


def conditions(series: Series) -> None:
    """Readiness by the pods' own condition."""
    pods(series)
    for pod in PODS + "g":
        for condition, value in (("true", is_ready(pod)), ("false", not is_ready(pod)), ("unknown", False)):
            labels = {"namespace": "shop", "pod": f"orders-{pod}", "condition": condition, "uid": pod}
            series.add("kube_pod_status_ready", labels, str(int(value)), *span(pod))


LANE = {"namespace": "shop", "service": "orders"}
SOURCES = {"EndpointSlices": slices, "Endpoints": endpoints, "pods' conditions": conditions}
FIRING = (
    'count by (alertname, severity, namespace, service, server_k8s_pod_name) (ALERTS{alertstate="firing"})'
)


def labels(sample: dict[str, str]) -> str:
    return ",".join(f'{key}="{text}"' for key, text in sample.items() if key != "value")


def examine(
    tmp_path: Path,
    series: Series,
    expected: list[tuple[str, int, list[dict[str, str]]]],
    evaluated: int = 0,
) -> None:
    """Let promtool ask: query, minute, the labels of what is there.

    The rules are evaluated each so many seconds, as often as the series have values where nothing is said,
    but not more often than each 5 s: that takes promtool long.
    """
    tests = [
        {
            "expr": query,
            "eval_time": f"{minute}m",
            "exp_samples": [
                {
                    "labels": f"{{{labels(one)}}}",
                    "value": float(one.get("value", 1)),
                }
                for one in wanted
            ],
        }
        for query, minute, wanted in expected
    ]
    document: dict[str, Any] = {
        "rule_files": [str(path) for path in sorted((FOLDER / "rules").glob("*.yaml"))],
        "evaluation_interval": f"{evaluated or max(series.interval, 5)}s",
        "fuzzy_compare": True,
        "tests": [
            {"interval": f"{series.interval}s", "input_series": series.made, "promql_expr_test": tests}
        ],
    }
    path = tmp_path / "example.yaml"
    path.write_text(yaml.safe_dump(document))
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def alert(name: str, severity: str, pod: str) -> dict[str, str]:
    of = {"namespace": "shop", "server_k8s_pod_name": f"orders-{pod}", "service": "orders"}
    return {"alertname": name, **of, "severity": severity}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("interval", INTERVALS)
def test_the_uncalled_pod_is_named_and_no_other(tmp_path: Path, interval: int, source: str) -> None:
    series = Series(interval)
    telemetry(series, new=True)
    SOURCES[source](series)
    uncalled = alert("ReadyServerWithoutTraffic", "warning", "c")
    silent = alert("ReadyServerWithoutTelemetry", "info", "e")
    examine(
        tmp_path,
        series,
        [
            (FIRING, 4, []),
            # c and e for five minutes; not f, which is called two minutes after it is Ready.
            (FIRING, 8, [silent, uncalled]),
            # Two of four and then five Ready servers have all RPCs.
            (
                FIRING,
                12,
                [{"alertname": "DistributionSkewed", "severity": "warning", **LANE}, silent, uncalled],
            ),
            ("lane:ready:count * 1", 3, [LANE | {"value": "4"}]),
            ("lane:ready:count * 1", 8, [LANE | {"value": "5"}]),
            ("lane:coverage * 1", 3, [LANE | {"value": "0.5"}]),
            ("lane:rpc_answered:rate * 1", 5, [LANE | {"value": "20"}]),
            ('server:rpc_answered:rate{server_k8s_pod_name="orders-e"}', 8, []),
            ("sum(lane:readiness:observed)", 8, [{"value": "1"}]),
        ],
    )


@pytest.mark.parametrize("interval", INTERVALS)
def test_of_another_instrumentors_servers_an_uncalled_one_is_one_that_tells_nothing(
    tmp_path: Path, interval: int
) -> None:
    series = Series(interval)
    telemetry(series, new=False)
    slices(series)
    silent = [alert("ReadyServerWithoutTelemetry", "info", pod) for pod in "ce"]
    examine(
        tmp_path,
        series,
        [
            (FIRING, 4, []),
            (FIRING, 8, silent),
            ("lane:rpc_answered:rate * 1", 5, [LANE | {"value": "20"}]),
            ("lane:rpc_errors:ratio * 1", 5, [LANE | {"value": "0"}]),
        ],
    )


@pytest.mark.parametrize("interval", INTERVALS)
def test_without_readiness_nothing_is_claimed(tmp_path: Path, interval: int) -> None:
    series = Series(interval)
    telemetry(series, new=True)
    examine(
        tmp_path,
        series,
        [
            *((FIRING, minute, []) for minute in (8, 12)),
            ("lane:readiness:observed * 1", 8, [LANE | {"value": "0"}]),
            ("lane:ready:count or lane:fair_share or lane:coverage or lane:largest_deviation", 8, []),
            # What was seen is told: who answers, and how much.
            ("lane:rpc_answered:rate * 1", 5, [LANE | {"value": "20"}]),
        ],
    )


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_runs_own_gauge_counts_whatever_else_tells_of_readiness(tmp_path: Path, interval: int) -> None:
    """A run's pods tell each second; what comes more seldom is no rate, and no alert makes one of it."""
    series = Series(interval)
    run = {"lbstudy_run_id": "r", "lbstudy_setting": "s"}
    telemetry(series, new=True, **run)
    slices(series)
    for pod in "abc":
        of = {"server_k8s_pod_name": f"orders-{pod}", "lbstudy_server_service_name": "orders"}
        series.add("lbstudy_server_ready", {"k8s_namespace_name": "shop"} | of | run, "1")
    for pod in "ab":
        client = {"service_name": "checkout", "rpc_status_code": "OK", "server_k8s_pod_name": f"orders-{pod}"}
        series.add("rpc_client_call_duration_seconds_count", client | run, f"0+{10 * interval}")
    one = alert("ReadyServerWithoutTraffic", "info", "c")
    skewed = {"alertname": "DistributionSkewed", "severity": "info", **LANE}
    lane = LANE | run
    examine(
        tmp_path,
        series,
        [
            (FIRING, 2, [skewed, one] if interval == 1 else []),
            ("lane:ready:count * 1", 2, [lane | {"value": "3"}]),
            ("lane:readiness:observed * 1", 2, [lane | {"value": "1"}]),
        ],
        evaluated=interval,
    )


@pytest.mark.parametrize("interval", [15, 30])
def test_pods_that_do_not_tell_their_namespace_are_found_by_their_name(tmp_path: Path, interval: int) -> None:
    series = Series(interval)
    telemetry(series, new=True, namespace="")
    conditions(series)
    named = {k: v for k, v in alert("ReadyServerWithoutTraffic", "warning", "c").items() if k != "namespace"}
    examine(tmp_path, series, [(FIRING, 4, []), (FIRING, 8, [named])])


@pytest.mark.parametrize("interval", [15, 30])
def test_a_name_that_two_namespaces_have_is_nobodys(tmp_path: Path, interval: int) -> None:
    series = Series(interval)
    telemetry(series, new=True, namespace="")
    conditions(series)
    for pod in PODS:
        other = {"namespace": "staging", "pod": f"orders-{pod}", "condition": "true", "uid": pod}
        series.add("kube_pod_status_ready", other, "1")
    observed = [{"service": "orders", "value": "0"}]
    examine(tmp_path, series, [(FIRING, 8, []), ("lane:readiness:observed * 1", 8, observed)])


@pytest.mark.parametrize("interval", [15, 30])
def test_few_rpcs_are_no_evidence(tmp_path: Path, interval: int) -> None:
    """One RPC in 30 s: of five minutes' ten, a fair share of five Ready servers is 2; none is no surprise."""
    series = Series(interval)
    conditions(series)
    for pod in "abc":
        labels = {"k8s_namespace_name": "shop", "service_name": "orders", "k8s_pod_name": f"orders-{pod}"}
        series.add("grpc_lb_server_inactivity_age_seconds", labels, "1")
        if pod == "a":
            code = {"rpc_status_code": "OK"}
            series.add("rpc_server_call_duration_seconds_count", labels | code, f"0+{interval / 30}")
    silent = [alert("ReadyServerWithoutTelemetry", "info", pod) for pod in "e"]
    examine(
        tmp_path,
        series,
        [(FIRING, 8, silent), ("round(lane:rpc_answered:expected)", 8, [LANE | {"value": "2"}])],
    )


@pytest.mark.parametrize("interval", [15, 30])
def test_telemetry_that_ends_is_not_a_server_that_nobody_calls(tmp_path: Path, interval: int) -> None:
    series = Series(interval)
    conditions(series)
    for pod in "abc":
        labels = {"k8s_namespace_name": "shop", "service_name": "orders", "k8s_pod_name": f"orders-{pod}"}
        growth = f"0+{10 * interval}"
        # Pushed, so that nothing marks the end: the last samples are simply the last.
        count = int(60 / interval)
        code = {"rpc_status_code": "OK"}
        series.add("rpc_server_call_duration_seconds_count", labels | code, growth)
        series.made[-1]["values"] = f"{growth}x{count}"
    examine(tmp_path, series, [(FIRING, minute, []) for minute in (3, 5, 7, 9, 12)])


@pytest.mark.parametrize("interval", [15, 30])
def test_when_it_became_ready_and_what_the_clients_know(tmp_path: Path, interval: int) -> None:
    """A client has resolved at the start, to a and b: of the five that are Ready at last it lacks three."""
    series = Series(interval)
    telemetry(series, new=True)
    slices(series)
    service = {"namespace": "shop", "service": "orders", "uid": "s"}
    series.add("kube_service_info", service | {"cluster_ip": "None"}, "1")
    series.add("kube_service_info", service | {"service": "orders-vip", "cluster_ip": "10.96.0.1"}, "1")
    target = "dns:///orders.shop.svc.cluster.local:50051"
    client = {
        "k8s_namespace_name": "web",
        "service_name": "checkout",
        "k8s_pod_name": "checkout-1",
        "grpc_lb_channel_id": "0",
    }
    series.add("grpc_lb_resolver_addresses", client | {"grpc_lb_resolver_target": target}, "2")
    series.add("grpc_lb_resolver_last_update_seconds", client | {"grpc_lb_resolver_target": target}, "5")
    # Through a cluster address DNS has one address, whatever pods there are: nothing is missing.
    for name, value in (("addresses", "1"), ("last_update_seconds", "5")):
        vip = client | {"grpc_lb_resolver_target": "dns:///orders-vip.shop:50051", "grpc_lb_channel_id": "1"}
        series.add(f"grpc_lb_resolver_{name}", vip, value)
    for pod in "abcde":
        of = {"namespace": "shop", "endpointslice": "orders-vip-9x7ab", "targetref_kind": "Pod"}
        ready = {"targetref_name": f"orders-{pod}", "ready": "true"}
        series.add("kube_endpointslice_endpoints", of | ready, "1")
    known = LANE | {"grpc_lb_channel_id": "0"}
    channel = "by (namespace, service, grpc_lb_channel_id)"
    f = {"server_k8s_pod_name": "orders-f"} | LANE
    examine(
        tmp_path,
        series,
        [
            (f"sum {channel} (client:resolver_addresses:missing)", 12, [known | {"value": "3"}]),
            # Nothing but what was seen from the start is older than the first update: f came at 4 min.
            ("client:resolver_stale:seconds", 3, []),
            (f"count {channel} (client:resolver_stale:seconds > 60)", 8, [known]),
            # Seen at a scrape, and told by the rules after the next: within three intervals of when it was.
            ("server:ready:time_seconds - 240 < bool 3 * 31", 8, [f]),
            ("server:time_to_discovery:seconds > bool 120 - 3 * 31", 9, [f]),
            ("server:undiscovered:seconds", 12, []),
            ('count(ALERTS{alertname="ResolverUpdateOlderThanLastChange",alertstate="firing"})', 12, []),
        ],
    )


def test_kubernetes_own_instant_is_taken_where_it_is_told(tmp_path: Path) -> None:
    series = Series(30)
    telemetry(series, new=True)
    slices(series)
    for pod, instant in (("a", -1000), ("c", 300.5), ("f", 230)):
        labels = {"namespace": "shop", "pod": f"orders-{pod}", "uid": pod}
        series.add("kube_pod_status_ready_time", labels, str(instant), *span(pod))
    c = {"server_k8s_pod_name": "orders-c"} | LANE
    f = {"server_k8s_pod_name": "orders-f"} | LANE
    examine(
        tmp_path,
        series,
        [
            ('server:ready:time_seconds{server_k8s_pod_name="orders-f"} * 1', 8, [f | {"value": "230"}]),
            # Ready long before the rules looked, and not seen to be called first: not observed.
            ('server:time_to_discovery:seconds{server_k8s_pod_name="orders-a"}', 8, []),
            ('server:undiscovered:seconds{server_k8s_pod_name="orders-c"} * 1', 10, [c | {"value": "299.5"}]),
        ],
    )


@pytest.mark.parametrize("interval", [15, 30])
def test_errors_by_whatever_name_the_code_has(tmp_path: Path, interval: int) -> None:
    series = Series(interval)
    labels = {"k8s_namespace_name": "shop", "k8s_pod_name": "orders-a"}
    new = "rpc_server_call_duration_seconds_count"
    old = "rpc_server_duration_milliseconds_count"
    for service, metric, key, ok, failed in (
        ("now", new, "rpc_status_code", "OK", "UNAVAILABLE"),
        ("before", new, "rpc_response_status_code", "OK", "UNAVAILABLE"),
        ("old", old, "rpc_grpc_status_code", "0", "14"),
    ):
        of = labels | {"service_name": service}
        series.add(metric, of | {key: ok}, f"0+{9 * interval}")
        series.add(metric, of | {key: failed}, f"0+{interval}")
    services = ("before", "now", "old")
    ratios = [{"namespace": "shop", "service": one, "value": "0.1"} for one in services]
    examine(
        tmp_path,
        series,
        [
            ("lane:rpc_errors:ratio * 1", 8, ratios),
            ("lane:rpc:rate * 1", 8, [one | {"value": "10"} for one in ratios]),
        ],
    )


def test_a_pod_that_is_being_deleted_is_not_ready(tmp_path: Path) -> None:
    """Its condition stays "true" until its containers end, which may take as long as its grace period."""
    series = Series(30)
    telemetry(series, new=True)
    conditions(series)
    series.add("kube_pod_deletion_timestamp", {"namespace": "shop", "pod": "orders-c", "uid": "c"}, "100")
    silent = [alert("ReadyServerWithoutTelemetry", "info", "e")]
    examine(tmp_path, series, [(FIRING, 8, silent), ("lane:ready:count * 1", 8, [LANE | {"value": "4"}])])


def test_a_first_rpc_that_only_one_export_has_told_of_is_enough(tmp_path: Path) -> None:
    """Exported each minute, as by default; c's first RPCs are told at 5 min, the next two are lost.

    A rate has to wait for the second one.
    """
    series = Series(60)
    conditions(series)
    for pod in "ac":
        of = {"k8s_namespace_name": "shop", "service_name": "orders", "k8s_pod_name": f"orders-{pod}"}
        series.add("grpc_lb_server_inactivity_age_seconds", of, "1")
        name = "rpc_server_call_duration_seconds_count"
        series.add(name, of | {"rpc_status_code": "OK"}, "0+600")
    series.made[-1]["values"] = "_x4 30 _ _ 630+600x5"
    silent = [alert("ReadyServerWithoutTelemetry", "info", pod) for pod in "be"]
    examine(tmp_path, series, [(FIRING, 7, silent)], evaluated=15)
