"""Medians and their intervals, worked out by hand, with SciPy's own test as referee."""

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lbstudy.compare.interval import estimate, is_less
from lbstudy.compare.model import Amount, Estimate
from scipy.stats import quantile_test


def of(*values: float | None) -> Estimate:
    """An estimate of these; None: more than 20."""
    found = estimate([Amount(value=20, more=True) if one is None else Amount(value=one) for one in values])
    assert found is not None
    return found


def bounds(found: Estimate) -> tuple[float, float, bool]:
    return found.low.value, found.high.value, found.high.more


def test_of_four_the_interval_is_the_whole_range_with_the_confidence_that_has() -> None:
    found = of(4, 1, 3, 2)
    assert found.median == Amount(value=2)  # the smallest value that at least half do not exceed
    assert bounds(found) == (1, 4, False)
    assert found.confidence == 1 - 2 / 2**4  # all four on one side of the true median


def test_of_twelve_the_three_outermost_are_outside() -> None:
    # P(at most 2 of 12 lie below the median) = (1 + 12 + 66) ÷ 4096 = 1.9 %, of 3 more than 2.5 %.
    found = of(*range(1, 13))
    assert bounds(found) == (3, 10, False)
    assert found.confidence == pytest.approx(1 - 2 * 79 / 4096)


def test_one_value_has_an_interval_without_any_confidence() -> None:
    assert (bounds(of(3)), of(3).confidence) == ((3, 3, False), 0.0)
    assert estimate([]) is None


def test_what_was_not_seen_is_larger_than_what_was_and_without_an_upper_end() -> None:
    found = of(1, 2, 3, None)
    assert (found.median, found.censored) == (Amount(value=2), 1)
    assert bounds(found) == (1, 20, True)
    never = of(None, None, None, None)
    assert never.median == never.low == never.high == Amount(value=20, more=True)


@given(st.lists(st.floats(0, 100), min_size=6, max_size=30))
def test_from_six_on_it_is_the_interval_of_scipys_sign_test(values: list[float]) -> None:
    found = of(*values)
    referee: Any = quantile_test(values, q=0, p=0.5).confidence_interval(confidence_level=0.95)
    assert bounds(found) == (referee.low, referee.high, False)
    assert found.confidence >= 0.95
    assert found.low.value <= found.median.value <= found.high.value


def test_intervals_that_overlap_or_touch_show_nothing() -> None:
    assert is_less(of(1, 2, 3, 4), of(5, 6, 7, 8))
    assert not is_less(of(5, 6, 7, 8), of(1, 2, 3, 4))
    assert not is_less(of(1, 2, 3, 5), of(5, 6, 7, 8))
    assert not is_less(of(1, 2, 3, 6), of(5, 6, 7, 8))


def test_three_of_each_show_nothing_however_far_apart() -> None:
    assert not is_less(of(1, 2, 3), of(100, 101, 102))
    assert not is_less(None, of(1, 2, 3, 4))


def test_something_that_was_never_seen_is_more_than_what_always_was() -> None:
    never = of(None, None, None, None)
    assert is_less(of(1, 2, 3, 4), never)
    assert not is_less(of(1, 2, 3, None), never)  # which may be as large
    assert not is_less(never, never)


def test_no_overlap_of_four_and_four_comes_by_chance_once_in_thirty_five_times() -> None:
    ways = list(itertools.combinations(range(8), 4))
    apart = [w for w in ways if is_less(of(*w), of(*(i for i in range(8) if i not in w)))]
    assert 2 * len(apart) / len(ways) == pytest.approx(1 / 35)
    assert not math.isclose(len(apart), 0)
