from dataclasses import replace

import numpy as np
from lbstudy.measures.codes import NAMES
from lbstudy.measures.ledger import ledger
from lbstudy.observation.records import DnsLookup, Forwarded, ForwardedCount, Lane
from lbstudy.observation.tallies import ServerTally
from lbstudy.result.model import Entry

from tests.measures.lanes import Rpc, lane, pod, rpcs, tally, update


def lookup(at: float, qtype: str = "A") -> DnsLookup:
    return DnsLookup(at, "greeter.lbstudy.svc.cluster.local", qtype, "NOERROR", frozenset(), "127.0.0.1:4000")


# Ten RPCs: six answered by a, three by b, one by nobody.
LANE = lane(
    end=40,
    pods=[pod("a"), pod("b")],
    rpcs=[*rpcs(range(6), "a"), *rpcs(range(6, 9), "b"), Rpc(9, None, code="UNAVAILABLE")],
    served=[("a", "OK")] * 6 + [("b", "OK")] * 3,
    client_tallies=[tally({"OK": 9, "UNAVAILABLE": 1}, {"a": 6, "b": 3}, not_sent=2)],
    server_tallies=[ServerTally("a", {"OK": 6}), ServerTally("b", {"OK": 3})],
    updates=[update(1.0, "ab"), update(20.0, "ab")],
    lookups=[lookup(0.995), lookup(0.996, "AAAA"), lookup(19.995)],
)


def entry(of: Lane, name: str) -> Entry:
    (found,) = (entry for entry in ledger(of).entries if entry.name == name)
    return found


def counts(of: Entry) -> tuple[int, int, bool]:
    return of.left_count, of.right_count, of.closes


def test_a_ledger_that_closes() -> None:
    found = ledger(LANE)
    assert found.closes
    assert {entry.name: (entry.left_count, entry.right_count) for entry in found.entries} == {
        "RPCs scheduled": (12, 12),
        "RPCs ended": (10, 10),
        "RPC spans": (10, 10),
        "code OK": (9, 9),
        "code UNAVAILABLE": (1, 1),
        "answers by server": (9, 9),
        "RPCs by server": (9, 9),
        "answers": (9, 9),
        "resolver updates": (2, 2),
    }
    assert all(entry.referee for entry in found.entries)
    assert [entry.note for entry in found.entries] == [""] * 9


def test_an_rpc_that_was_neither_sent_nor_given_up() -> None:
    lost = replace(LANE.client_tallies[0], scheduled=13)
    assert counts(entry(replace(LANE, client_tallies=(lost,)), "RPCs scheduled")) == (13, 12, False)


def test_an_rpc_that_never_ended() -> None:
    lost = replace(LANE.client_tallies[0], sent=11)
    assert counts(entry(replace(LANE, client_tallies=(lost,)), "RPCs ended")) == (11, 10, False)


def test_a_span_that_was_lost() -> None:
    wants = tally({"OK": 10, "UNAVAILABLE": 1}, {"a": 6, "b": 4})
    lossy = replace(LANE, client_tallies=(wants,))
    assert not ledger(lossy).closes
    assert counts(entry(lossy, "RPC spans")) == (10, 11, False)
    assert counts(entry(lossy, "code OK")) == (9, 10, False)
    assert counts(entry(lossy, "code UNAVAILABLE")) == (1, 1, True)
    assert entry(lossy, "answers by server").note == "b: 3 against 4"


def test_a_code_that_only_one_side_saw() -> None:
    wants = tally({"OK": 9, "CANCELLED": 1}, {"a": 6, "b": 3})
    found = replace(LANE, client_tallies=(wants,))
    assert counts(entry(found, "code UNAVAILABLE")) == (1, 0, False)
    assert counts(entry(found, "code CANCELLED")) == (0, 1, False)


def test_the_right_sum_with_the_wrong_servers_does_not_close() -> None:
    swapped = tally({"OK": 9, "UNAVAILABLE": 1}, {"a": 5, "b": 4})
    found = entry(replace(LANE, client_tallies=(swapped,)), "answers by server")
    assert counts(found) == (9, 9, False)
    assert found.note == "a: 6 against 5; b: 3 against 4"


def test_a_client_that_cannot_name_servers_leaves_that_entry_out() -> None:
    """As the study's client does, when it calls a method whose answers it does not understand."""
    counted = tally({"OK": 9, "UNAVAILABLE": 1}, {}, not_sent=2)
    ours = replace(LANE, client_tallies=(counted,))
    assert counts(entry(ours, "answers by server")) == (9, 0, False)  # whose answers do have names
    nameless = ledger(replace(ours, known=replace(LANE.known, servers_instrumented=False)))
    assert nameless.closes
    assert "answers by server" not in [entry.name for entry in nameless.entries]
    assert [(part.name, part.why) for part in nameless.not_counted] == [
        ("answers by server", "the client program counts no names of servers")
    ]


def test_a_server_whose_spans_were_lost() -> None:
    told = (ServerTally("a", {"OK": 6}), ServerTally("b", {"OK": 5}))
    found = entry(replace(LANE, server_tallies=told), "RPCs by server")
    assert counts(found) == (9, 11, False)


def test_a_killed_server_is_left_out_and_said_to_be() -> None:
    killed = replace(LANE, server_tallies=(ServerTally("a", {"OK": 6}), ServerTally("b", None)))
    assert ledger(killed).closes
    found = entry(killed, "RPCs by server")
    assert counts(found) == (6, 6, True)
    assert found.note == "without b, which ended before it wrote its counts"
    assert counts(entry(killed, "answers")) == (6, 6, True)
    assert entry(killed, "answers").note == ""  # said once


def test_a_server_may_answer_what_a_client_has_given_up_but_no_more_than_that() -> None:
    # One RPC failed: a may have answered one more than the clients got, but not two more.
    one = replace(LANE, server_tallies=(ServerTally("a", {"OK": 7}), ServerTally("b", {"OK": 3})))
    assert counts(entry(one, "answers")) == (10, 9, True)
    assert entry(one, "answers").note == "1 answers came after the client had given up"
    two = replace(LANE, server_tallies=(ServerTally("a", {"OK": 8}), ServerTally("b", {"OK": 3})))
    assert counts(entry(two, "answers")) == (11, 9, False)


def test_a_server_may_answer_an_attempt_that_the_client_gave_up_to_make_another() -> None:
    # As a process that was stopped does, when it goes on: the RPC has been answered elsewhere.
    served = LANE.served
    late = len(served) - 1
    after = replace(
        served,
        code=np.append(served.code, NAMES.index("DEADLINE_EXCEEDED")),
        server=np.append(served.server, served.server[late]),
        started=np.append(served.started, 0.0),
        ended=np.append(served.ended, 0.0),
        superseded=np.append(served.superseded, True),
    )
    tallies = (ServerTally("a", {"OK": 7}), ServerTally("b", {"OK": 4}))
    assert counts(entry(replace(LANE, served=after, server_tallies=tallies), "answers")) == (11, 9, True)
    last = replace(after, superseded=np.zeros(len(after), dtype=np.bool_))
    assert counts(entry(replace(LANE, served=last, server_tallies=tallies), "answers")) == (11, 9, False)


def test_a_server_cannot_have_answered_less_than_the_clients_got() -> None:
    fewer = replace(LANE, server_tallies=(ServerTally("a", {"OK": 7}), ServerTally("b", {"OK": 2})))
    found = entry(fewer, "answers")
    assert counts(found) == (9, 9, False)
    assert found.note == "fewer than the clients got: b"


def test_a_resolution_that_was_not_seen_and_one_that_was_made_up() -> None:
    unseen = replace(LANE, lookups=(*LANE.lookups, lookup(30.0)))
    assert counts(entry(unseen, "resolver updates")) == (2, 3, False)
    assert entry(unseen, "resolver updates").note == "1 lookups belong to no update"
    made_up = replace(LANE, lookups=LANE.lookups[:1])
    assert counts(entry(made_up, "resolver updates")) == (2, 1, False)
    assert entry(made_up, "resolver updates").note == "1 updates have no lookup"


def test_a_resolution_that_was_under_way_when_the_client_ended_is_said() -> None:
    under_way = replace(LANE, lookups=(*LANE.lookups, lookup(39.999)))
    assert counts(entry(under_way, "resolver updates")) == (2, 2, True)
    assert entry(under_way, "resolver updates").note == (
        "1 lookups were under way when the clients closed their channels"
    )


def test_one_of_each_does_not_even_out() -> None:
    both = replace(LANE, lookups=(lookup(0.995), lookup(30.0)))
    assert counts(entry(both, "resolver updates")) == (2, 2, False)


def test_without_the_client_programs_count_the_ledger_stays_open() -> None:
    found = ledger(replace(LANE, client_tallies=()))
    assert not found.closes
    assert found.entries[0].note == "the client program ended before it wrote how many it had sent"


def test_without_a_log_of_the_dns_server_there_is_no_such_entry() -> None:
    found = ledger(replace(LANE, lookups=()))
    assert found.closes
    assert "resolver updates" not in [entry.name for entry in found.entries]


def test_what_was_sent_to_a_collector() -> None:
    sent = Forwarded(ForwardedCount(30, 30, {}), ForwardedCount(20, 20, {}))
    found = replace(LANE, forwarded=sent)
    assert counts(entry(found, "spans to the Collector")) == (30, 30, True)
    assert counts(entry(found, "metric points to the Collector")) == (20, 20, True)
    assert ledger(found).closes
    assert "spans to the Collector" not in {entry.name for entry in ledger(LANE).entries}


def test_what_did_not_reach_the_collector_is_told_by_cause_and_leaves_the_ledger_open() -> None:
    lost = {"queue full": 3, "unavailable at the end": 4, "refused: INTERNAL": 0}
    found = replace(LANE, forwarded=Forwarded(ForwardedCount(30, 23, lost), ForwardedCount(20, 20, {})))
    of = entry(found, "spans to the Collector")
    assert counts(of) == (23, 30, False)
    assert of.note == "3 lost: queue full; 4 lost: unavailable at the end"
    assert of.concerns == "copy"
    assert not ledger(found).closes


def test_what_was_never_offered_to_the_collector_leaves_the_ledger_open_too() -> None:
    found = replace(LANE, forwarded=Forwarded(ForwardedCount(30, 29, {}), ForwardedCount(20, 20, {})))
    assert counts(entry(found, "spans to the Collector")) == (29, 30, False)
