"""Scaling: mean against hottest, time to relief, waste; each worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from lbstudy.measures.busyness import busyness
from lbstudy.measures.commanded import commanded
from lbstudy.measures.ledger import ledger
from lbstudy.measures.relief import busier, later, relief
from lbstudy.measures.scaling import scaling
from lbstudy.measures.waste import pod_seconds, wasted
from lbstudy.observation.known import Known, Unseen
from lbstudy.observation.records import Interruption, Lane, ScalingAims, ScalingDecision
from lbstudy.result.build import setting_result
from lbstudy.result.scaled import scaling_point
from lbstudy.result.source import SettingInfo

from tests.measures.lanes import lane, pod, rpcs

AIMS = ScalingAims(target=0.6, tolerance=0.1, latency=0.5)


def test_mean_and_hottest_are_of_the_servers_that_were_ready() -> None:
    found = busyness(
        lane(
            end=4,
            pods=[pod("a"), pod("b"), pod("c", ready=2.0)],
            busy=[
                (0.5, "a", 1.0), (0.5, "b", 0.5),
                (1.1, "a", 0.8), (1.2, "b", 0.0), (1.3, "c", 0.9),  # c is not Ready yet
                (2.1, "a", 1.0), (2.9, "a", 0.5), (2.2, "b", 0.0), (2.3, "c", 0.0),  # a twice: 0.75
                (4.5, "a", 1.0), (-1.0, "a", 1.0), (0.1, "a", math.nan),
            ],
        )
    )  # fmt: skip
    assert found.mean.tolist()[:3] == pytest.approx([0.75, 0.4, 0.25])
    assert found.hottest.tolist()[:3] == pytest.approx([1.0, 0.8, 0.75])
    assert np.isnan(found.mean[3])
    assert np.isnan(found.hottest[3])
    assert np.isnan(busyness(lane(end=2, pods=[pod("a")])).mean).all()


def test_a_breach_and_a_relief_take_3_seconds_in_a_row() -> None:
    #                        0  1  2  3  4  5  6  7  8  9 10 11
    missed = np.array([0.0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0])
    found = relief(missed, 0.5, watched_until=12)
    assert (found.breach, found.missed) == (4.0, 6.0)
    assert found.relief is not None
    assert found.relief.seconds == 5.0  # from 4 to 9: one good second at 7 was none


def test_a_relief_that_does_not_come_is_censored_where_the_load_falls_or_ends() -> None:
    missed = np.array([0.0, 1, 1, 1, 1, 1, 1, 0, 0, 0])
    for until, expected in ((10, None), (6, 5.0), (7, 6.0)):
        found = relief(missed, 0.5, watched_until=until)
        assert found.relief is not None
        # The load falls at 6 s: that it holds again at 7 s is not the servers' doing.
        assert found.relief.censored_after == expected if until < 7 else found.relief.seconds == 6.0
    short = relief(np.array([1.0, 1, 1, 0, 0]), 0.5, watched_until=5)
    assert short.relief is not None
    assert short.relief.censored_after == 5.0  # two good seconds at the end tell nothing


def test_what_was_not_observed_is_neither_met_nor_missed() -> None:
    nothing = relief(np.full(5, np.nan), 0.5, watched_until=5)
    assert (nothing.breach, nothing.relief, nothing.missed) == (None, None, None)
    gap = relief(np.array([1.0, 1, np.nan, 1, 0]), 0.5, watched_until=5)
    assert (gap.breach, gap.missed) == (None, 3.0)
    never = relief(np.zeros(5), 0.5, watched_until=5)
    assert (never.breach, never.relief, never.missed) == (None, None, 0.0)


def test_a_utilisation_is_met_up_to_the_tolerance() -> None:
    found = busier(np.array([0.6, 0.66, 0.67, 0.0, np.nan]), 0.6, 0.1)
    assert found.tolist()[:4] == [0.0, 0.0, 1.0, 0.0]
    assert np.isnan(found[4])


def test_the_latency_target_holds_while_95_percent_are_in_time() -> None:
    due = [second + n / 20 for second in range(4) for n in range(20)]
    quick = [at for at in due if at not in (1.0, 2.0, 2.5, 3.0)]
    found = later(
        lane(
            end=5,
            pods=[pod("a")],
            rpcs=[
                *rpcs(quick, "a", took=0.4),
                *rpcs([1.0], "a", took=0.6),  # 1 of 20 late: 95 % are in time
                *rpcs([2.0], "a", took=0.6),
                *rpcs([2.5], "a", took=0.1, code="UNAVAILABLE"),  # quick, but no answer
                *rpcs([3.0], "a", took=0.45, sent=3.1),  # 0.55 s after it was due
            ],
        ),
        target=0.5,
    )
    assert found.tolist()[:4] == [0.0, 0.0, 1.0, 0.0]
    assert np.isnan(found[4])  # no RPC was due


def test_pod_seconds_without_traffic() -> None:
    made = lane(
        end=20,
        pods=[
            pod("a"),  # 20 s under load; RPCs at 2 (0.5 s) and 2.2 (1 s) and 10 (2 s)
            pod("b", ready=5.0, terminating=15.0),  # 10 s, none; c: 2 and 8 s, one RPC that lasts over both
            pod("c", ready=6.0, interruptions=[Interruption(8.0, ready=12.0)]),
            pod("d", ready=None),
        ],
        rpcs=[
            *rpcs([2.0], "a", took=0.5), *rpcs([2.2], "a", took=1.0), *rpcs([10.0], "a", took=2.0),
            *rpcs([7.0], "c", took=6.0), *rpcs([7.1], "c", took=0.1),
        ],
    )  # fmt: skip
    assert pod_seconds(made) == pytest.approx(20 + 10 + 10)
    # a: until 2 s: 2; from 4.2 (3.2 and 1 s) to 10: 5.8; from 13 to 20: 7. b: 10.
    # c: from 6 to 7: 1; from 14 (13 and 1 s) to 20: 6.
    assert wasted(made) == pytest.approx(2 + 5.8 + 7 + 10 + 1 + 6)
    unknown = replace(made, known=Known(answers=Unseen("nobody told", "spans")))
    assert wasted(unknown) is None


def hot() -> list[tuple[float, str, float]]:
    """Two hot servers and, from 10 s on, two idle ones."""
    return [
        *((second + 0.5, server, 1.0) for second in range(3, 30) for server in "ab"),
        *((second + 0.5, server, 0.0) for second in range(10, 30) for server in "cd"),
    ]


def test_the_picture_that_the_study_is_about() -> None:
    decided = [
        ScalingDecision(10.0, 2, 4, 4, 1.0, 2, 0, 0),
        ScalingDecision(15.0, 4, 4, 4, 0.5, 4, 0, 0),
        ScalingDecision(20.0, 4, 4, 4, None, 0, 4, 0),
    ]
    made = lane(
        end=30,
        pods=[pod("a"), pod("b"), pod("c", ready=10.0), pod("d", ready=10.0)],
        commands=[(-5, 2), (10, 4)],
        rpcs=[
            *rpcs([s / 10 for s in range(50)], "a", took=0.1),
            *rpcs([5 + s / 10 for s in range(200)], "b", took=0.9),
            *rpcs([25 + s / 10 for s in range(50)], None, took=2.0, code="DEADLINE_EXCEEDED"),
        ],
        busy=hot(),
        decisions=decided,
        aims=replace(AIMS, falls=28.0),
    )
    found = scaling(made)
    assert found is not None
    # The mean is relieved, as the autoscaler sees it; neither the hottest server nor the callers are.
    assert found.mean.breach == 3.0
    assert found.mean.relief is not None
    assert found.mean.relief.seconds == 7.0
    assert (found.mean.missed, found.hottest.missed) == (7.0, 27.0)
    assert found.hottest.relief is not None
    assert found.hottest.relief.censored_after == 25.0
    assert found.latency.relief is not None
    assert (found.latency.breach, found.latency.relief.censored_after) == (5.0, 23.0)
    assert found.meanwhile is not None
    assert (found.meanwhile.requests, found.meanwhile.late, found.meanwhile.failed) == (230, 200, 30)
    assert (found.late, found.failed, found.most) == (200, 50, 4)
    assert [one.utilisation for one in found.decisions] == [1.0, 0.5, None]
    assert scaling_point_of(made) == (
        "the latency target (500 ms) was breached at 5 s and did not hold again in the 23.0 s until the load"
        " fell or ended; meanwhile 30 of 230 RPCs failed and 200 were late; the autoscaler saw 75 % in the"
        " mean, when the hottest server was at 100 % (target 60 %)"
    )


def scaling_point_of(made: Lane) -> str:
    return scaling_point(setting_result(made, SettingInfo("stock", "", {}, (), ())))


@pytest.mark.parametrize(
    ("decided", "commands", "closes"),
    [
        ([(2, 4), (4, 4), (4, 3)], [(-5, 2), (10, 4), (20, 3)], True),
        ([(2, 4), (4, 4), (4, 3)], [(-5, 2), (10, 4)], False),  # one was not done
        ([(2, 4)], [(-5, 2), (10, 5)], False),  # another number
        ([], [(-5, 2)], True),
    ],
)
def test_the_ledger_holds_decisions_against_the_platforms_commands(
    decided: list[tuple[int, int]], commands: list[tuple[float, int]], closes: bool
) -> None:
    made = lane(
        end=30,
        pods=[pod("a"), pod("b")],
        commands=commands,
        busy=[(1.0, "a", 0.5)],
        decisions=[
            ScalingDecision(5.0 * number, current, desired, desired, 0.5, 2, 0, 0)
            for number, (current, desired) in enumerate(decided, start=1)
        ],
        aims=AIMS,
    )
    (entry,) = commanded(made)
    assert (entry.closes, entry.right_count) == (closes, len(commands) - 1)
    assert entry in ledger(made).entries
    assert commanded(replace(made, aims=None)) == []


def test_without_an_autoscaler_there_is_nothing_to_tell() -> None:
    made = lane(end=5, pods=[pod("a")], busy=[(0.5, "a", 1.0)])
    assert scaling(made) is None
    assert scaling_point_of(made) == ""


def test_what_nobody_saw_is_not_observed() -> None:
    blind = Known(latency=Unseen("no spans", "spans"), answers=Unseen("no spans", "spans"))
    found = scaling(lane(end=5, pods=[pod("a")], aims=AIMS, known=blind))
    assert found is not None
    assert found.not_observed is not None
    assert (found.latency.missed, found.failed, found.late, found.wasted, found.meanwhile) == (None,) * 5
    assert found.mean.missed is None
