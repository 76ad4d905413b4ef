"""The order of states that one millisecond of channelz holds."""

from itertools import permutations

from lbstudy.observation.records import SpanRef, Transition
from lbstudy.observation.transitions import in_order

REF = SpanRef("c" * 32, "c" * 16)


def states(*entered: tuple[float, str], subchannel: int = 1) -> list[Transition]:
    return [Transition(0, subchannel, "10.0.0.1:50051", state, at, REF) for at, state in entered]


def test_states_of_one_stamp_come_in_the_order_that_grpc_allows() -> None:
    for shuffled in permutations(states((5, "created"), (5, "connecting"), (5, "ready"))):
        assert [one.state for one in in_order(shuffled)] == ["created", "connecting", "ready"]


def test_what_the_state_before_was_decides() -> None:
    before = states((1, "created"), (1, "connecting"), (1, "ready"))
    for shuffled in permutations(states((9, "connecting"), (9, "idle"), (9, "ready"))):
        assert [one.state for one in in_order([*before, *shuffled])][3:] == ["idle", "connecting", "ready"]


def test_stamps_that_contradict_the_order_by_less_than_a_reading_may_shift_them_are_put_right() -> None:
    found = in_order(states((5.0, "ready"), (5.0001, "connecting"), (5.0002, "created")))
    assert [(one.at, one.state) for one in found] == [
        (5.0, "created"),
        (5.0001, "connecting"),
        (5.0002, "ready"),
    ]


def test_stamps_a_millisecond_apart_are_left_as_they_are() -> None:
    found = in_order(states((5.0, "ready"), (5.001, "connecting")))
    assert [one.state for one in found] == ["ready", "connecting"]


def test_the_subchannels_are_merged_by_their_stamps() -> None:
    one, other = states((1, "created"), (3, "connecting")), states((2, "created"), subchannel=2)
    assert [(t.at, t.subchannel) for t in in_order([*one, *other])] == [(1, 1), (2, 2), (3, 1)]
