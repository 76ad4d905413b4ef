"""Counters: whose they are is found among their labels, and what they grew by is counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lbstudy.watch.counters import Counters
from lbstudy.watch.evidence import EvidenceSource, Requests
from lbstudy.watch.series import called_pod, caller, is_counted, joined, own_pod, server_pod

PODS = {"orders-a": "shop", "orders-b": "shop", "10.0.0.1": "shop"}
INFO = {("shop/orders", "id-1"): {"k8s_pod_name": "orders-b"}}


@pytest.mark.parametrize(
    ("labels", "pod", "by"),
    [
        ({"k8s_pod_name": "orders-a", "pod": "otel-collector-0"}, "orders-a", "k8s_pod_name"),
        ({"pod": "orders-a", "instance": "10.0.0.1:9464"}, "orders-a", "pod"),
        ({"pod": "otel-collector-0", "exported_pod": "orders-a"}, "orders-a", "exported_pod"),
        ({"instance": "10.0.0.1:9464"}, "10.0.0.1", "instance"),
        ({"instance": "shop.orders-a.server"}, "orders-a", "instance"),
        ({"my_own_label": "orders-b"}, "orders-b", "my_own_label"),
        ({"job": "shop/orders", "instance": "id-1"}, "orders-b", "k8s_pod_name"),
    ],
)
def test_the_label_with_the_pod_is_found(labels: dict[str, str], pod: str, by: str) -> None:
    found = server_pod(joined(labels, INFO), PODS)
    assert found is not None
    assert (found.pod, found.label) == (pod, by)


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"pod": "stock-a"},
        {"k8s_pod_name": "orders-a", "k8s_namespace_name": "elsewhere"},
        {"client_address": "10.0.0.1"},
    ],
)
def test_other_series_name_none(labels: dict[str, str]) -> None:
    assert server_pod(labels, PODS) is None


def test_a_clients_series_names_whom_it_called_and_who_it_is() -> None:
    labels = {
        "k8s_pod_name": "checkout-1",
        "k8s_deployment_name": "checkout",
        "server_k8s_pod_name": "orders-a",
    }
    found = called_pod(labels, PODS)
    assert found is not None
    assert found.pod == "orders-a"
    assert caller(labels) == ("checkout", "checkout-1")
    assert called_pod({"k8s_pod_name": "orders-a"}, PODS) is None  # that one calls others


def test_probes_do_not_count() -> None:
    assert not is_counted({"rpc_service": "grpc.health.v1.Health", "rpc_method": "Check"})
    assert not is_counted({"rpc_method": "grpc.health.v1.Health/Check"})
    assert is_counted({"rpc_service": "shop.Orders", "rpc_method": "Check"})


def test_the_pods_of_the_past_say_whose_they_are() -> None:
    assert own_pod({"k8s_pod_name": "x-1", "k8s_deployment_name": "orders"}, "shop", "orders") == "x-1"
    assert own_pod({"pod": "orders-67f75665bb-bbdcm"}, "shop", "orders") == "orders-67f75665bb-bbdcm"
    assert own_pod({"pod": "orders-67f75665bb-bbdcm", "namespace": "other"}, "shop", "orders") is None
    assert own_pod({"pod": "orders-two-67f75665bb-bbdcm"}, "shop", "orders") is None


def counters(since: float = 0.0) -> Counters:
    return Counters(EvidenceSource.SERVER_METRICS, lambda labels: server_pod(labels, PODS), since)


A = {"pod": "orders-a"}


def told(found: list[Requests]) -> list[tuple[float, float, int]]:
    return [(one.after, one.at, one.count) for one in found]


def test_what_was_counted_before_the_watch_is_not_of_it() -> None:
    one = counters()
    assert told(list(one.take([(A, [(10, 100)])]))) == [(10, 10, 0)]
    assert told(list(one.take([(A, [(10, 100), (25, 103)])]))) == [(10, 25, 3)]
    assert told(list(one.take([(A, [(10, 100), (25, 103)])]))) == []


def test_a_series_that_is_new_began_with_zero() -> None:
    one = counters()
    list(one.take([({"pod": "orders-b"}, [(10, 1)])]))
    found = told(list(one.take([({"pod": "orders-b"}, [(25, 1)]), (A, [(25, 4)])])))
    assert (10, 25, 4) in found


def test_a_process_that_began_anew_counts_from_zero() -> None:
    one = counters()
    list(one.take([(A, [(10, 100)])]))
    assert told(list(one.take([(A, [(25, 2)])]))) == [(10, 25, 2)]


def test_methods_are_added_up() -> None:
    one = counters()
    for at, count in ((10, 5), (25, 7)):
        found = list(one.take([({**A, "rpc_method": name}, [(at, count)]) for name in ("Get", "Put")]))
    assert told(found) == [(10, 25, 4)]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(1, 7))
def test_however_it_is_asked_the_sum_is_the_growth(steps: list[int], each: int) -> None:
    samples = []
    value = 1_000
    for number, step in enumerate(steps):
        value += step
        samples.append((float(number + 1), float(value)))
    one = counters()
    total = 0
    for end in range(1, len(samples) + each, each):
        answer = [(A, samples[max(0, end - each - 2) : end])]  # answers overlap
        total += sum(found.count for found in one.take(answer))
    assert total == sum(steps[1:])
