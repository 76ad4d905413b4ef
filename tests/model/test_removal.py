"""Expected failed RPCs of a removal, worked out by hand."""

import pytest
from lbstudy.model.parameters import Parameters
from lbstudy.model.removal import CROSSING, graceful, killed
from lbstudy.result.model import Delay

# RPCs of 0.3 s, a grace of 0.1 s: what is sent in the last 0.2 s before stop, which comes at 1 s, is cut off.
P = Parameters(work=0.3, drain_wait=1.0, drain_grace=0.1, rate=10)


def test_rpcs_that_outlast_the_grace_are_cut_off() -> None:
    found = graceful(P, 4)

    assert found.error_window == pytest.approx(0.2)
    assert found.failed == pytest.approx(10 / 4 * 0.2)


def test_a_client_that_has_dropped_the_server_loses_nothing_more() -> None:
    """Dropped at 0.5 s (before the window), 0.85 s (0.05 s of it), 1.2 s (all), never (all)."""
    dropped = [Delay(seconds=0.5), Delay(seconds=0.85), Delay(seconds=1.2), Delay(censored_after=60)]
    found = graceful(P, 4, dropped)

    assert found.error_window == pytest.approx((0 + 0.05 + 0.2 + 0.2) / 4)
    assert found.failed == pytest.approx(10 / 4 * 0.1125)


def test_with_a_grace_that_is_long_enough_only_what_crosses_the_goaway_is_lost() -> None:
    patient = Parameters(work=0.02, drain_wait=1.0, drain_grace=5.0, rate=30)

    assert graceful(patient, 3).failed == pytest.approx(30 / 3 * CROSSING)
    assert graceful(patient, 3, [Delay(seconds=0.9)]).failed == 0


def test_a_killed_server_loses_what_it_works_on() -> None:
    assert killed(P, 3).failed == pytest.approx(10 / 3 * (0.3 + CROSSING))
