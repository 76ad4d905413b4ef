"""The pods' clock, from exchanges of questions and answers."""

import pytest
from lbstudy.platform.kubernetes.clock import Exchange, Offset, bound, offset, spread

SECOND = 1_000_000_000
AHEAD = 5_000 * SECOND  # the pod's clock, against the monotonic one here


def exchange(sent: float, out: float, back: float) -> Exchange:
    """A question on its way for ``out``, the answer for ``back`` seconds."""
    asked = round(sent * SECOND)
    answered = asked + round(out * SECOND)
    return Exchange(asked, answered + AHEAD, answered + round(back * SECOND))


@pytest.mark.parametrize(("out", "back"), [(0.001, 0.001), (0.002, 0.0), (0.0, 0.002), (0.0003, 0.0017)])
def test_the_truth_is_within_the_bound(out: float, back: float) -> None:
    found = offset([exchange(10, out, back)])
    assert found.bound == pytest.approx(0.001)
    assert abs(found.ns - AHEAD) / SECOND <= found.bound + 1e-9


def test_the_shortest_round_trip_decides() -> None:
    found = offset([exchange(1, 0.5, 0.001), exchange(2, 0.0002, 0.0002), exchange(3, 0.001, 0.9)])
    assert found.bound == pytest.approx(0.0002)
    assert found.ns == pytest.approx(AHEAD, abs=1)
    assert found.wall(7 * SECOND) == pytest.approx(AHEAD + 7 * SECOND, abs=1)


def test_drift_is_part_of_the_bound() -> None:
    before, after = Offset(AHEAD, 0.001, 0), Offset(AHEAD + SECOND // 50, 0.002, 60 * SECOND)
    assert bound(before, after) == pytest.approx(0.001 + 0.002 + 0.02)


def test_other_nodes_clocks_are_part_of_the_bound() -> None:
    here = Offset(AHEAD, 0.001, 0)
    assert spread({"a": here}, "a") == 0
    there = Offset(AHEAD - SECOND // 100, 0.002, 0)
    assert spread({"a": here, "b": there, "c": here}, "a") == pytest.approx(0.01 + 0.003)
