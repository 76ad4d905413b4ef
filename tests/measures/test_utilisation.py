import pytest
from lbstudy.measures.utilisation import MOST_SAMPLES, utilisation

from tests.measures.lanes import lane, pod, sample

# a is Ready from −4 s to 3.5 s; the load lasts from 0 to 4 s.
#  at          −1    1    2    3    4     5
#  cpu          –  0.2  0.4  0.6  0.1   9.0     mean under load: (0.2 + 0.4 + 0.6 + 0.1) ÷ 4 = 0.325
#  memory      10   20   40   30   30    50     largest: 50
#  age        9.0  0.0  1.5  0.5  3.0   8.0     largest under load: 3.0; Ready under load: 0.0, 1.5, 0.5
LANE = lane(
    end=4,
    pods=[pod("a", terminating=3.5), pod("b")],
    usage=[
        sample(-1, "a", memory=10, age=9.0),
        sample(1, "a", cpu=0.2, memory=20, age=0.0),
        sample(2, "a", cpu=0.4, memory=40, age=1.5),
        sample(3, "a", cpu=0.6, memory=30, age=0.5),
        sample(4, "a", cpu=0.1, memory=30, age=3.0),
        sample(5, "a", cpu=9.0, memory=50, age=8.0),
    ],
)


def test_a_hand_worked_example() -> None:
    a, b = utilisation(LANE).servers
    assert a.cpu_mean == pytest.approx(0.325)
    assert a.memory_max == 50
    assert a.inactivity_max == 3.0  # also after it was told to stop, as long as the load lasts
    assert a.idle_share == pytest.approx(1 / 3)  # one of three samples is over 1 s
    assert (b.server, b.at, b.cpu_mean, b.idle_share) == ("b", [], None, None)


def test_all_samples_are_shown_and_what_is_unknown_says_so() -> None:
    a = utilisation(LANE).servers[0]
    assert a.at == [-1, 1, 2, 3, 4, 5]
    assert a.cpu == [None, 0.2, 0.4, 0.6, 0.1, 9.0]


def test_a_server_that_was_never_ready_has_no_idle_share() -> None:
    found = utilisation(lane(end=4, pods=[pod("a", ready=None)], usage=[sample(1, "a", age=2.0)]))
    assert (found.servers[0].idle_share, found.servers[0].inactivity_max) == (None, 2.0)


def test_of_a_long_run_every_second_sample_is_shown_and_all_count() -> None:
    samples = [sample(i, "a", cpu=float(i % 2), age=0.0) for i in range(2 * MOST_SAMPLES)]
    found = utilisation(lane(end=1e6, pods=[pod("a")], usage=samples)).servers[0]
    assert (len(found.at), found.at[1]) == (MOST_SAMPLES, 2)
    assert found.cpu_mean == pytest.approx(0.5)  # of the samples shown it would be 0
