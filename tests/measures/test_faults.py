"""Who felt a fault, worked out by hand; and readiness that comes and goes."""

import numpy as np
import pytest
from lbstudy.measures.faults import faults
from lbstudy.measures.ledger import ledger
from lbstudy.measures.readiness import is_ready_at, is_ready_throughout, mean_ready, ready_spans, ready_steps
from lbstudy.measures.timeline import events
from lbstudy.observation.records import FaultPeriod, Interruption
from lbstudy.observation.tallies import ServerTally
from lbstudy.result.model import Ready

from tests.measures.lanes import Rpc, lane, pod, rpcs, tally

PODS = [pod("a"), pod("b"), pod("c")]


def test_rpcs_due_meanwhile_by_who_answered_them() -> None:
    sent = [
        Rpc(9.8, "a", took=0.1),  # ended before
        Rpc(9.9, "c", took=0.2, code="UNAVAILABLE"),  # under way when it began
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
    assert (untouched.servers, untouched.requests, untouched.failed) == (2, 5, 1)
    assert [untouched.p50, untouched.p99] == pytest.approx([0.01, 0.2])
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


def test_before_are_the_rpcs_since_the_moment_before_that_had_ended() -> None:
    sent = [
        Rpc(3, "b", took=7.5),  # due before the command at 4 s, and under way
        Rpc(3.5, "b", took=0.3),  # due before the command at 4 s
        *rpcs([5, 6, 7, 8], "b", took=0.05),
        Rpc(9, "a", took=0.4),
        Rpc(12, "a", took=0.7),
    ]
    (found,) = faults(
        lane(
            end=30,
            pods=PODS,
            commands=[(-5, 2), (4, 3)],
            rpcs=sent,
            faults=[FaultPeriod("stop", "a", 10, 20)],
        )
    )
    assert found.before is not None
    assert found.during is not None
    assert (found.before.requests, found.during.requests) == (5, 2)
    assert [found.before.p99, found.during.p99] == pytest.approx([0.4, 7.5])


def test_a_fault_that_ends_as_it_begins_is_watched_for_five_seconds() -> None:
    sent = [Rpc(9.99, None, took=0.02, code="UNAVAILABLE"), *rpcs([14.9], "b"), *rpcs([15.1], "b")]
    (found,) = faults(lane(end=30, pods=PODS, rpcs=sent, faults=[FaultPeriod("kill", "a", 10, 10)]))
    assert (found.start, found.end, found.watched_until, found.share) == (10, 10, 15, None)
    assert found.during is not None
    assert (found.during.requests, found.during.failed) == (2, 1)


def shares(sent: list[Rpc], *served: tuple[float, str]) -> tuple[float | None, float | None]:
    """Of a fault on a, from 10 to 20 s: its share in the second half, and before."""
    made = lane(
        end=30,
        pods=PODS,
        rpcs=sent,
        served=[(server, "OK") for _, server in served],
        faults=[FaultPeriod("stop", "a", 10, 20)],
    )
    made.served.started[:] = [at for at, _ in served]
    (found,) = faults(made)
    return found.share, found.share_before


def test_the_share_of_the_servers_in_trouble_is_of_the_second_half() -> None:
    # Before: 2 of 4 by a. 10 to 15 s: all by a, which does not count. 15 to 20 s: 1 of 4.
    sent = [*rpcs([1, 2, 12, 13, 16], "a"), *rpcs([3, 4, 17, 18, 19, 21], "b")]
    assert shares(sent) == (0.25, 0.5)


def test_requests_that_nobody_answers_count_for_the_servers_in_trouble() -> None:
    sent = [*rpcs([16, 17], "b"), *rpcs([18, 19], None, took=1, code="DEADLINE_EXCEEDED")]
    assert shares(sent) == (0.5, None)


def test_there_is_no_share_of_requests_that_no_server_got() -> None:
    sent = rpcs([1, 2, 16, 17], None, took=1, code="DEADLINE_EXCEEDED")
    assert shares(sent) == (None, None)
    assert shares([*rpcs([1], "a"), *sent]) == (None, 1.0)


def test_attempts_that_a_retry_hides_from_the_client_are_seen_by_the_server() -> None:
    # Both RPCs were answered by b in the end; a had an attempt of each.
    sent = rpcs([16, 17], "b")
    assert shares(sent, (16, "a"), (16.1, "b"), (17, "a"), (17.1, "b")) == (0.5, None)


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
