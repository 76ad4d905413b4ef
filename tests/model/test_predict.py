"""Predicted distributions: one that can be written down, and what must hold for any setting."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lbstudy.model.parameters import Parameters
from lbstudy.model.predict import price, scale_down, scale_up

P = Parameters(min_interval=30, max_age=20)


def test_under_a_long_interval_the_wait_is_uniform() -> None:
    """Three connections of 20 s: one ends in each 30 s, so DNS is asked like clockwork, at any phase.

    A server is in DNS 0.5 s after Ready; the wait for the next look-up is uniform from 0 to 30 s: median
    15.5 s, 95 % within 0.5 + 28.5 = 29 s, all within 30.5 s and the 5 ms of a look-up.
    """
    found = scale_up(P, 3, 4, draws=4000)
    seconds = np.array([one.seconds for one in found.detect], float)

    # Five standard errors of a quantile of 4000 uniform draws.
    assert np.median(seconds) == pytest.approx(15.5, abs=5 * 30 * 0.5 / 4000**0.5)
    assert np.quantile(seconds, 0.95) == pytest.approx(29, abs=5 * 30 * (0.05 * 0.95 / 4000) ** 0.5)
    assert seconds.min() >= 0.5
    assert seconds.max() <= 30.51


def test_one_connection_without_cooldown_ends_at_a_random_part_of_its_age() -> None:
    """An age of 20 s ± 10 %, met at a random instant: the mean rest is E[A²] ÷ 2 E[A].

    With A uniform from 18 to 22 s: E[A²] = (22³ − 18³) ÷ (3 × 4) = 401.33, so 10.03 s; and DNS's 0.5 s. What
    has ended before DNS knew is seen at the next end: the mean is that of the rest at 0.5 s, again 10.03.
    """
    found = scale_up(replace(P, min_interval=0.1), 1, 2, draws=4000)

    assert np.mean([one.seconds for one in found.detect]) == pytest.approx(10.53, abs=5 * 5.8 / 4000**0.5)


def test_a_removal_is_seen_at_its_goaway() -> None:
    """Not in a cooldown, nothing ages: GOAWAY 1 s after SIGTERM, and 5 ms for the look-up."""
    found = scale_down(Parameters(), 3, 2, draws=20)

    assert {one.seconds for one in found.detect} == {1.005}


def test_the_price_of_ages() -> None:
    """Three connections of 20 s on average: nine a minute; with one end or more in 30 s, two look-ups."""
    found = price(P, 3, draws=200)

    assert found.connections == pytest.approx(9, rel=0.03)
    assert found.lookups == pytest.approx(2, rel=0.03)


def test_what_is_not_seen_is_censored_after_the_time_watched() -> None:
    found = scale_up(Parameters(), 3, 5, watched=77, draws=10)

    assert len(found.detect) == len(found.discovery) == 20
    for one in (*found.detect, *found.discovery):
        assert one.seconds is None
        assert one.censored_after == pytest.approx(77)
    assert found.detect_summary.median == found.detect[0]


@settings(max_examples=8, derandomize=True)
@given(interval=st.floats(1, 20), factor=st.floats(1.5, 3), age=st.floats(10, 30), servers=st.integers(1, 4))
def test_a_longer_interval_never_finds_sooner(
    interval: float, factor: float, age: float, servers: int
) -> None:
    """Nothing makes a client look sooner when it may look less often; beyond the noise of 100 draws."""
    short = Parameters(min_interval=interval, max_age=age)
    long = replace(short, min_interval=interval * factor)
    watched = interval * factor + 2.2 * age + 1
    found, expected = (
        np.array(
            [one.seconds for one in scale_up(p, servers, servers + 1, draws=100, watched=watched).detect]
        )
        for p in (long, short)
    )
    # Four standard errors of a median of 100 uniform draws.
    noise = 4 * (interval * factor + age) * 0.5 / 100**0.5

    assert np.median(found) >= np.median(expected) - noise


@settings(max_examples=10, derandomize=True)
@given(interval=st.floats(0.5, 30), age=st.floats(2, 30), servers=st.integers(1, 3), seed=st.integers(0, 99))
def test_everyone_has_found_it_after_an_age_and_an_interval(
    interval: float, age: float, servers: int, seed: int
) -> None:
    """The latest: DNS has just been missed, a connection lives its age and 10 %, then the cooldown."""
    p = Parameters(min_interval=interval, max_age=age)
    # A connection may end while a look-up runs, and its request be lost: then the next one's end tells.
    latest = p.propagation + 2 * 1.1 * age + interval + 1
    found = scale_up(p, servers, servers + 1, draws=20, watched=latest + 20, seed=seed)

    for one, first in zip(found.detect, found.discovery, strict=True):
        assert one.seconds is not None
        assert first.seconds is not None
        assert one.seconds <= latest
        assert first.seconds > one.seconds
