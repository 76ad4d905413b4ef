"""Single RPCs out of the spans of both sides: one row each, whichever came first."""

import pytest
from lbstudy.observation.known import Observer
from lbstudy.observation.records import NO_SERVER, UNKNOWN_SERVER, RpcTable
from lbstudy.watch.calls import OTHERS, RecentRpcs
from lbstudy.watch.evidence import RpcSeen

from tests.watch.recorded import of_client, of_server

PODS = {"a": 0, "b": 1, "10.0.0.1": 0}


def kept(*calls: RpcSeen, most: int = 1_000) -> RecentRpcs:
    found = RecentRpcs(most)
    for call in calls:
        server = UNKNOWN_SERVER if call.pod is None else PODS[call.pod]
        found.add(call, server, 1 if call.is_client else OTHERS)
    return found


def rows(calls: RecentRpcs) -> list[tuple[float, int, int, int]]:
    table: RpcTable = calls.table(0.0, 10_000.0)[0]
    return [
        (float(at), int(code), int(server), int(client))
        for at, code, server, client in zip(table.sent, table.code, table.server, table.client, strict=True)
    ]


@pytest.mark.parametrize("is_client_first", [True, False])
def test_the_spans_of_both_sides_are_one_rpc(is_client_first: bool) -> None:
    spans = [of_client("checkout-1", None, 5.0, "k"), of_server("b", 5.1, "k")]
    calls = kept(*(spans if is_client_first else reversed(spans)))
    assert rows(calls) == [(5.0, 0, 1, 1)]
    assert calls.by() == {Observer.JOINED: 1}
    assert calls.served().code.tolist() == [0]


def test_a_client_without_telemetry_is_told_by_the_server_alone() -> None:
    calls = kept(of_server("b", 5.0))
    assert rows(calls) == [(5.0, 0, 1, OTHERS)]
    assert calls.by() == {Observer.SERVER_SPANS: 1}


def test_what_a_client_gave_up_was_not_answered_though_it_arrived() -> None:
    calls = kept(of_client("checkout-1", None, 5.0, "k", code=4), of_server("b", 5.1, "k", code=0))
    assert rows(calls) == [(5.0, 4, NO_SERVER, 1)]


def test_an_address_alone_is_no_answer_where_the_client_makes_the_error() -> None:
    calls = kept(of_client("checkout-1", "10.0.0.1", 5.0), of_client("checkout-1", "10.0.0.1", 6.0, code=14))
    assert rows(calls) == [(5.0, 0, 0, 1), (6.0, 14, UNKNOWN_SERVER, 1)]


def test_a_failure_that_names_nobody_is_nobodys_where_servers_tell() -> None:
    calls = kept(of_client("checkout-1", "a", 5.0), of_client("checkout-1", None, 6.0, code=14))
    assert rows(calls) == [(5.0, 0, 0, 1), (6.0, 14, NO_SERVER, 1)]


def test_the_oldest_are_dropped_and_it_is_told_until_when() -> None:
    calls = kept(*(of_server("a", float(at)) for at in range(66_600)), most=1_000)
    assert len(calls) < 1_100
    assert calls.complete_since == 65_535.0
    table, _ = calls.table(calls.complete_since, 1e9)
    assert float(table.sent[0]) == 1.0
