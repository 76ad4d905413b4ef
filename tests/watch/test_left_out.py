"""What a gate needs of a watch's result: who left a new pod out, for how long, and how that is known."""

from dataclasses import replace

import pytest
from lbstudy.watch.build import build
from lbstudy.watch.core import Core
from lbstudy.watch.model import PodResult, When

from tests.watch.told import called, gone, ready, resolved, sampled, served, unready, watched


def pod_of(core: Core, name: str, now: float) -> PodResult:
    (service,) = build(core, now).services
    return next(pod for pod in service.pods if pod.name == name)


def test_a_client_that_calls_others_only_leaves_the_pod_out() -> None:
    core = watched(called("a", 1_000.5, "checkout-1"))
    core.take(ready("c", 1_001.0))
    for second in range(1_001, 1_021):
        core.take(called("a", second, "checkout-1"))
        core.take(called("c", second, "cart-1", workload="cart"))
    found = pod_of(core, "c", 1_021.0)

    assert [(one.workload, one.until) for one in found.left_out_by] == [("checkout", 1_020.0)]
    assert [one.workload for one in pod_of(core, "a", 1_021.0).left_out_by] == ["cart"]


@pytest.mark.parametrize(("requests", "left_out"), [(9, 0), (10, 1)])
def test_few_requests_say_nothing(requests: int, left_out: int) -> None:
    core = watched(*(called("a", 1_000.1, "checkout-1") for _ in range(50)))
    core.take(ready("c", 1_001.0))
    for second in range(requests):
        core.take(called("a", 1_002.0 + second, "checkout-1"))

    assert len(pod_of(core, "c", 1_021.0).left_out_by) == left_out


def test_what_comes_late_shortens_what_is_known() -> None:
    core = watched()
    core.take(ready("c", 1_001.0))
    for second in range(1_001, 1_021):
        core.take(served("a", second, received=second + 5.0))

    found = pod_of(core, "c", 1_021.0)
    assert found.observed_until == pytest.approx(1_016.0, abs=0.1)
    assert found.others == 20


def test_how_many_others_were_called_before_the_first_request() -> None:
    core = watched(*(called("a", 1_000.1, "checkout-1") for _ in range(7)))
    core.take(ready("c", 1_001.0))
    for second in range(1_002, 1_006):
        core.take(called("a", second, "checkout-1"))
    for second in range(1_006, 1_009):
        core.take(called("c", second, "checkout-1"))
    found = pod_of(core, "c", 1_010.0)

    assert (found.others, found.callers[0].before, found.left_out_by) == (4, 4, [])


def test_counters_tell_it_of_all_clients_together() -> None:
    core = watched(sampled("a", 999.0, 1_000.0, 100))
    core.take(ready("c", 1_001.0))
    core.take(sampled("a", 1_001.0, 1_016.0, 30))
    assert pod_of(core, "c", 1_017.0).others == 30
    core.take(sampled("c", 1_001.0, 1_031.0, 3))
    found = pod_of(core, "c", 1_032.0)

    assert (found.others, found.first_request) == (30, When(at=1_031.0, error=30.0))


def test_a_template_that_never_told_of_a_request_is_unproven() -> None:
    core = watched()
    core.take(ready("c", 1_001.0, template="t2"))
    for second in range(1_001, 1_021):
        core.take(served("a", second))
    assert (pod_of(core, "c", 1_021.0).proven, pod_of(core, "c", 1_021.0).observed_until) == (False, None)
    core.take(ready("d", 1_001.0, template="t2"))
    core.take(served("d", 1_020.0))
    assert (pod_of(core, "c", 1_021.0).proven, pod_of(core, "c", 1_021.0).observed_until) == (True, 1_020.0)


def test_when_a_pod_last_became_ready_is_kept_when_it_is_not_any_more() -> None:
    core = watched()
    for told in (ready("c", 1_001.0), unready("c", 1_002.0), ready("c", 1_003.0), gone("c", 1_004.0)):
        core.take(told)
    found = pod_of(core, "c", 1_005.0)

    assert found.last_ready == When(at=1_003.0, error=0.0)
    assert found.stages["ready"] == When(at=1_001.0, error=0.0)


def test_a_clients_requests_are_told_as_late_as_the_latest_of_its_source() -> None:
    core = watched()
    core.take(ready("c", 1_001.0))
    for second in range(1_001, 1_021):
        found = called("a", second, "checkout-1")
        core.take(replace(found, received=second + 5.0))

    (left_out,) = pod_of(core, "c", 1_021.0).left_out_by
    assert left_out.until == pytest.approx(1_016.0, abs=0.1)


def test_since_when_a_client_was_seen_to_call_anybody() -> None:
    core = watched(resolved("cart-1", 900.0, "a", workload="cart"))
    for second in (1_007.0, 1_004.0, 1_009.0):
        core.take(called("a", second, "checkout-1"))
    (service,) = build(core, 1_010.0).services

    assert {one.name: one.since for one in service.clients} == {"cart": None, "checkout": 1_004.0}
