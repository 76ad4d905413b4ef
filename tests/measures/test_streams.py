"""Streams by hand: holding times, lengths, messages, and that other measures leave them out."""

import pytest
from lbstudy.measures.adaptability import adaptability
from lbstudy.measures.latency import latency
from lbstudy.measures.phases import phases
from lbstudy.measures.relief import is_in_time
from lbstudy.measures.streams import streams
from lbstudy.measures.timeline import timeline
from lbstudy.observation.records import Lane
from lbstudy.observation.tallies import ServerTally
from lbstudy.result.model import Delay, Streams

from tests.measures.lanes import Rpc, connected, lane, pod, rpcs, update


def stream(sent: float, server: str | None, took: float, **others: object) -> Rpc:
    return Rpc(sent, server, took, stream="bidi", **{"first": sent + 0.1, **others})  # type: ignore[arg-type]


def found(made: Lane) -> Streams:
    result = streams(made, phases(made))
    assert result is not None
    return result


def test_a_lane_without_streams_has_no_such_part() -> None:
    made = lane(end=10, pods=[pod("a")], rpcs=rpcs([1, 2], "a"))

    assert streams(made, phases(made)) is None


def test_holding_times_with_servers_that_go() -> None:
    """b goes at 10 s. Open then: on b one until 13 (3 s), one until 16 (6 s, cut); on a another one."""
    made = lane(
        end=20,
        pods=[pod("a"), pod("b", removal_commanded=10.0, terminating=10.1)],
        commands=[(-5.0, 2), (10.0, 1)],
        rpcs=[
            stream(1, "b", 2),  # over before
            stream(5, "b", 8),
            stream(6, "b", 10, code="UNAVAILABLE"),
            stream(7, "a", 5),
            stream(11, "a", 5),  # begun after
        ],
    )
    result = found(made)

    (change,) = result.changes
    assert (change.label, change.of, change.streams, change.cut) == ("2 → 1 servers", "servers that go", 2, 1)
    assert change.holding.median == Delay(seconds=3.0)
    assert change.holding.largest == Delay(seconds=6.0)
    assert result.held == change.holding
    assert result.stayed.count == 0
    assert (result.count, result.cut, result.by_code) == (5, 1, {"OK": 4, "UNAVAILABLE": 1})


def test_a_stream_is_cut_though_its_server_stays_by_whatever_no_command_did() -> None:
    """b goes at 10 s. Cut: on a; on b before, and after; of nobody knows whom. One on a ends with OK."""
    made = lane(
        end=20,
        pods=[pod("a"), pod("b", removal_commanded=10.0, terminating=10.1)],
        commands=[(-5.0, 2), (10.0, 1)],
        rpcs=[
            stream(1, "a", 14, code="UNAVAILABLE"),
            stream(2, "b", 6, code="UNAVAILABLE"),
            stream(3, "b", 9, code="UNAVAILABLE"),
            stream(4, None, 9, code="UNAVAILABLE", first=None),
            stream(5, "a", 9),
        ],
    )
    result = found(made)

    assert (result.cut, result.cut_staying) == (4, 2)


def test_what_stays_at_a_scale_up_and_outlives_the_load() -> None:
    """One server, two from 10 s on. Open then on a: until 14 (4 s), and beyond the load (> 10 s)."""
    made = lane(
        end=20,
        pods=[pod("a"), pod("b", commanded=10.0, ready=11.0)],
        commands=[(-5.0, 1), (10.0, 2)],
        rpcs=[stream(2, "a", 12), stream(3, "a", 17.001)],
    )
    result = found(made)

    (change,) = result.changes
    assert (change.of, change.streams) == ("servers that stay", 2)
    assert change.holding.median == Delay(seconds=4.0)
    assert change.holding.largest == Delay(censored_after=10.0)
    assert result.held.count == 0
    assert result.length.median == Delay(seconds=12.0)
    assert (result.length.count, result.length.censored) == (2, 1)


def test_a_stream_of_nobody_knows_whom_is_counted_and_in_no_holding_time() -> None:
    made = lane(
        end=20,
        pods=[pod("a", removal_commanded=10.0)],
        commands=[(-5.0, 1), (10.0, 0)],
        rpcs=[stream(2, None, 12, code="UNAVAILABLE", first=None)],
    )
    result = found(made)

    assert (result.unknown, result.changes[0].streams) == (1, 0)


def test_the_spread_by_messages_is_of_the_exports_of_the_settled_half() -> None:
    """Of one phase, 0 to 10 s: the exports at 6 and 10 s count, 30 of a and 10 of b; that at 5 s does not."""
    made = lane(
        end=10,
        pods=[pod("a"), pod("b")],
        rpcs=[stream(1, "a", 5), stream(1.5, "b", 5)],
        delivered=[(5.0, "b", 100), (6.0, "a", 20), (10.0, "a", 10), (10.0, "b", 10), (11.0, "b", 7)],
        server_tallies=[ServerTally("a", {"OK": 1}, {"received": 31, "sent": 30}), ServerTally("b", None)],
    )
    result = found(made)

    (phase,) = result.phases
    assert phase.requests == 40
    assert [share.requests for share in phase.servers] == [30, 10]
    assert phase.largest_deviation == pytest.approx(0.5)
    a, b = result.servers
    assert (a.streams, a.received, a.sent, a.delivered) == (1, 31, 30, 30)
    assert (b.streams, b.received, b.sent, b.delivered) == (1, None, None, 117)


def test_messages_of_clients_alone_have_no_course() -> None:
    result = found(lane(end=10, pods=[pod("a")], rpcs=[stream(1, "a", 5)]))

    assert result.phases == []
    assert result.messages_not_observed is not None
    assert result.servers[0].delivered is None


def test_latency_is_of_rpcs_that_are_no_streams() -> None:
    late = Rpc(1, "a", 5, sent=1.5, stream="bidi")
    made = lane(end=10, pods=[pod("a")], rpcs=[*rpcs([1, 2, 3], "a"), late])
    result = latency(made)

    assert result.all.count == result.servers[0].requests == 3
    assert result.all.largest == pytest.approx(0.02)
    assert result.lateness_max == pytest.approx(0.5)
    assert result.servers[0].p99 == pytest.approx(0.02)
    assert max(value or 0 for value in timeline(made).latency_p99) == pytest.approx(0.02)


def test_a_stream_is_late_for_nobody() -> None:
    cut = stream(1, "a", 5, code="UNAVAILABLE")
    made = lane(end=10, pods=[pod("a")], rpcs=[Rpc(0, "a", 5), stream(0.5, "a", 5), cut, Rpc(2, "a", 0.1)])

    assert is_in_time(made, 0.5).tolist() == [False, True, False, True]


def test_a_stream_is_answered_with_its_first_message() -> None:
    """b, Ready at 5 s: its stream is sent at 7 s, brings its first message at 7.5 s, and is cut at 9 s."""
    made = lane(
        end=10,
        pods=[pod("a"), pod("b", commanded=4.0, ready=5.0)],
        commands=[(-5.0, 1), (4.0, 2)],
        updates=[update(-4, "a"), update(6.0, "ab")],
        transitions=[connected(6.5, "b")],
        rpcs=[stream(7, "b", 2, first=7.5, code="UNAVAILABLE")],
    )

    assert adaptability(made).discovery.median == Delay(seconds=2.5)
    assert timeline(made).requests["b"][7] == 1.0
    assert timeline(made).errors[9] == 1.0
