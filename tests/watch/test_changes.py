"""From pods that come and go to changes: nobody saw the commands."""

from lbstudy.watch.changes import REPLACED, ROLLING, PodChange, changes
from lbstudy.watch.evidence import Evidence, PodGone, PodSeen
from lbstudy.watch.lives import Lives

from tests.watch.recorded import created, ending
from tests.watch.told import BEGAN, gone, ready, unready


def seen(*told: Evidence) -> list[PodChange]:
    lives = Lives(BEGAN)
    for found in (ready("a", 500.0), ready("b", 500.0), *told):
        match found:
            case PodSeen():
                lives.see(found)
            case PodGone():
                lives.gone(found)
    return changes(list(lives), BEGAN)


def test_pods_that_come_at_about_the_same_time_are_one_change() -> None:
    told = seen(created("c", 1_020.0, 1_023.0), created("d", 1_026.0, 1_030.0))
    assert told == [PodChange(BEGAN, 2), PodChange(1_020.0, 4)]


def test_pods_that_come_long_after_each_other_are_two() -> None:
    told = seen(created("c", 1_020.0, 1_023.0), created("d", 1_029.0, 1_030.0))
    assert told == [PodChange(BEGAN, 2), PodChange(1_020.0, 3), PodChange(1_029.0, 4)]


def test_a_pod_that_is_never_ready_does_not_hold_a_change_open() -> None:
    told = seen(created("c", 1_020.0), created("d", 1_200.0, 1_201.0))
    assert [change.at for change in told] == [BEGAN, 1_020.0, 1_200.0]


def test_a_rolling_update_is_one_change_however_long_it_takes() -> None:
    told = seen(
        created("c", 1_020.0, 1_050.0, "t2"),
        ending("a", 1_051.0),
        gone("a", 1_060.0),
        created("d", 1_060.0, 1_090.0, "t2"),
        ending("b", 1_091.0),
        gone("b", 1_100.0),
    )
    assert told == [PodChange(BEGAN, 2), PodChange(1_020.0, 2, ROLLING)]


def test_a_pod_that_takes_the_place_of_another_of_its_template_is_no_update() -> None:
    told = seen(ending("a", 1_020.0), created("c", 1_020.5, 1_022.0), gone("a", 1_023.0))
    assert told == [PodChange(BEGAN, 2), PodChange(1_020.0, 2, REPLACED)]


def test_a_pod_that_is_not_ready_for_a_while_is_no_change() -> None:
    assert seen(unready("a", 1_020.0), ready("a", 1_030.0)) == [PodChange(BEGAN, 2)]
