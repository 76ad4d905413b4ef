"""What holds the autoscaler back: windows, policies, bounds; by the documentation's examples."""

from typing import Any

from lbstudy.autoscaler.behavior import At, fewest, most, stabilized
from lbstudy.autoscaler.decide import Decider
from lbstudy.autoscaler.pods import Metric, PodState
from lbstudy.config.autoscaler import Autoscaler, Down, Up

UP = Up()


def rules(**keys: Any) -> Autoscaler:  # noqa: ANN401 - keys of [autoscaler]
    return Autoscaler.model_validate({"max_replicas": 50, "target": 0.5} | keys)


def sync(decider: Decider, now: float, current: int, level: float) -> int:
    """One turn, with all of the current pods long since Ready and equally busy."""
    pods = [PodState(str(i), -1e6, ready=True, changed=-1e6 + 1) for i in range(current)]
    metrics = {pod.name: Metric(level, now, 15.0) for pod in pods}
    return decider.sync(now, current, pods, metrics).desired


def test_the_defaults_are_those_of_the_documentation() -> None:
    found = rules()
    assert (found.tolerance, found.sync_period, found.min_replicas) == (0.1, 15, 1)
    assert (found.initial_readiness_delay, found.initialization_period, found.metric_window) == (30, 300, 15)
    assert (found.up.stabilization, found.down.stabilization) == (0, 300)
    assert [(one.type, one.value, one.period) for one in found.up.policy] == [
        ("percent", 100, 15),
        ("pods", 4, 15),
    ]
    assert [(one.type, one.value, one.period) for one in found.down.policy] == [("percent", 100, 15)]
    assert (found.up.select, found.down.select) == ("max", "max")


def test_scaling_up_is_bounded_by_the_larger_of_doubling_and_4_pods_in_15_s() -> None:
    assert [most(current, [], [], 0, UP) for current in (1, 3, 4, 5, 20)] == [5, 7, 8, 10, 40]
    # Of 6 now, 4 were added 10 s ago: 2 at the period's start, so 2 + 4. 16 s ago: anew.
    assert most(6, [At(90, 4)], [], 100, UP) == 6
    assert most(6, [At(84, 4)], [], 100, UP) == 12


def test_the_documentations_example_of_scaling_down_80_pods() -> None:
    # "4 pods or 10 % of them a minute": 80 → 72 → 64 (7.2 is rounded up), and below 40 4 at a time.
    down = Down.model_validate(
        {
            "policy": [
                {"type": "pods", "value": 4, "period": 60},
                {"type": "percent", "value": 10, "period": 60},
            ]
        }
    )
    replicas, seen = 80, [80]
    removed: list[At] = []
    for minute in range(1, 12):
        fewer = max(10, fewest(replicas, [], removed, minute * 61.0, down))
        removed.append(At(minute * 61.0, replicas - fewer))
        replicas = fewer
        seen.append(replicas)
    assert seen == [80, 72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20]
    assert fewest(80, [], [At(0, 8)], 30, down) == 79  # of 88 a minute ago 10 % are 8.8: 79.2 may stay


def test_select_min_and_disabled() -> None:
    keys = {"policy": [{"type": "pods", "value": 1}, {"type": "percent", "value": 100}]}
    assert most(4, [], [], 0, Up.model_validate(keys | {"select": "min"})) == 5
    assert fewest(4, [], [], 0, Down.model_validate(keys | {"select": "min"})) == 3
    assert most(4, [], [], 0, Up.model_validate(keys | {"select": "disabled"})) == 4
    assert fewest(4, [], [], 0, Down.model_validate(keys | {"select": "disabled"})) == 4


def test_a_window_takes_the_most_cautious_wish() -> None:
    wishes = [At(0, 9), At(50, 2), At(80, 5)]
    down = Down(stabilization=60)
    assert stabilized(3, 6, wishes, 100, UP, down) == 5  # the highest of the last 60 s; 9 is too old
    up = Up(stabilization=60)
    assert stabilized(8, 4, wishes, 100, up, down) == 4  # the lowest of the last 60 s is 2: no change up
    assert stabilized(8, 4, [At(80, 5)], 100, up, down) == 5


def test_scaling_down_waits_5_minutes_from_the_last_higher_wish() -> None:
    decider = Decider(rules())
    assert sync(decider, 0, 4, 1.0) == 8  # twice the target
    for now in range(15, 300, 15):
        assert sync(decider, now, 8, 0.1) == 8, now  # the first wish was for 8
    assert sync(decider, 300, 8, 0.1) == 2  # 8 × 0.1 ÷ 0.5


def test_the_beginning_is_a_wish_for_what_there_is() -> None:
    decider = Decider(rules())
    assert sync(decider, 0, 6, 0.1) == 6
    assert sync(decider, 299, 6, 0.1) == 6
    assert sync(decider, 301, 6, 0.1) == 2


def test_bounds_and_what_is_outside_of_them() -> None:
    assert sync(Decider(rules(max_replicas=5)), 0, 4, 1.0) == 5
    assert sync(Decider(rules(max_replicas=3)), 0, 4, 0.5) == 3
    assert sync(Decider(rules(min_replicas=3)), 0, 1, 0.5) == 3
    assert sync(Decider(rules(min_replicas=3, down={"stabilization": 0})), 0, 8, 0.0) == 3


def test_two_hot_pods_and_two_idle_ones_are_no_reason_to_add_any() -> None:
    # What DNS makes of it: the mean of 100, 100, 0, 0 % is the target.
    pods = [PodState(str(i), -1e6, ready=True, changed=-1e6 + 1) for i in range(4)]
    metrics = {str(i): Metric(float(i < 2), 0, 15) for i in range(4)}
    decision = Decider(rules()).sync(0, 4, pods, metrics)
    assert (decision.desired, decision.wish.utilization) == (4, 50)
