"""The HPA's arithmetic, held against worked examples of Kubernetes' documentation and of its own tests.

"doc": kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale, "Algorithm details"; the others are
named as in kubernetes/pkg/controller/podautoscaler/replica_calculator_test.go, where a pod asks for a core.
"""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lbstudy.autoscaler.pods import Metric, PodState, group
from lbstudy.autoscaler.replicas import wish
from lbstudy.config.autoscaler import Autoscaler

NOW = 10_000.0
LONG_AGO = NOW - 3600
JUST_NOW = NOW - 10


def rules(percent: int, **others: float) -> Autoscaler:
    return Autoscaler.model_validate({"max_replicas": 100, "target": percent / 100} | others)


def wanted(
    current: int,
    percent: int,
    levels: Sequence[int | None],
    not_ready: Sequence[int] = (),
    failed: Sequence[int] = (),
    hot: Sequence[int] = (),
) -> int:
    """How many replicas are wished for; levels are thousandths of a core, None: the pod has no metric."""
    started = [JUST_NOW if i in hot else LONG_AGO for i in range(len(levels))]
    pods = [
        PodState(str(i), at, i not in not_ready, at + 1, ends=i in failed) for i, at in enumerate(started)
    ]
    metrics = {
        str(i): Metric(level / 1000, NOW - 5, 60.0) for i, level in enumerate(levels) if level is not None
    }
    return wish(current, pods, metrics, NOW, rules(percent)).replicas


@pytest.mark.parametrize(
    ("example", "current", "percent", "levels", "others", "expected"),
    [
        ("doc: 200m of 100m doubles", 2, 10, [200, 200], {}, 4),
        ("doc: 50m of 100m halves", 4, 10, [50, 50, 50, 50], {}, 2),
        ("ScaleUp", 3, 30, [300, 500, 700], {}, 5),
        ("ScaleUpUnreadyLessScale", 3, 30, [300, 500, 700], {"not_ready": [0]}, 4),
        ("ScaleUpHotCpuLessScale", 3, 30, [300, 500, 700], {"hot": [0]}, 4),
        ("ScaleUpUnreadyNoScale", 3, 30, [400, 500, 700], {"not_ready": [1, 2]}, 3),
        ("ScaleUpIgnoresFailedPods", 2, 30, [500, 700, None, None], {"failed": [2, 3]}, 4),
        ("ScaleDown", 5, 50, [100, 300, 500, 250, 250], {}, 3),
        ("ScaleDownExcludeUnreadyPods", 5, 50, [100, 300, 500, 250, 250], {"not_ready": [3, 4]}, 2),
        ("Tolerance", 3, 100, [900, 1000, 1100], {}, 3),
        ("MissingMetricsNoChangeEq", 2, 100, [1000, None], {}, 2),
        ("MissingMetricsNoChangeGt", 2, 100, [1900, None], {}, 2),
        ("MissingMetricsNoChangeLt", 2, 100, [600, None], {}, 2),
    ],
)
def test_an_example_of_kubernetes(
    example: str,
    current: int,
    percent: int,
    levels: list[int | None],
    others: dict[str, list[int]],
    expected: int,
) -> None:
    # A pod that was never Ready: its condition is as old as its start.
    assert wanted(current, percent, levels, **others) == expected, example


def test_missing_pods_count_as_0_where_more_is_wanted_and_as_100_percent_where_less() -> None:
    # 90 % of 50 %: ratio 1.8. With the missing one as 0: 90/2 = 45 % → ratio 0.9: in the tolerance.
    assert wanted(2, 50, [900, None]) == 2
    # Three at 90 %, one missing: 270/4 = 67 % → 1.34 × 4 = 5.4 → 6.
    assert wanted(4, 50, [900, 900, 900, None]) == 6
    # 10 %: ratio 0.2 → 1. With the missing one as 100 %: (10 + 10 + 10 + 100)/4 = 32 % → 0.64 × 4 = 2.6 → 3.
    assert wanted(4, 50, [100, 100, 100, None]) == 3


def test_pods_that_are_not_ready_count_as_0_where_more_is_wanted() -> None:
    # Two at 80 % of 50 %: 1.6 × 2 → 4. With the third, not Ready, as 0 %: 160/3 = 53 % → 1.06: tolerated.
    assert wanted(3, 50, [800, 800, 900], not_ready=[2]) == 3
    # Where fewer are wanted they count for nothing: 20 % of 50 % → 0.4 × 2 → 1.
    assert wanted(3, 50, [200, 200, 900], not_ready=[2]) == 1


def test_without_any_metric_that_counts_nothing_changes() -> None:
    pods = [PodState("a", LONG_AGO, ready=True, changed=LONG_AGO), PodState("b")]
    found = wish(2, pods, {}, NOW, rules(50))
    assert (found.replicas, found.utilization) == (2, None)
    assert (found.pods.missing, found.pods.unready) == (("a",), ("b",))


def test_the_mean_is_cut_to_whole_per_cent_as_the_hpas_integers_are() -> None:
    pods = [PodState(name, LONG_AGO, ready=True, changed=LONG_AGO) for name in "abc"]
    metrics = {name: Metric(level, NOW, 15) for name, level in zip("abc", (0.56, 0.57, 0.57), strict=True)}
    assert wish(3, pods, metrics, NOW, rules(50)).utilization == 56  # of 56.67


@pytest.mark.parametrize(
    ("pod", "at", "expected"),
    [
        # Within the initialization period: Ready, and a whole window since then.
        (PodState("p", NOW - 100, ready=True, changed=NOW - 50), NOW - 10, "ready"),
        (PodState("p", NOW - 100, ready=True, changed=NOW - 20), NOW - 10, "unready"),
        (PodState("p", NOW - 100, ready=False, changed=NOW - 50), NOW - 10, "unready"),
        # After it: only one that has never been Ready since its initial readiness delay.
        (PodState("p", NOW - 400, ready=False, changed=NOW - 380), NOW - 10, "unready"),
        (PodState("p", NOW - 400, ready=False, changed=NOW - 300), NOW - 10, "ready"),
        (PodState("p", NOW - 400, ready=True, changed=NOW - 1), NOW - 10, "ready"),
        (PodState("p", None), NOW - 10, "unready"),
        (PodState("p", NOW - 400, ready=True, changed=NOW - 390, ends=True), NOW - 10, "none"),
    ],
)
def test_which_pods_count(pod: PodState, at: float, expected: str) -> None:
    # initialization_period 300 s, initial_readiness_delay 30 s, a window of 15 s.
    groups = group([pod], {"p": Metric(0.5, at, 15.0)}, NOW, rules(50))
    assert [name for name in ("ready", "unready", "missing") if getattr(groups, name)] == (
        [] if expected == "none" else [expected]
    )


@given(
    levels=st.lists(st.integers(0, 1000), min_size=1, max_size=20),
    percent=st.integers(5, 100),
    extra=st.integers(0, 5),
)
def test_the_wish_never_goes_against_the_mean(levels: list[int], percent: int, extra: int) -> None:
    current = len(levels) + extra
    found = wanted(current, percent, [*levels, *[None] * extra], hot=range(0, len(levels), 3))
    counted = [level for i, level in enumerate(levels) if i % 3]
    if not counted:
        assert found == current
    elif sum(counted) / len(counted) > percent * 10 * 1.2:
        assert found >= current
    elif sum(counted) / len(counted) < percent * 10 * 0.8:
        assert found <= current
