import numpy as np
from lbstudy.measures.fair_share import FairShare
from lbstudy.observation.records import Lane

from tests.measures.lanes import Rpc, lane, pod, rpcs


def traffic(own: list[int], other: list[int]) -> Lane:
    """Servers a and b, b Ready at 10.5 s; so many RPCs answered in each second from then on."""
    sent: list[Rpc] = []
    for second, (of_b, of_a) in enumerate(zip(own, other, strict=True)):
        at = 10.5 + second + 0.1
        sent += rpcs(np.linspace(at, at + 0.8, of_b), "b", took=0.0)
        sent += rpcs(np.linspace(at, at + 0.8, of_a), "a", took=0.0)
    return lane(
        end=10.5 + len(own),
        commands=[(-5, 1), (10, 2)],
        pods=[pod("a"), pod("b", commanded=10, ready=10.5)],
        rpcs=sent,
    )


def reached(own: list[int], other: list[int]) -> float | None:
    return FairShare(traffic(own, other)).reached(1, 10.5, 10.5 + len(own))


def test_three_fair_buckets_in_a_row() -> None:
    # 20 RPCs each second, two servers: the fair share is 10, and 8 to 12 are within 20 % of it.
    #          second:    0   1   2   3   4   5   6   7
    # b:                  0   4   9  13   8  12  10   7     fair: 2 (alone), 4, 5, 6
    own = [0, 4, 9, 13, 8, 12, 10, 7]
    assert reached(own, [20 - n for n in own]) == 14.5  # the beginning of second 4


def test_two_fair_buckets_are_not_enough() -> None:
    assert reached([10, 10, 0, 10, 10], [10, 10, 20, 10, 10]) is None


def test_the_bounds_are_inclusive() -> None:
    assert reached([8, 12, 8], [12, 8, 12]) == 10.5
    assert reached([7, 12, 8], [13, 8, 12]) is None


def test_no_traffic_is_no_fair_share() -> None:
    assert reached([0, 0, 0, 0], [0, 0, 0, 0]) is None


def test_only_whole_buckets_within_the_time_watched_count() -> None:
    found = FairShare(traffic([10, 10, 10], [10, 10, 10]))
    assert found.reached(1, 10.5, 13.5) == 10.5
    assert found.reached(1, 10.5, 13.4) is None
