"""What a sweep says of the model."""

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from lbstudy.result.model import Delay
from lbstudy.sweep.compare import check, curve
from lbstudy.sweep.model import QuantityCheck


def delays(seconds: Iterable[float]) -> list[Delay]:
    return [Delay(seconds=float(one)) for one in seconds]


def held(
    measured: Sequence[Sequence[Delay]], model: Sequence[Sequence[Delay]], lateness: float = 0.0
) -> QuantityCheck:
    found = check("time to detect", "", measured, model, lateness=lateness, seed=0)
    assert found is not None
    return found


def uniform(changes: int, clients: int, longest: float, seed: int) -> list[list[Delay]]:
    rng = np.random.default_rng(seed)
    return [delays(rng.uniform(0, longest, clients)) for _ in range(changes)]


def test_the_same_distribution_is_within_ten_per_cent() -> None:
    found = held(uniform(60, 20, 10, 1), uniform(60, 100, 10, 2))

    assert found.agrees
    assert "within 10 %" in found.verdict
    for one in found.quantiles:
        assert one.off is not None
        assert one.measured.seconds is not None
        assert one.interval.low.seconds is not None
        assert one.interval.high.seconds is not None
        assert one.interval.low.seconds <= one.measured.seconds <= one.interval.high.seconds
    assert found.quantiles[0].measured.seconds == pytest.approx(5, rel=0.05)


def test_a_model_that_is_off_is_told_by_how_much() -> None:
    found = held(uniform(60, 20, 10, 1), uniform(60, 100, 8, 2))

    assert not found.agrees
    assert found.quantiles[0].off == pytest.approx(-0.2, abs=0.03)
    assert "off by" in found.verdict
    assert "that the model does not have" in found.verdict


def test_late_clients_are_named_as_a_reason() -> None:
    assert "the machine was busy" in held(uniform(60, 20, 10, 1), uniform(60, 100, 8, 2), lateness=3).verdict


def test_clients_of_a_change_are_not_counted_as_independent() -> None:
    """Ten changes in which all clients see the same: the interval is that of ten, not of a thousand."""
    shared = [delays([value] * 100) for value in np.linspace(1, 10, 10)]
    interval = held(shared, shared).quantiles[0].interval

    assert interval.low.seconds is not None
    assert interval.high.seconds is not None
    assert interval.high.seconds - interval.low.seconds >= 3


def test_what_nobody_saw_is_no_number() -> None:
    never = [[Delay(censored_after=30.0)] * 5] * 4
    found = held(never, never)

    assert found.agrees
    assert found.verdict.startswith("never, as the model says: not one of 20")
    assert found.quantiles[0].measured == Delay(censored_after=30.0)


def test_never_in_the_model_only_is_off() -> None:
    never = [[Delay(censored_after=30.0)] * 5] * 4
    found = held(uniform(4, 5, 10, 1), never)

    assert not found.agrees
    assert "0 % measured, 100 % in the model" in found.verdict


def test_nothing_measured_is_nothing_checked() -> None:
    assert check("x", "", [], [], lateness=0, seed=0) is None


def test_a_curve_counts_the_censored() -> None:
    """1, > 2 and 3 s: a third by 1 s; then of two one is watched on, and it happens: 1 − 2/3 × 0."""
    found = curve([Delay(seconds=1), Delay(censored_after=2), Delay(seconds=3)])

    assert found.seconds == [1, 3]
    assert found.shares == pytest.approx([1 / 3, 1])
