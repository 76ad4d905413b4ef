"""The ledger's entry of the client's own metrics."""

from dataclasses import replace

from lbstudy.measures.ledger import ledger
from lbstudy.result.model import Entry

from tests.measures.lanes import Rpc, lane, pod, rpcs

SEEN = lane(
    end=10,
    pods=[pod("a"), pod("b")],
    rpcs=[*rpcs([1, 2, 3], "a"), *rpcs([4], "b"), Rpc(5, None, code="UNAVAILABLE")],
)
COUNTED = {("a", "OK"): 3, ("b", "OK"): 1, ("", "UNAVAILABLE"): 1}


def entries(metered: dict[tuple[str, str], int] | None) -> list[Entry]:
    return [one for one in ledger(replace(SEEN, metered=metered)).entries if one.name == "RPC metrics"]


def test_without_metrics_there_is_no_entry() -> None:
    assert entries(None) == []


def test_the_same_counts_close() -> None:
    (entry,) = entries(COUNTED)
    assert (entry.left_count, entry.right_count, entry.closes, entry.note) == (5, 5, True, "")


def test_it_closes_only_when_each_server_and_code_agrees() -> None:
    (entry,) = entries({("a", "OK"): 2, ("b", "OK"): 2, ("", "UNAVAILABLE"): 1})
    assert (entry.left_count, entry.right_count, entry.closes) == (5, 5, False)
    assert entry.note == "a OK: 3 against 2; b OK: 1 against 2"


def test_metrics_that_have_none_are_open() -> None:
    (entry,) = entries({})
    assert (entry.left_count, entry.right_count, entry.closes) == (5, 0, False)
    assert "no server UNAVAILABLE: 1 against 0" in entry.note


def test_an_rpc_that_only_its_server_tells_of_has_no_server_in_the_clients_histogram() -> None:
    given_up = lane(end=10, pods=[pod("a")], rpcs=[Rpc(1, "a", code="DEADLINE_EXCEEDED", told=False)])
    counted = replace(given_up, metered={("", "DEADLINE_EXCEEDED"): 1})
    (entry,) = [one for one in ledger(counted).entries if one.name == "RPC metrics"]
    assert entry.closes
