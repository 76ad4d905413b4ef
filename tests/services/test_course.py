"""A load that changes: the rate's integral, its inverse, and the schedule that follows from it."""

import math
from itertools import pairwise

import pytest
from greeter.client.course import Course, RatePoint
from greeter.client.schedule import Schedule
from hypothesis import given
from hypothesis import strategies as st


@st.composite
def courses(draw: st.DrawFn) -> Course:
    at, points = 0.0, [RatePoint(0.0, draw(st.floats(0.5, 50)))]
    for _ in range(draw(st.integers(0, 5))):
        at += draw(st.sampled_from([0.0, 0.25, 1.0, 3.5]))
        points.append(RatePoint(at, draw(st.one_of(st.just(0.0), st.floats(0.1, 50)))))
    return Course(points)


def test_a_step_and_a_ramp_by_hand() -> None:
    # 10/s for 2 s: 20. Then 30/s for 1 s: 30 more. Then down to 10/s within 2 s: 2 × 20 = 40 more. Then 10/s.
    course = Course.parse("0:10,2:10,2:30,3:30,5:10")
    assert [course.rpcs(at) for at in (0, 1, 2, 2.5, 3, 4, 5, 6)] == [0, 10, 20, 35, 50, 75, 90, 100]
    assert [course.instant(rpcs) for rpcs in (0, 10, 20, 35, 50, 75, 90, 100)] == [0, 1, 2, 2.5, 3, 4, 5, 6]


def test_while_the_rate_is_0_nothing_is_due() -> None:
    course = Course.parse("0:10,1:10,1:0,4:0,4:10")
    due = [one.at for one in Schedule(1, 1, 5, 7, course)]
    assert len(due) == 20
    assert not [at for at in due if 1 < at < 4]
    assert Course.parse("0:10,1:10,1:0").instant(11) == math.inf


@given(course=courses(), share=st.floats(0, 1))
def test_the_instant_is_the_integrals_inverse(course: Course, share: float) -> None:
    rpcs = share * course.rpcs(20.0)
    at = course.instant(rpcs)
    assert course.rpcs(at) == pytest.approx(rpcs, abs=1e-6)
    assert course.rpcs(max(0.0, at - 1e-3)) <= rpcs + 1e-6


@given(course=courses(), clients=st.integers(1, 5), duration=st.floats(0.1, 12), seed=st.integers())
def test_every_rpc_is_due_once_in_order_as_many_as_the_integral_says(
    course: Course, clients: int, duration: float, seed: int
) -> None:
    schedule = Schedule(clients, 1.0, duration, seed, course)
    due = list(schedule)
    assert len(due) == len(schedule) == pytest.approx(clients * course.rpcs(duration), abs=clients)
    assert all(earlier.at <= later.at for earlier, later in pairwise(due))
    assert all(0 <= one.at <= duration + 1e-6 for one in due)
    for one in due:
        # The client's k-th RPC is due when its rate has made k and its phase.
        assert course.rpcs(one.at) == pytest.approx(one.number + schedule.phases()[one.client], abs=1e-6)


@given(rate=st.floats(0.1, 500), duration=st.floats(0.1, 3), seed=st.integers())
def test_a_course_that_never_changes_is_the_constant_rate(rate: float, duration: float, seed: int) -> None:
    constant, course = (
        Schedule(2, rate, duration, seed),
        Schedule(2, rate, duration, seed, Course([RatePoint(0, rate)])),
    )
    assert [one.at for one in course] == pytest.approx([one.at for one in constant])


@given(course=courses())
def test_what_is_written_is_read_again(course: Course) -> None:
    assert str(Course.parse(str(course))) == str(course)


@pytest.mark.parametrize("text", ["", "1:2", "0:1,2:1,1:1", "0:-1", "0:nan", "0:1,inf:2", "0", "0:x"])
def test_what_is_no_course_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Course.parse(text)
