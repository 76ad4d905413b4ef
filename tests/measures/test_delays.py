import pytest
from hypothesis import given
from hypothesis import strategies as st
from lbstudy.measures.delays import delay, summary
from lbstudy.result.model import Delay


def seen(*seconds: float) -> list[Delay]:
    return [Delay(seconds=value) for value in seconds]


def censored(*seconds: float) -> list[Delay]:
    return [Delay(censored_after=value) for value in seconds]


def test_a_delay_is_measured_or_censored() -> None:
    assert delay(10.0, 12.5, 40.0) == Delay(seconds=2.5)
    assert delay(10.0, None, 40.0) == Delay(censored_after=30.0)
    assert delay(10.0, 41.0, 40.0) == Delay(censored_after=30.0)  # after the watching had ended: not seen
    assert delay(10.0, 9.5, 40.0) == Delay(seconds=0.0)  # it had happened when the clock began to run


def test_without_censoring_quantiles_are_observed_values() -> None:
    # Of 2, 4, 6, 8 s, half are no larger than 4 s; 95 % needs all four.
    found = summary(seen(8, 2, 6, 4))
    assert (found.count, found.censored) == (4, 0)
    assert (found.median, found.p95, found.largest) == (*seen(4), *seen(8), *seen(8))


def test_kaplan_meier_worked_by_hand() -> None:
    # 2, 3+, 5, 7+ (+ is censored). Not happened by then:
    #   after 2: 3/4;  after 5 (of the two still watched, one): 3/4 × 1/2 = 3/8;  nothing after that.
    # Happened: 1/4 from 2 s, 5/8 from 5 s. The median is 5 s; 95 % is not reached: more than 7 s.
    found = summary([*seen(2), *censored(3), *seen(5), *censored(7)])
    assert (found.count, found.censored) == (4, 2)
    assert (found.median, found.p95, found.largest) == (*seen(5), *censored(7), *censored(7))


def test_a_median_that_is_not_reached_is_censored() -> None:
    # One of three happened: 1/3 < 1/2. It was watched in vain for up to 35 s.
    found = summary([*seen(2), *censored(30, 35)])
    assert (found.median, found.p95, found.largest) == (*censored(35), *censored(35), *censored(35))


def test_nothing_happened() -> None:
    found = summary(censored(32, 32))
    assert (found.count, found.censored) == (2, 2)
    assert found.median == Delay(censored_after=32)
    assert str(found.median) == "> 32.0 s"


def test_an_exact_half_reaches_the_median() -> None:
    # One of two happened; and 1/10 steps, whose product is a little less than 1/2 in floating point.
    assert summary([*seen(1), *censored(9)]).median == Delay(seconds=1)
    assert summary([*seen(1, 2, 3, 4, 5), *censored(9, 9, 9, 9, 9)]).median == Delay(seconds=5)


def test_the_largest_is_censored_as_soon_as_one_is() -> None:
    # What was watched for 3 s only may have come after 8 s or later.
    assert summary([*seen(8), *censored(3)]).largest == Delay(censored_after=8)


def test_no_delays() -> None:
    found = summary([])
    assert (found.count, found.median, found.p95, found.largest) == (0, None, None, None)


times = st.lists(st.floats(0, 1000), max_size=20)


@given(times, times)
def test_censoring_never_makes_a_quantile_smaller(happened: list[float], lost: list[float]) -> None:
    """What was not seen to happen counts as more than what was: the median only grows."""
    found = summary([*seen(*happened), *censored(*lost)])
    if not happened and not lost:
        return
    assert found.median is not None
    assert found.p95 is not None
    without = sorted([*happened, *lost])[(len(happened) + len(lost) - 1) // 2]
    median = found.median.seconds if found.median.seconds is not None else found.median.censored_after
    assert median is not None
    assert median >= without or median == pytest.approx(without)
    if lost:
        assert found.largest is not None
        assert found.largest.seconds is None
