"""Who answered an RPC, clue by clue; and what the DNS server's log makes of a client that tells nothing."""

import numpy as np
import pytest
from lbstudy.measures.codes import NAMES
from lbstudy.observation.addresses import is_listed, unmapped
from lbstudy.observation.answers import NONE, Clues, who_answered
from lbstudy.observation.asked import updates_of
from lbstudy.observation.known import Observer, Seen, Unseen
from lbstudy.observation.records import NO_SERVER, UNKNOWN_SERVER, DnsLookup
from lbstudy.observation.witness import Evidence, known


def clues(*rows: dict[str, int | str]) -> Clues:
    """One RPC each, of which nothing is told but what a row has."""

    def column(name: str, dtype: type) -> np.ndarray:
        found = [row.get(name, NONE) for row in rows]
        return np.array([NAMES.index(one) if isinstance(one, str) else one for one in found], dtype=dtype)

    return Clues(
        code=column("code", np.int16),
        named=column("named", np.int32),
        joined=column("joined", np.int32),
        joined_code=column("joined_code", np.int16),
        worked=column("worked", np.int32),
        peer=column("peer", np.int32),
        answered=column("answered", np.int8),
    )


@pytest.mark.parametrize(
    ("row", "server"),
    [
        ({"code": "OK", "named": 3, "joined": 2, "joined_code": "OK", "peer": 1}, 3),
        ({"code": "OK", "joined": 2, "joined_code": "OK", "peer": 1}, 2),
        ({"code": "OK", "peer": 1}, 1),
        ({"code": "OK"}, UNKNOWN_SERVER),
        ({"code": "OK", "answered": 0}, UNKNOWN_SERVER),  # by one that did not tell its name
        # The server's span: it counts where the client has that answer.
        ({"code": "NOT_FOUND", "joined": 2, "joined_code": "NOT_FOUND"}, 2),
        ({"code": "UNAVAILABLE", "joined": 2, "joined_code": "UNAVAILABLE"}, 2),
        ({"code": "UNAVAILABLE", "joined": 2, "joined_code": "OK"}, NO_SERVER),  # it broke on the way back
        ({"code": "DEADLINE_EXCEEDED", "joined": 2, "joined_code": "DEADLINE_EXCEEDED"}, NO_SERVER),
        ({"code": "CANCELLED", "joined": 2, "joined_code": "CANCELLED", "peer": 2}, NO_SERVER),
        ({"code": "CANCELLED", "joined": 2, "joined_code": "CANCELLED", "worked": 1}, 1),  # it worked on it
        ({"code": "UNAVAILABLE", "joined": 2, "joined_code": "CANCELLED", "worked": 2}, NO_SERVER),
        # The peer: it counts with what no client makes itself.
        ({"code": "NOT_FOUND", "peer": 1}, 1),
        ({"code": "UNAVAILABLE", "peer": 1}, UNKNOWN_SERVER),
        ({"code": "DEADLINE_EXCEEDED", "peer": 1}, UNKNOWN_SERVER),
        # Our instrumentor says whether any server did.
        ({"code": "UNAVAILABLE", "answered": 0}, NO_SERVER),
        ({"code": "UNAVAILABLE", "answered": 1}, UNKNOWN_SERVER),
    ],
)
def test_one_rpc(row: dict[str, int | str], server: int) -> None:
    assert who_answered(clues(row)).server.tolist() == [server]


def test_where_servers_tell_of_others_silence_is_nobodys() -> None:
    found = who_answered(clues({"code": "OK", "joined": 0, "joined_code": "OK"}, {"code": "UNAVAILABLE"}))
    assert found.server.tolist() == [0, NO_SERVER]
    assert who_answered(clues({"code": "OK", "peer": 0}, {"code": "UNAVAILABLE"})).server.tolist() == [
        0,
        UNKNOWN_SERVER,
    ]


def test_from_whom_it_is_known() -> None:
    told = clues(
        {"code": "OK", "peer": 0}, {"code": "OK", "peer": 1}, {"code": "OK", "named": 1}, {"code": "OK"}
    )
    found = who_answered(told)
    assert (dict(found.by), found.unknown) == ({Observer.PEER: 2, Observer.POD_NAME: 1}, 1)
    part = known(Evidence(False, client_spans=4, answers=found.by, unknown=found.unknown)).answers
    assert part == Seen(
        Observer.PEER,
        "of 1 RPCs by the pod’s name on the client’s RPC span; of 1 RPCs it is not known",
    )


def test_nothing_tells_of_a_client_without_telemetry() -> None:
    nothing = known(Evidence(False))
    parts = (
        nothing.rpcs,
        nothing.latency,
        nothing.answers,
        nothing.updates,
        nothing.connections,
        nothing.codes,
    )
    assert all(isinstance(part, Unseen) for part in parts)


def test_what_our_instrumentor_did_not_tell_is_missing_and_not_unknown() -> None:
    lost = known(Evidence(True, client_tallies=1, lookups=3))
    assert (lost.rpcs, lost.codes) == (Seen(Observer.CLIENT_SPANS), Seen(Observer.CLIENT_SPANS))
    assert lost.instrumented


def lookup(at: float, *addresses: str, authority: str = "", **others: str) -> DnsLookup:
    told = {"name": "orders.lbstudy", "qtype": "A", "rcode": "NOERROR", **others}
    return DnsLookup(at, told["name"], told["qtype"], told["rcode"], frozenset(addresses), "p", authority)


def test_the_dns_servers_answers_as_updates() -> None:
    log = [
        lookup(1, "a", "b"),
        lookup(1.001, qtype="AAAA"),
        lookup(2, "a", "b"),
        lookup(3, rcode="NXDOMAIN"),
        lookup(4, rcode="NONE"),  # a fault: nothing was sent
        lookup(5, rcode="SERVFAIL"),
        lookup(6, "b", "c"),
        lookup(7),
    ]
    found = updates_of(log, {"": 4})
    assert [(one.ended, one.outcome) for one in found] == [
        (1, "changed"), (2, "unchanged"), (3, "nxdomain"), (5, "servfail"), (6, "changed"), (7, "empty"),
    ]  # fmt: skip
    assert {one.client for one in found} == {4}
    assert (found[4].added, found[4].removed) == (frozenset("c"), frozenset("a"))


def test_where_only_aaaa_records_have_addresses_their_answers_are_the_updates() -> None:
    log = [lookup(1), lookup(1, "::ffff:10.0.0.1", qtype="AAAA"), lookup(2), lookup(2, "::1", qtype="AAAA")]
    assert [(one.ended, one.outcome) for one in updates_of(log, {"": 0})] == [(1, "changed"), (2, "changed")]


def test_another_name_of_a_search_list_is_no_update() -> None:
    tried = lookup(1, name="orders.lbstudy.svc.cluster.local", rcode="NXDOMAIN")
    assert [one.outcome for one in updates_of([tried, lookup(1.1, "a")], {"": 0})] == ["changed"]


@pytest.mark.parametrize("listed", ["10.0.0.1", "10.0.0.1:50051", "::ffff:10.0.0.1"])
def test_a_pod_is_listed_by_its_address_in_either_familys_form(listed: str) -> None:
    assert is_listed("10.0.0.1:50051", {listed, "10.0.0.2"})
    assert not is_listed("10.0.0.3:50051", {listed, "10.0.0.2"})


@pytest.mark.parametrize(
    ("ip", "found"),
    [("::ffff:10.0.0.1", "10.0.0.1"), ("::1", "::1"), ("10.0.0.1", "10.0.0.1"), ("::ffff:0", "::ffff:0")],
)
def test_an_ipv4_address_in_ipv6s_form_is_itself(ip: str, found: str) -> None:
    assert unmapped(ip) == found


def test_each_process_by_the_address_that_it_asks() -> None:
    log = [lookup(1, "a", authority="x"), lookup(2, "a", "b", authority="y"), lookup(3, "a", authority="z")]
    found = updates_of(log, {"x": 0, "y": 1})
    assert [(one.client, one.ended, one.outcome) for one in found] == [(0, 1, "changed"), (1, 2, "changed")]
