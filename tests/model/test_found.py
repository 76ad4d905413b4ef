"""When all new servers are found, run by run: whose clients, and how long these have been there."""

import numpy as np
from lbstudy.config.phases import PHASES
from lbstudy.config.scenario import Step
from lbstudy.model.found import by_its_own, by_settled, removes, scale_ups, until_the_last_scale_up
from lbstudy.model.parameters import Parameters

P = Parameters(min_interval=5, max_age=60, rate=10, work=0.01)


def steps(*servers: int, at: float = 0.0) -> tuple[Step, ...]:
    return (
        Step(at=0, servers=servers[0]),
        *(Step(at=at + i, servers=n) for i, n in enumerate(servers[1:], 1)),
    )


def test_clients_of_a_run_are_as_old_as_the_scenario_says() -> None:
    """Connections of 54 to 66 s are 2 to 12 s old when the server is Ready, and the first of three ends 42 to
    64 s later. After 52 s in the scenario, they are 54 to 64 s old: some have just ended, others soon do.
    """
    young = by_its_own(P, steps(3, 4), 1, 0.0, 100, 0)
    assert 42 < young.min() < young.max() < 65

    old = by_its_own(P, steps(3, 4, at=52), 1, 0.0, 100, 0)
    assert old.min() < 10
    assert np.median(old) < np.median(young) - 20


def test_how_long_before_the_load_they_begin_counts_as_well() -> None:
    later, sooner = (by_its_own(P, steps(3, 4), 1, lead, 100, 0) for lead in (0.0, 7.0))

    assert 6 < np.median(later) - np.median(sooner) < 8
    assert later.max() - later.min() > PHASES  # the phases are spread


def test_clients_that_have_run_for_long_are_at_any_phase() -> None:
    """The first of three connections, of 0 to 66 s left each: a quarter of the age in the mean."""
    found = by_settled(P, 3, 4, 1, 200, 0)

    assert 10 < found.mean() < 22
    assert found.min() < 5


def test_what_is_too_slow_too_often_is_not_gone_on_with() -> None:
    found = by_its_own(P, steps(3, 4), 1, 0.0, 5, 0)

    assert np.isinf(found).all()


def test_only_what_comes_before_the_last_new_server_counts() -> None:
    assert until_the_last_scale_up(steps(3, 5, 2, 4, 1)) == steps(3, 5, 2, 4)
    assert scale_ups(steps(3, 5, 2, 4, 1)) == [(3, 5), (2, 4)]
    assert [removes(steps(3, 5, 6)), removes(steps(3, 2))] == [False, True]
