"""Who felt a fault, worked out by hand; and readiness that comes and goes."""

import numpy as np
import pytest
from lbstudy.measures.faults import faults
from lbstudy.measures.ledger import ledger
from lbstudy.measures.readiness import is_ready_at, is_ready_throughout, mean_ready, ready_spans, ready_steps
from lbstudy.measures.timeline import events
from lbstudy.observation.records import FaultPeriod, Interruption, ServerTally
from lbstudy.result.model import Ready

from tests.measures.lanes import Rpc, lane, pod, rpcs, tally

PODS = [pod("a"), pod("b"), pod("c")]


def test_rpcs_due_meanwhile_by_who_answered_them() -> None:
    sent = [
        Rpc(9.9, "a", took=9),  # due before
        *rpcs([10, 11, 12, 13], "a", took=0.5),
        Rpc(14, "a", took=2.5, code="UNAVAILABLE"),
        *rpcs([10.5, 11.5, 12.5], "b", took=0.01),
        Rpc(13.5, "c", took=0.03, sent=13.52),  # 20 ms late: 50 ms from when it was due
        Rpc(14.5, None, took=1, code="DEADLINE_EXCEEDED"),
        Rpc(20, "a", took=9),  # due when it was lifted
    ]
    (found,) = faults(lane(end=30, pods=PODS, rpcs=sent, faults=[FaultPeriod("latency", "a", 10, 20)]))
    assert (found.label, found.start, found.end, found.servers) == ("latency", 10, 20, ["a"])
    troubled, untouched, unanswered = found.troubled, found.untouched, found.unanswered
    assert (troubled.servers, troubled.requests, troubled.failed) == (1, 5, 1)
    assert [troubled.p50, troubled.p99] == pytest.approx([0.5, 2.5])
    assert (untouched.servers, untouched.requests, untouched.failed) == (2, 4, 0)
    assert [untouched.p50, untouched.p99] == pytest.approx([0.01, 0.05])
    assert (unanswered.servers, unanswered.requests, unanswered.failed) == (0, 1, 1)


def test_a_fault_lasts_from_its_first_beginning_to_its_last_end() -> None:
    periods = [
        FaultPeriod("stop", "a", 10, 12),
        FaultPeriod("dns-silent", None, 11, 13),
        FaultPeriod("stop", "b", 10.5, None),  # not lifted: to the load's end
        FaultPeriod("late", "c", 31, 32),  # after it
    ]
    stop, silent = faults(lane(end=30, pods=PODS, rpcs=rpcs([12, 12.5], "c"), faults=periods))
    assert (stop.label, stop.start, stop.end, stop.servers) == ("stop", 10, 30, ["a", "b"])
    assert (stop.troubled.requests, stop.troubled.p50, stop.untouched.requests) == (0, None, 2)
    assert (silent.label, silent.servers, silent.untouched.requests) == ("dns-silent", [], 2)


def test_faults_and_interruptions_are_events() -> None:
    away = Interruption(10, unpublished=10.5, ready=15, published=15.5)
    found = events(
        lane(
            end=30,
            pods=[pod("a", interruptions=[away])],
            faults=[FaultPeriod("flap", "a", 9, 16), FaultPeriod("dns-late", None, 20)],
        )
    )
    assert [(event.at, event.kind, event.server) for event in found if event.at > 0] == [
        (9, "fault", "a"),
        (10, "unready", "a"),
        (10.5, "unpublished", "a"),
        (15, "ready", "a"),
        (15.5, "published", "a"),
        (16, "lifted", "a"),
        (20, "fault", None),
    ]


AWAY = [Interruption(10, ready=20), Interruption(30)]


def test_a_pod_is_not_ready_while_it_is_interrupted() -> None:
    found = pod("a", interruptions=AWAY, terminating=40)
    assert ready_spans(found) == [(-4, 10), (20, 30)]
    assert is_ready_throughout(found, -4, 10)
    assert is_ready_throughout(found, 20, 30)
    assert not is_ready_throughout(found, 5, 25)
    assert not is_ready_throughout(found, 30, 35)
    at = np.array([-5.0, 0, 10, 19, 20, 29.9, 30, 41])
    assert is_ready_at(found, at).tolist() == [False, True, False, False, True, True, False, False]


def test_what_ends_while_it_is_interrupted_is_not_ready_again() -> None:
    assert ready_spans(pod("a", interruptions=[Interruption(10, ready=20)], terminating=15)) == [(-4, 10)]
    assert ready_spans(pod("a", interruptions=[Interruption(10)])) == [(-4, 10)]


def test_ready_servers_over_time() -> None:
    found = lane(end=40, pods=[pod("a", interruptions=AWAY), pod("b")])
    assert ready_steps(found) == [
        Ready(at=-4, servers=2),
        Ready(at=10, servers=1),
        Ready(at=20, servers=2),
        Ready(at=30, servers=1),
    ]
    edges = np.array([0.0, 10, 15, 25, 40])
    assert mean_ready(found, edges).tolist() == [2, 1, 1.5, pytest.approx((5 * 2 + 10 * 1) / 15)]


@pytest.mark.parametrize(
    ("served", "counted", "closes"),
    [
        ([("a", "OK")] * 2 + [("a", "CANCELLED")], 2, True),
        # It had slept through the deadline, and had its answer ready.
        ([("a", "OK")] * 2 + [("a", "CANCELLED")], 3, True),
        ([("a", "OK")] * 2 + [("a", "DEADLINE_EXCEEDED")], 3, True),
        ([("a", "OK")] * 2 + [("a", "CANCELLED")], 4, False),
        ([("a", "OK")] * 2 + [("a", "UNAVAILABLE")], 3, False),
        ([("a", "OK")] * 2 + [("b", "CANCELLED")], 3, False),
        ([("a", "OK")] * 3, 2, False),
    ],
)
def test_an_answer_that_nobody_waited_for_is_counted_by_its_server(
    served: list[tuple[str, str]], counted: int, *, closes: bool
) -> None:
    found = ledger(
        lane(
            end=10,
            pods=PODS[:2],
            served=served,
            client_tallies=[tally({"OK": 2, "DEADLINE_EXCEEDED": 1}, {"a": 2})],
            server_tallies=[ServerTally("a", {"OK": counted}), ServerTally("b", {})],
        )
    )
    (entry,) = (entry for entry in found.entries if entry.name == "RPCs by server")
    assert entry.closes is closes
    assert ("answers were ready" in entry.note) is (closes and counted == 3)
