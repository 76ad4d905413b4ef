"""The past out of Prometheus alone: who was there, since when, and how often each was called."""

from collections.abc import Iterator
from typing import Any

from lbstudy.backends.prometheus import Prometheus, Series
from lbstudy.watch.build import build
from lbstudy.watch.core import Core
from lbstudy.watch.past import Period, look_back, replay

START, END = 10_000.0, 10_600.0
OF = {"k8s_namespace_name": "shop", "k8s_deployment_name": "orders"}


class Stored(Prometheus):
    """A Prometheus that holds these: (labels, samples)."""

    def __init__(self, *series: tuple[dict[str, str], list[tuple[float, float]]]) -> None:
        super().__init__("http://prometheus")
        self._series = series

    def samples(self, selector: str, start: float, end: float) -> Iterator[Series]:
        side = "server" if "rpc_server" in selector else "client"
        for labels, samples in self._series:
            within = [(round(at * 1e9), value) for at, value in samples if start < at <= end]
            if labels["__name__"].startswith(f"rpc_{side}") and within:
                yield Series(labels, within)

    def query(self, expression: str, at: float) -> list[dict[str, Any]]:
        is_time = "timestamp(" in expression
        return [
            {"metric": labels, "value": [at, str(samples[-1][0 if is_time else 1])]}
            for labels, samples in self._series
            if f"({labels['__name__']}" in expression
        ]


def counter(pod: str, samples: list[tuple[float, float]], **more: str) -> Any:  # noqa: ANN401 - of Stored
    labels = {
        "__name__": "rpc_server_call_duration_seconds_count",
        "k8s_pod_name": pod,
        "rpc_method": "shop.O/Get",
    }
    return {**labels, **OF, **more}, samples


def ready(pod: str, at: float) -> Any:  # noqa: ANN401 - the same
    return {"__name__": "kube_pod_status_ready_time", "pod": pod, "namespace": "shop"}, [(END, at)]


def every(
    step: float, start: float, end: float, rate: float, begin: float = 0.0
) -> list[tuple[float, float]]:
    """Samples of a counter that grows evenly."""
    count = round((end - start) / step) + 1
    return [(start + step * number, begin + rate * step * number) for number in range(count)]


def seen(*series: Any) -> tuple[Any, list[str]]:  # noqa: ANN401 - as Stored takes them
    period = Period(START, END)
    evidence = look_back(["shop/orders"], period, Stored(*series), None, lambda _: None)
    core = Core(["shop/orders"], START, 10.0)
    events = replay(core, evidence, period)
    return build(core, END), [event.text for event in events]


def test_what_the_counters_grew_by_is_counted_and_nothing_before() -> None:
    result, _ = seen(
        counter("orders-a", every(15, START - 300, END, 2.0, begin=77)),
        counter("orders-b", every(15, START + 105, END, 1.0)),
        counter("orders-a", every(15, START - 300, END, 1.0), rpc_method="grpc.health.v1.Health/Check"),
        counter("stock-a", every(15, START, END, 1.0), k8s_deployment_name="stock"),
    )
    pods = {pod.name: pod.requests for pod in result.services[0].pods}
    assert pods == {"orders-a": {"server metrics": 1_200}, "orders-b": {"server metrics": 495}}


def test_a_series_that_begins_in_the_period_counts_from_zero() -> None:
    result, _ = seen(counter("orders-b", [(START + 105, 40.0), (START + 120, 55.0)]))
    assert result.services[0].pods[0].requests == {"server metrics": 55}


def test_a_pod_that_nobody_called_has_no_counter_and_is_named() -> None:
    told = {"__name__": "target_info", "k8s_pod_name": "orders-c", **OF}, [(END, 1.0)]
    result, texts = seen(
        counter("orders-a", every(15, START - 300, END, 2.0)),
        ready("orders-a", START - 900),
        told,
        ready("orders-c", START + 200),
    )
    pods = {pod.name: pod for pod in result.services[0].pods}
    assert pods["orders-c"].uncalled
    assert pods["orders-c"].requests == {}
    assert pods["orders-c"].stages["ready"].at == START + 200
    assert any(text.startswith("orders-c is Ready for 1") and "no request" in text for text in texts)
    assert not any(text.startswith("orders-a is Ready for") for text in texts)


def test_a_first_request_between_two_samples_has_its_bounds() -> None:
    result, texts = seen(
        counter("orders-a", every(15, START - 300, END, 2.0)),
        counter("orders-b", every(15, START + 105, END, 1.0, begin=3)),
        ready("orders-b", START + 100),
    )
    (pod,) = (pod for pod in result.services[0].pods if pod.name == "orders-b")
    assert pod.first_request is not None
    assert pod.first_request.at == START + 105
    assert pod.first_request.error == 5
    assert "orders-b got its first request at most 5.0 s after it was Ready" in texts


def test_since_when_a_pod_is_ready_is_not_observed_where_nobody_tells() -> None:
    result, texts = seen(counter("orders-a", every(15, START + 100, END, 2.0)))
    (pod,) = result.services[0].pods
    assert "ready" not in pod.stages
    assert (pod.first_request, pod.uncalled) == (None, False)
    assert not texts


def test_a_pod_whose_samples_end_is_gone() -> None:
    result, texts = seen(
        counter("orders-a", every(15, START - 300, END, 2.0)),
        counter("orders-b", every(15, START - 300, START + 300, 2.0)),
        ready("orders-b", START - 400),
    )
    (pod,) = (pod for pod in result.services[0].pods if pod.name == "orders-b")
    assert (pod.status, pod.went) == ("gone", True)
    assert "orders-b is gone" in texts
