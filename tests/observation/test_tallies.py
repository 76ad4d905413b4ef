from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lbstudy.observation.tallies import ClientTally, ServerTally, StreamTally, flat, read_tally

CLIENT = ClientTally(
    "c", 3, 2, 1, {"OK": 2}, {"ü": 2}, 3.0, 2.0, 0.1, 0.2, 0.3, StreamTally(1, 0, 2, {}, {}, {})
)
counts = st.dictionaries(st.text(max_size=5), st.integers(0, 2**53), max_size=3)


def test_flat_is_a_number_or_a_text_a_field() -> None:
    assert list(flat(CLIENT).items()) == [
        ("client", "c"),
        ("scheduled", 3),
        ("sent", 2),
        ("not_sent", 1),
        ("by_code", '{"OK":2}'),
        ("by_server", '{"ü":2}'),
        ("offered_rate", 3.0),
        ("achieved_rate", 2.0),
        ("lateness_p50", 0.1),
        ("lateness_p99", 0.2),
        ("lateness_max", 0.3),
        ("streams", '{"count":1,"failed":0,"sent":2,"sent_whole":{},"received":{},"received_whole":{}}'),
    ]
    assert flat(ServerTally("s", None)) == {"server": "s", "by_code": None, "messages": None}


@given(st.builds(ServerTally, st.text(max_size=5), st.none() | counts, st.none() | counts), counts, counts)
def test_what_is_read_is_what_was_flat(
    server: ServerTally, by_code: dict[str, int], read: dict[str, int]
) -> None:
    assert read_tally(ServerTally, flat(server)) == server
    client = replace(CLIENT, by_code=by_code, streams=StreamTally(1, 1, 1, {}, read, by_code))
    assert read_tally(ClientTally, flat(client)) == client


def test_what_an_earlier_version_did_not_write_is_none_and_what_a_later_one_adds_is_passed_over() -> None:
    earlier = {name: value for name, value in flat(CLIENT).items() if name != "streams"}
    assert read_tally(ClientTally, {**earlier, "setting": "stock"}) == replace(CLIENT, streams=None)
    assert read_tally(ServerTally, {"server": "s", "by_code": '{"OK":1}'}) == ServerTally("s", {"OK": 1})


def test_a_number_that_came_as_text_is_a_number() -> None:  # as in the JSON of OTLP
    assert read_tally(ClientTally, flat(CLIENT) | {"sent": "2"}) == CLIENT


@pytest.mark.parametrize(
    ("spoiled", "message"),
    [
        ({"sent": None}, "ClientTally, sent: Input should be a valid integer"),
        ({"by_code": '{"OK": "many"}'}, "ClientTally, by_code.OK: Input should be a valid integer"),
        ({"streams": "{}"}, "ClientTally, streams.count: Field required"),
        ({"by_code": "{"}, "Expecting property name"),
    ],
)
def test_what_is_no_tally_is_one_line(spoiled: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        read_tally(ClientTally, {**flat(CLIENT), **spoiled})
    assert "\n" not in str(raised.value)
