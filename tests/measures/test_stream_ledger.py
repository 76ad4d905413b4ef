"""The ledger of messages: what closes it, and what must not."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from lbstudy.measures.ledger import ledger
from lbstudy.observation.records import Lane
from lbstudy.observation.tallies import ServerTally, StreamTally
from lbstudy.result.model import Entry

from tests.measures.lanes import Rpc, lane, pod, tally

MESSAGES = ["messages read", "messages to the servers", "messages to the clients", "messages given"]


def entries(made: Lane) -> dict[str, Entry]:
    return {entry.name: entry for entry in ledger(made).entries if entry.name in MESSAGES}


def made(
    *,
    failed: int = 0,
    sent: int = 30,
    whole: Mapping[str, int] | None = None,
    read: Mapping[str, int] | None = None,
    servers: Mapping[str, tuple[int, int] | None] | None = None,  # received, sent
    metric: Mapping[str, int] | None = None,
    given: Mapping[str, int] | None = None,
) -> Lane:
    """By default 10 messages each way on a, 20 on b, and everybody says so."""
    whole = {"a": 10, "b": 20} if whole is None else whole
    read = {"a": 10, "b": 20} if read is None else read
    streams = StreamTally(2, failed, sent, dict(whole), dict(read), dict(read))
    counts = {"a": (10, 10), "b": (20, 20)} if servers is None else servers
    return lane(
        end=10,
        pods=[pod("a"), pod("b")],
        rpcs=[Rpc(1, "a", stream="bidi"), Rpc(2, "b", stream="bidi")],
        client_tallies=[replace(tally({"OK": 2}, {"a": 1, "b": 1}), streams=streams)],
        server_tallies=[
            ServerTally(name, {"OK": 1}, {"received": both[0], "sent": both[1]} if both else None)
            for name, both in counts.items()
        ],
        delivered=[(5.0, name, count) for name, count in (read if metric is None else metric).items()],
        given={name: both[1] for name, both in counts.items() if both} if given is None else given,
    )


def test_everybody_agrees() -> None:
    found = entries(made())

    assert list(found) == MESSAGES
    assert all(entry.closes and not entry.note for entry in found.values())
    assert {(entry.left_count, entry.right_count) for entry in found.values()} == {(30, 30)}


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("messages read", {"metric": {"a": 11, "b": 19}}),
        ("messages given", {"given": {"a": 9, "b": 20}}),
        ("messages to the servers", {"servers": {"a": (9, 10), "b": (20, 20)}}),  # one lost, no stream failed
        ("messages to the servers", {"servers": {"a": (11, 10), "b": (20, 20)}}),  # one made up
        ("messages to the clients", {"servers": {"a": (10, 11), "b": (20, 20)}}),  # one lost
        ("messages to the clients", {"servers": {"a": (10, 9), "b": (20, 21)}}),  # read, and never sent
    ],
)
def test_one_message_too_few_or_too_many_opens_one_entry(what: str, changes: dict[str, object]) -> None:
    found = entries(made(**changes))  # type: ignore[arg-type]  # the parameters of ``made``

    assert [name for name, entry in found.items() if not entry.closes] == [what]


def test_what_was_on_streams_that_were_cut_may_be_lost_on_the_way() -> None:
    """a's stream was cut: of 12 messages sent on it 10 arrived, and of 10 answers 7."""
    found = entries(
        made(
            failed=1, sent=32, whole={"b": 20}, read={"a": 7, "b": 20}, servers={"a": (10, 10), "b": (20, 20)}
        )
    )

    assert all(entry.closes for entry in found.values())
    assert found["messages to the servers"].note.startswith("2 on streams that were cut")
    assert found["messages to the clients"].note.startswith("3 on streams that were cut")


def test_a_stream_that_ended_well_excuses_nothing() -> None:
    """a's stream was cut, and b's was not: b has one message less than went over it."""
    found = entries(
        made(
            failed=1, sent=32, whole={"b": 20}, read={"a": 7, "b": 20}, servers={"a": (10, 10), "b": (19, 20)}
        )
    )

    assert not found["messages to the servers"].closes
    assert "fewer than went over streams that ended with OK: b" in found["messages to the servers"].note


def test_a_server_that_could_not_tell_is_named() -> None:
    found = entries(made(servers={"a": (10, 10), "b": None}, given={"a": 10}, metric={"a": 10, "b": 20}))

    assert all(entry.closes for entry in found.values())
    assert "without b, which ended before it wrote its counts" in found["messages to the servers"].note


def test_a_client_that_knows_no_pods() -> None:
    """As the caller: sums are held against each other."""
    found = entries(made(whole={"": 30}, read={"": 30}, metric={"a": 10, "b": 20}))

    assert found["messages read"].closes
    assert found["messages to the clients"].closes
    assert not entries(made(whole={"": 30}, read={"": 29}, metric={"a": 10, "b": 20}))["messages read"].closes


def test_no_streams_no_entries() -> None:
    assert entries(lane(end=10, pods=[pod("a")], client_tallies=[tally({}, {})])) == {}
