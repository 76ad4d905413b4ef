import pytest
from lbstudy.measures.adaptability import adaptability
from lbstudy.result.model import Delay, Stage, StageName

from tests.measures.lanes import Rpc, connected, lane, pod, rpcs, update

# a runs from before the load on. c is commanded at 20 s, Ready at 22 s, in DNS at 22.5 s.
# client-0 hears of it at 30 s, connects at 30.01 s, and gets its first answer at 30.12 s.
# client-1 never looks again: watched from 22 s to the load's end at 80 s, in vain.
ADDED = lane(
    end=80,
    commands=[(-5, 1), (20, 2)],
    pods=[
        pod("a"),
        pod("c", commanded=20, created=20.1, started=20.2, ready=22, published=22.5),
    ],
    clients=2,
    updates=[update(-1, "a", 0), update(-1, "a", 1), update(30, "ac", 0), update(40, "ac", 0)],
    transitions=[connected(-1, "a", 0), connected(30.01, "c", 0), connected(50, "c", 0)],
    rpcs=[
        *rpcs([10, 20, 30], "a", client=1),
        Rpc(30.05, "c", took=0.02, code="UNAVAILABLE"),  # an error is no discovery
        Rpc(30.1, "c", took=0.02),
        Rpc(31.0, "c", took=0.02),
    ],
)


def at(stages: list[Stage]) -> dict[StageName, float | None]:
    return {stage.name: stage.at for stage in stages}


def test_an_added_server_as_each_client_saw_it() -> None:
    (added,) = adaptability(ADDED).added
    assert (added.server, added.command, added.ready, added.watched_until) == ("c", 20, 22, 80)
    assert at(added.stages) == {
        StageName.COMMAND: 20,
        StageName.CREATED: 20.1,
        StageName.STARTED: 20.2,
        StageName.READY: 22,
        StageName.PUBLISHED: 22.5,
    }
    first, second = added.clients
    assert at(first.stages) == {StageName.UPDATE: 30, StageName.CONNECTED: 30.01, StageName.FIRST_RPC: 30.12}
    assert first.detect == Delay(seconds=8)  # 30 − 22
    assert first.discovery is not None
    assert first.discovery.seconds is not None
    assert round(first.discovery.seconds, 6) == 8.12  # 30.12 − 22
    assert at(second.stages) == dict.fromkeys((StageName.UPDATE, StageName.CONNECTED, StageName.FIRST_RPC))
    assert (second.detect, second.discovery) == (Delay(censored_after=58), Delay(censored_after=58))


def test_the_first_rpc_is_the_one_that_was_answered_first_not_the_one_that_was_sent_first() -> None:
    # Sent at 30.1 and answered at 32.1; sent at 30.2 and answered at 30.25.
    pods = [pod("a"), pod("b", commanded=20, ready=22)]
    answers = [Rpc(30.1, "b", took=2.0), Rpc(30.2, "b", took=0.05)]
    (added,) = adaptability(lane(end=80, commands=[(-5, 1), (20, 2)], pods=pods, rpcs=answers)).added
    assert added.clients[0].discovery is not None
    assert added.clients[0].discovery.seconds == pytest.approx(8.25)


def test_the_stages_name_their_spans() -> None:
    (added,) = adaptability(ADDED).added
    spans = [stage.link.span_id if stage.link else None for stage in added.clients[0].stages]
    assert spans == [f"{30_000:016x}", "c" * 16, f"{5:016x}"]  # the update at 30 s, …, the fifth RPC row
    assert [stage.link for stage in added.clients[1].stages] == [None, None, None]


def test_the_summary_keeps_the_censored() -> None:
    found = adaptability(ADDED)
    # One of two happened, after 8 s: the median; the other one may have taken longer than 58 s.
    assert (found.detect.count, found.detect.censored) == (2, 1)
    assert found.detect.median == Delay(seconds=8)
    assert found.detect.largest == Delay(censored_after=58)
    assert found.undiscovered == []


def test_a_server_that_no_client_found() -> None:
    found = adaptability(
        lane(
            end=80,
            commands=[(-5, 1), (20, 3)],
            pods=[pod("a"), pod("b", commanded=20, ready=22), pod("c", commanded=20, ready=23)],
            updates=[update(-1, "a")],
            rpcs=rpcs(range(80), "a"),
        )
    )
    assert found.undiscovered == ["b", "c"]
    assert found.discovery.median == Delay(censored_after=58)
    assert [server.fair_share for server in found.added] == [
        Delay(censored_after=58),
        Delay(censored_after=57),
    ]


def test_a_server_is_watched_until_its_removal_is_commanded_or_it_dies() -> None:
    pods = [
        pod("a"),
        pod("b", commanded=20, ready=22, removal_commanded=50, terminating=50),
        pod("c", commanded=20, ready=22, exited=40.0),
    ]
    # Both answer late: after the watching has ended. That is no discovery within the time watched.
    late = [Rpc(51, "b"), Rpc(52, "c")]
    found = adaptability(lane(end=80, commands=[(-5, 1), (20, 3), (50, 2)], pods=pods, rpcs=late))
    assert [(server.watched_until, server.clients[0].discovery) for server in found.added] == [
        (50, Delay(censored_after=28)),
        (40, Delay(censored_after=18)),
    ]
    assert found.undiscovered == ["a"]  # which never answered; b and c did, late


def test_a_server_that_was_never_ready_had_nothing_to_be_discovered() -> None:
    pods = [pod("a"), pod("b", commanded=20, ready=None), pod("c", commanded=20, ready=81)]
    found = adaptability(lane(end=80, commands=[(-5, 1), (20, 3)], pods=pods))
    assert [(server.ready, server.clients, server.fair_share) for server in found.added] == [
        (None, [], None)
    ] * 2
    assert found.discovery.count == 0
    assert found.undiscovered == ["a"]


def test_the_servers_of_the_initial_command_are_not_added() -> None:
    found = adaptability(lane(end=80, commands=[(-5, 2)], pods=[pod("a"), pod("b")]))
    assert (found.added, found.changes) == ([], [])


# b is removed by the command at 50 s: told to stop at 50.1, out of DNS at 50.6, gone at 55.
# client-0 had it in its list, gets an answer at 50.25 and an error, and hears at 60 s that it is gone.
# client-1 had it too and never hears of it. client-2 never had it.
REMOVED = lane(
    end=80,
    commands=[(-5, 2), (50, 1)],
    pods=[pod("a"), pod("b", removal_commanded=50, terminating=50.1, unpublished=50.6, exited=55)],
    clients=3,
    updates=[
        update(-1, "ab", 0),
        update(-1, "ab", 1),
        update(-1, "a", 2),
        update(52, "", 0, outcome="servfail"),  # leaves the list as it was
        update(60, "a", 0),
    ],
    rpcs=[
        *rpcs([10, 20], "b", client=1),
        Rpc(50.2, "b", took=0.05),
        Rpc(50.3, "b", took=0.05, code="CANCELLED"),
        Rpc(49.0, None, took=0.1, code="UNAVAILABLE"),  # before the command: not its doing
        Rpc(51.0, None, took=0.1, code="UNAVAILABLE"),
        Rpc(52.0, "a", took=0.1, code="INTERNAL"),  # names another server
    ],
)


def test_a_removed_server_as_each_client_saw_it_that_had_it() -> None:
    (removed,) = adaptability(REMOVED).removed
    assert (removed.server, removed.command, removed.watched_until) == ("b", 50, 80)
    assert at(removed.stages) == {
        StageName.COMMAND: 50,
        StageName.TERMINATING: 50.1,
        StageName.UNPUBLISHED: 50.6,
        StageName.EXITED: 55,
    }
    assert [view.client for view in removed.clients] == ["client-0", "client-1"]
    first, second = removed.clients
    assert at(first.stages) == {StageName.UPDATE: 60, StageName.LAST_RPC: 50.349999999999994}
    assert (first.detect, first.discovery) == (Delay(seconds=10), None)
    assert at(second.stages) == {StageName.UPDATE: None, StageName.LAST_RPC: 20.02}
    assert second.detect == Delay(censored_after=30)
    assert removed.last_rpc == 50.349999999999994


def test_failed_from_the_command_on_naming_this_server_or_none() -> None:
    found = adaptability(REMOVED)
    assert found.removed[0].failed == 2  # CANCELLED of b, UNAVAILABLE of nobody at 51.1
    assert [(change.before, change.after, change.removed, change.failed) for change in found.changes] == [
        (2, 1, ["b"], 3)  # of the whole change: the INTERNAL of a as well
    ]


def test_changes_name_what_they_brought_and_took() -> None:
    pods = [
        pod("a"),
        pod("b", commanded=20, ready=21),
        pod("c", commanded=20, ready=21, removal_commanded=50, terminating=50),
    ]
    failures = rpcs([19.0, 30.0, 49.9, 55.0, 79.9], None, code="UNAVAILABLE", took=0.2)
    found = adaptability(lane(end=80, commands=[(-5, 1), (20, 3), (50, 2)], pods=pods, rpcs=failures))
    assert [(change.added, change.removed, change.failed) for change in found.changes] == [
        (["b", "c"], [], 1),  # ended at 30.2
        ([], ["c"], 3),  # ended at 50.1, 55.2, and 80.1, after the load
    ]


def test_a_tear_down_after_the_load_is_no_removal() -> None:
    pods = [pod("a", removal_commanded=None, terminating=80.5, exited=81.0)]
    assert adaptability(lane(end=80, pods=pods)).removed == []


def test_updates_are_counted_by_outcome_and_cause() -> None:
    updates = [
        update(1, "a", cause="first"),
        update(2, "a", outcome="unchanged"),
        update(3, "", outcome="timeout"),
    ]
    found = adaptability(lane(end=80, pods=[pod("a")], updates=updates))
    assert found.updates_by_outcome == {"changed": 1, "timeout": 1, "unchanged": 1}
    assert found.updates_by_cause == {"first": 1, "unknown": 2}
