"""The live traffic of a run on a cluster, from Prometheus' counters."""

from lbstudy.live.view import Traffic
from lbstudy.run.meter import counts_of, since

A, B, NONE = ("stock", "a", "OK"), ("stock", "b", "OK"), ("stock", "", "UNAVAILABLE")


def test_what_has_come_in_between_two_results() -> None:
    before = {A: 10, B: 5}
    now = {A: 12, B: 5, NONE: 3, ("max-age", "c", "OK"): 1}
    assert since(before, now) == [Traffic("stock", {"a": 2}, 3), Traffic("max-age", {"c": 1}, 0)]


def test_a_series_that_is_gone_is_no_traffic() -> None:
    assert since({A: 10, B: 5}, {A: 10}) == []


def test_a_result_of_the_query() -> None:
    found = [
        {
            "metric": {
                "lbstudy_setting": "stock",
                "server_k8s_pod_name": "a",
                "rpc_status_code": "OK",
            },
            "value": [1795550000.0, "12"],
        },
        {
            "metric": {"lbstudy_setting": "stock", "rpc_status_code": "UNAVAILABLE"},
            "value": [1795550000.0, "3"],
        },
    ]
    assert counts_of(found) == {A: 12, NONE: 3}
