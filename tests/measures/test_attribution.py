"""Where the seconds went: examples worked out by hand; for any observations the parts sum to the whole."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lbstudy.measures.adaptability import adaptability
from lbstudy.observation.records import Lane, SpanRef, Transition
from lbstudy.result.model import WaitedFor

from tests.measures.lanes import Rpc, address, lane, pod, rpcs, update

W = WaitedFor
REF = SpanRef("c" * 32, "c" * 16)


def moved(server: str, subchannel: int, *states: tuple[float, str], client: int = 0) -> list[Transition]:
    """A subchannel's states."""
    return [Transition(client, subchannel, address(server), state, at, REF) for at, state in states]


def waits(found: Lane, client: int = 0) -> list[tuple[WaitedFor, float, bool]]:
    """What the client waited for until the only added server answered: what, how long, open."""
    (added,) = adaptability(found).added
    return [(w.what, round(w.end - w.start, 3), w.open) for w in added.clients[client].waits]


def grown(**others: object) -> Lane:
    """a and b run from before the load on; c is commanded at 20 s, Ready at 22 s, in DNS at 22.5 s."""
    fields: dict[str, object] = {
        "end": 80,
        "commands": [(-5, 2), (20, 3)],
        "pods": [pod("a"), pod("b"), pod("c", commanded=20, ready=22, published=22.5)],
        **others,
    }
    return lane(**fields)  # type: ignore[arg-type]  # lane's own arguments


def ordered(*transitions: Sequence[Transition]) -> list[Transition]:
    return sorted((t for each in transitions for t in each), key=lambda t: t.at)


def test_a_connection_that_ends_makes_the_client_look_once_the_minimum_interval_has_passed() -> None:
    # The last resolution before was at 15 s (its minimum interval: 15 s). b's connection ends at 28 s, so the
    # client looks at 30 s, not sooner; c connects from 30.01 to 30.03 and is picked at 30.1.
    found = grown(
        updates=[update(-1, "ab"), update(15, "ab"), update(30.01, "abc", started=30.0)],
        transitions=ordered(
            moved("a", 1, (-0.9, "ready")),
            moved("b", 2, (-0.9, "ready"), (28.0, "idle"), (28.001, "connecting"), (28.002, "ready")),
            moved("c", 3, (30.01, "created"), (30.012, "connecting"), (30.03, "ready")),
        ),
        rpcs=[*rpcs([30.05], "a"), Rpc(30.1, "c", took=0.02)],
    )
    assert waits(found) == [
        (W.READY, 2.0, False),  # 20 → 22
        (W.DNS, 0.5, False),  # → 22.5
        (W.TRIGGER, 5.5, False),  # → 28, b's loss
        (W.MINIMUM_INTERVAL, 2.0, False),  # → 30
        (W.RESOLUTION, 0.01, False),
        (W.POLICY, 0.002, False),
        (W.CONNECT, 0.018, False),
        (W.TURN, 0.07, False),  # → 30.1
        (W.FIRST_RPC, 0.02, False),
    ]


def test_a_client_that_nothing_makes_look_waits_for_a_trigger_and_the_last_part_is_open() -> None:
    found = grown(updates=[update(-1, "ab")], transitions=moved("a", 1, (-0.9, "ready")))
    assert waits(found) == [(W.READY, 2.0, False), (W.DNS, 0.5, False), (W.TRIGGER, 57.5, True)]


def test_a_loss_of_before_the_server_was_there_counts_from_then_on() -> None:
    # a's connection broke at 10 s, the interval since the resolution at 5 s ends at 35 s.
    found = grown(
        updates=[update(5, "ab"), update(35.02, "abc", started=35.0)],
        transitions=moved("a", 1, (0, "ready"), (10, "idle"), (10.01, "connecting"), (10.02, "ready")),
        rpcs=[Rpc(36, "c")],
    )
    assert waits(found)[2:4] == [(W.MINIMUM_INTERVAL, 12.5, False), (W.RESOLUTION, 0.02, False)]


def test_a_loss_while_a_resolution_is_under_way_is_no_trigger_unless_it_lasts() -> None:
    mended = moved("a", 1, (0, "ready"), (24.02, "idle"), (24.03, "connecting"), (24.04, "ready"))
    lasting = moved("a", 1, (0, "ready"), (24.02, "idle"), (24.03, "connecting"), (24.2, "ready"))
    looks = [update(5, "ab"), update(24.1, "", started=24.0, outcome="changed"), update(30, "abc")]
    first, second = (
        waits(grown(updates=looks, transitions=found, rpcs=[Rpc(30.5, "c")])) for found in (mended, lasting)
    )
    # Both: in DNS as late as the answer without it, at 24.1; then until the next look at 29.99.
    assert first[1:3] == [(W.DNS, 2.1, False), (W.TRIGGER, 5.89, False)]
    assert second[1:3] == [(W.DNS, 2.1, False), (W.MINIMUM_INTERVAL, 5.89, False)]


def test_a_subchannel_that_the_address_list_dropped_is_no_trigger() -> None:
    gone = moved("b", 2, (0, "ready"), (25, "idle"), (25.001, "removed"))
    assert waits(grown(updates=[update(5, "ab")], transitions=gone))[-1] == (W.TRIGGER, 57.5, True)


def test_stale_answers_of_dns_count_as_propagation_and_answers_after_the_watching_do_not() -> None:
    pods = [pod("a"), pod("c", commanded=20, ready=22, published=22.5, removal_commanded=50, terminating=50)]
    looks = [update(-1, "a"), update(30, "a", outcome="unchanged"), update(52, "a", outcome="unchanged")]
    found = lane(end=80, commands=[(-5, 1), (20, 2), (50, 1)], pods=pods, updates=looks)
    assert waits(found) == [(W.READY, 2.0, False), (W.DNS, 8.0, False), (W.TRIGGER, 20.0, True)]


def test_an_answer_that_was_asked_for_before_is_not_out_of_date_but_held_back() -> None:
    """Asked at 22.2 s, before the server was in DNS; a lost family held the answer back until 34 s."""
    found = grown(
        updates=[
            update(5, "ab"),
            update(34, "ab", started=22.2, outcome="unchanged", missing=("AAAA",)),
            update(46, "abc", started=34, missing=("AAAA",)),
        ],
        transitions=moved("a", 1, (0, "ready"), (22.1, "idle"), (22.2, "transient_failure"), (60, "ready")),
        rpcs=[Rpc(46.5, "c")],
    )
    assert waits(found)[1:3] == [(W.DNS, 0.5, False), (W.RESOLUTION, 23.5, False)]


def test_a_failed_resolution_makes_the_client_wait_for_its_back_off() -> None:
    found = grown(
        updates=[
            update(5, "ab"),
            update(24, "", started=23, outcome="timeout"),
            update(26, "abc", started=25),
        ],
        transitions=moved("a", 1, (0, "ready"), (23, "idle"), (23.01, "connecting"), (23.02, "ready")),
        rpcs=[Rpc(26.5, "c")],
    )
    assert waits(found)[1:6] == [
        (W.DNS, 0.5, False),
        (W.TRIGGER, 0.5, False),  # 22.5 → 23
        (W.RESOLUTION, 1.0, False),
        (W.RESOLVER_BACKOFF, 1.0, False),
        (W.RESOLUTION, 1.0, False),
    ]


def test_an_address_that_does_not_connect_yet() -> None:
    found = grown(
        updates=[update(25, "abc")],
        transitions=moved(
            "c", 3, (25, "connecting"), (25.5, "transient_failure"), (26.5, "connecting"), (26.6, "ready")
        ),
        rpcs=[Rpc(26.7, "c", took=0.1)],
    )
    assert waits(found)[-5:] == [
        (W.CONNECT, 0.5, False),
        (W.CONNECTION_BACKOFF, 1.0, False),
        (W.CONNECT, 0.1, False),
        (W.TURN, 0.1, False),
        (W.FIRST_RPC, 0.1, False),
    ]


def test_a_policy_that_does_not_connect() -> None:
    """As pick_first, which holds on to the server that it has."""
    found = grown(updates=[update(25, "abc")], transitions=moved("c", 3, (25, "created"), (25, "idle")))
    assert waits(found)[-1] == (W.POLICY, 55.0, True)


def test_a_connected_server_that_is_passed_over_is_held_back() -> None:
    # Three READY connections from 25 s on, a pick each second: c's turn comes within three picks, but it is
    # not picked before 33 s. Of the picks at 25.5, 26.5, …, 32.5 the last three are its turn: from 30.5 on.
    ready = [moved(name, i, (25 if name == "c" else 0, "ready")) for i, name in enumerate("abc")]
    found = grown(
        updates=[update(25, "abc")],
        transitions=ordered(*ready),
        rpcs=[*rpcs([25.5 + i for i in range(8)], "a"), Rpc(33, "c", took=0.5)],
    )
    assert waits(found)[-3:] == [
        (W.HEALTH_CHECK, 5.5, False),
        (W.TURN, 2.5, False),
        (W.FIRST_RPC, 0.5, False),
    ]


def test_a_server_whose_first_answers_are_errors_and_that_is_ejected_for_them() -> None:
    # Picked and failed at 26 and 27 s, then passed over until it is picked again at 37 s: of the ten picks in
    # between the last three would have been its turn.
    ready = [moved(name, i, (25 if name == "c" else 0, "ready")) for i, name in enumerate("abc")]
    found = grown(
        updates=[update(25, "abc")],
        transitions=ordered(*ready),
        rpcs=[
            *(Rpc(at, "c", code="UNAVAILABLE") for at in (26, 27)),
            *rpcs([27.5 + i for i in range(9)], "a"),
            Rpc(37, "c", took=0.5),
        ],
    )
    assert waits(found)[-5:] == [
        (W.TURN, 1.0, False),
        (W.FAILING, 1.0, False),
        (W.EJECTION, 6.5, False),  # 27 → 33.5, the third last pick
        (W.FAILING, 3.5, False),
        (W.FIRST_RPC, 0.5, False),
    ]


def test_a_client_that_is_told_without_dns() -> None:
    found = grown(
        transitions=moved("c", 3, (22.1, "created"), (22.1, "connecting"), (22.11, "ready")),
        rpcs=[Rpc(22.2, "c")],
    )
    assert waits(found) == [
        (W.READY, 2.0, False),
        (W.PUSH, 0.1, False),
        (W.CONNECT, 0.01, False),
        (W.TURN, 0.09, False),
        (W.FIRST_RPC, 0.02, False),
    ]


def test_a_server_that_never_came_into_dns() -> None:
    pods = [pod("a"), pod("c", commanded=20, ready=22)]
    found = lane(end=80, commands=[(-5, 1), (20, 2)], pods=pods, updates=[update(-1, "a")])
    assert waits(found)[-1] == (W.DNS, 58.0, True)


def test_the_summary_is_the_mean_from_ready_on_and_counts_what_is_open() -> None:
    # client-0: 0.5 s DNS, 7.5 s no trigger (22.5 → 30), then at once; client-1: 0.5 s DNS, 57.5 s, open.
    found = adaptability(
        grown(
            clients=2,
            updates=[update(-1, "ab", 0), update(-1, "ab", 1), update(30, "abc", 0, started=30)],
            rpcs=[Rpc(30, "c", took=0.5)],
        )
    ).waits
    assert found is not None
    assert (found.count, found.open) == (2, 1)
    assert [(part.what, part.mean, part.open) for part in found.parts] == [
        (W.DNS, 0.5, 0),
        (W.TRIGGER, (7.5 + 57.5) / 2, 1),
        (W.FIRST_RPC, 0.25, 0),
    ]
    assert found.mean == (8.5 + 58) / 2


def test_a_dead_connection_that_an_answer_removed_is_no_trigger_after_it() -> None:
    """As `evict` under stock had it: "33.6 s minimum interval", where gRPC's is 30 s."""
    # b died at 21 s; the look at 25 s brings a list without it, and it is removed 3 ms after the answer.
    found = grown(
        updates=[update(-1, "ab"), update(25.01, "a", started=25.0)],
        transitions=ordered(
            moved("a", 1, (-0.9, "ready")),
            moved("b", 2, (-0.9, "ready"), (21.0, "transient_failure"), (25.013, "removed")),
        ),
    )
    assert waits(found)[-1] == (W.TRIGGER, 54.99, True)


def test_a_loss_after_which_nobody_looked_in_time_is_no_trigger() -> None:
    # a's connection breaks at 26 s; were it a trigger, gRPC would have looked at 29.01 + 30 s.
    found = grown(
        updates=[update(29.02, "ab", started=29.01)],
        transitions=moved("a", 1, (0, "ready"), (26, "transient_failure"), (60, "connecting"), (79, "ready")),
    )
    assert waits(found)[-1] == (W.TRIGGER, 50.98, True)


def test_the_minimum_interval_is_that_of_the_setting() -> None:
    found = grown(
        updates=[update(20.01, "ab", started=20), update(60.02, "abc", started=60)],
        transitions=moved("a", 1, (0, "ready"), (24, "idle"), (24.01, "connecting"), (24.02, "ready")),
        rpcs=[Rpc(61, "c")],
    )
    stock, slower = (
        waits(found if interval is None else replace(found, resolution_interval=interval))
        for interval in (None, 40.0)
    )
    assert stock[2:4] == [(W.TRIGGER, 37.5, False), (W.RESOLUTION, 0.02, False)]
    assert slower[2:5] == [
        (W.TRIGGER, 1.5, False),
        (W.MINIMUM_INTERVAL, 36.0, False),
        (W.RESOLUTION, 0.02, False),
    ]


def test_without_an_added_server_there_is_nothing_to_tell() -> None:
    assert adaptability(lane(end=80, pods=[pod("a")])).waits is None


# --- for any observations ---------------------------------------------------------------------------

STATES = ("created", "idle", "connecting", "ready", "transient_failure", "removed")
INSTANTS = st.floats(-5, 90, allow_nan=False)


@st.composite
def lanes(draw: st.DrawFn) -> Lane:
    """Anything that observers could say, in any order, consistent or not."""
    clients = draw(st.integers(1, 2))
    which = st.integers(0, clients - 1)
    ready = draw(st.floats(20, 79))
    updates = draw(
        st.lists(
            st.builds(
                lambda ended, took, servers, client, outcome: update(
                    ended, servers, client, outcome, started=ended - took
                ),
                INSTANTS,
                st.floats(0, 5),
                st.sampled_from(["", "a", "b", "ab", "abc"]),
                which,
                st.sampled_from(["changed", "unchanged", "timeout", "servfail"]),
            ),
            max_size=8,
        )
    )
    transitions = draw(
        st.lists(
            st.builds(
                lambda client, server, state, at: Transition(
                    client, ord(server), address(server), state, at, REF
                ),
                which,
                st.sampled_from("abc"),
                st.sampled_from(STATES),
                INSTANTS,
            ),
            max_size=20,
        )
    )
    calls = draw(
        st.lists(
            st.builds(
                lambda at, server, took, code, client: Rpc(at, server, took=took, code=code, client=client),
                st.floats(0, 80),
                st.sampled_from(["a", "b", "c", None]),
                st.floats(0, 6),
                st.sampled_from(["OK", "UNAVAILABLE"]),
                which,
            ),
            max_size=20,
        )
    )
    published = draw(st.none() | st.floats(19, 90))
    removed = draw(st.none() | st.floats(20, 80))
    return lane(
        end=80,
        commands=[(-5, 2), (20, 3)],
        pods=[
            pod("a"),
            pod("b"),
            pod("c", commanded=20, ready=ready, published=published, removal_commanded=removed),
        ],
        clients=clients,
        updates=updates,
        transitions=sorted(transitions, key=lambda t: t.at),
        rpcs=calls,
    )


@settings(max_examples=300)
@given(found=lanes(), interval=st.sampled_from([1.0, 5.0, 30.0]))
def test_no_cause_exceeds_what_grpcs_rules_allow(found: Lane, interval: float) -> None:
    found = replace(found, resolution_interval=interval)
    (added,) = adaptability(found).added
    for client, view in enumerate(added.clients):
        looks = [update for update in found.updates if update.client == client]
        for wait in view.waits:
            if wait.what is W.MINIMUM_INTERVAL:
                before = [one for one in looks if one.ended <= wait.start]
                assert wait.end - wait.start <= interval + 0.05
                if before:
                    assert wait.end <= before[-1].started + interval + 0.05 + 1e-9
            if wait.what is W.RESOLVER_BACKOFF:
                assert wait.end - wait.start <= 144


@settings(max_examples=300)
@given(found=lanes())
def test_the_parts_have_no_gap_and_sum_to_the_whole(found: Lane) -> None:
    measured = adaptability(found)
    (added,) = measured.added
    for view in added.clients:
        assert added.ready is not None
        assert view.discovery is not None
        first = next(stage.at for stage in view.stages if stage.name == "first RPC")
        end = added.watched_until if first is None else first
        if end <= added.command:
            assert view.waits == []
            continue
        assert (view.waits[0].start, view.waits[-1].end) == (added.command, end)
        assert all(one.end == following.start for one, following in pairwise(view.waits))
        assert all(wait.end > wait.start for wait in view.waits)
        assert [wait.open for wait in view.waits] == [False] * (len(view.waits) - 1) + [first is None]
        told = math.fsum(max(w.end - max(w.start, added.ready), 0) for w in view.waits)
        whole = view.discovery.seconds if first is not None else view.discovery.censored_after
        assert told == pytest.approx(whole, abs=1e-9)
    if measured.waits is not None:
        wholes = [d.seconds if d.seconds is not None else d.censored_after for d in
                  (view.discovery for view in added.clients) if d is not None]  # fmt: skip
        assert measured.waits.mean == pytest.approx(math.fsum(w or 0 for w in wholes) / len(wholes), abs=1e-9)
