from itertools import pairwise

import pytest
from greeter.client.schedule import Due, Schedule
from hypothesis import given
from hypothesis import strategies as st


def test_one_client_sends_at_its_rate_from_its_phase() -> None:
    schedule = Schedule(clients=1, rate=10, duration=0.5)
    (phase,) = schedule.phases()

    assert 0 <= phase < 1
    assert list(schedule) == [Due((k + phase) / 10, 0, k) for k in range(5)]


def test_whole_intervals_make_the_same_number_whatever_the_phase() -> None:
    # 0.1 × 30 is 3.0000000000000004 in floating point.
    assert {len(Schedule(7, 30, 0.1, seed)) for seed in range(50)} == {21}


def test_the_seed_decides_the_phases() -> None:
    assert list(Schedule(3, 30, 1, seed=1)) == list(Schedule(3, 30, 1, seed=1))
    assert Schedule(3, 30, 1, seed=1).phases() != Schedule(3, 30, 1, seed=2).phases()


@given(
    clients=st.integers(1, 20),
    rate=st.floats(0.1, 1000),
    duration=st.floats(0.01, 2),
    seed=st.integers(),
)
def test_every_rpc_is_due_once_in_order_and_within_the_duration(
    clients: int, rate: float, duration: float, seed: int
) -> None:
    schedule = Schedule(clients, rate, duration, seed)
    due = list(schedule)

    assert len(due) == len(schedule)
    assert len({(one.client, one.number) for one in due}) == len(due)
    assert all(earlier.at <= later.at for earlier, later in pairwise(due))
    assert all(0 <= one.at < duration + 1e-8 for one in due)
    assert len(due) == pytest.approx(clients * rate * duration, abs=clients)
