from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from lbstudy.measures.lookups import TOLERANCE, Match, match_lookups
from lbstudy.observation.records import DnsLookup, Update

from tests.measures.lanes import update


def lookups(*at: float) -> list[DnsLookup]:
    return [DnsLookup(t, "greeter", "A", "NOERROR", frozenset(), "127.0.0.1:4000") for t in at]


def lasting(start: float, end: float) -> Update:
    return update(end, "a", started=start)


def test_two_clients_at_once_need_a_lookup_each() -> None:
    both = [lasting(1.0, 1.2), lasting(1.1, 1.3)]
    assert match_lookups(both, lookups(1.05, 1.15)) == Match(2, 2, 0, 0, 0)
    assert match_lookups(both, lookups(1.15)).made_up == 1


def test_the_one_that_ends_first_is_served_first() -> None:
    # Only one lookup (1.1) fits the short update; the long one must take the other.
    assert match_lookups([lasting(1.0, 3.0), lasting(1.0, 1.2)], lookups(1.1, 2.5)) == Match(2, 2, 0, 0, 0)


def test_a_retry_is_a_lookup_more_within_an_update() -> None:
    assert match_lookups([lasting(1.0, 3.0)], lookups(1.1, 2.9)) == Match(1, 1, 1, 0, 0)
    assert match_lookups([lasting(1.0, 3.0), lasting(5.0, 5.1)], lookups(1.1, 2.9, 5.05)) == Match(
        2, 2, 1, 0, 0
    )


def test_a_lookup_outside_all_updates_was_not_seen() -> None:
    assert match_lookups([lasting(1.0, 1.1)], lookups(1.05, 4.0)) == Match(1, 1, 0, 0, 1)


def test_stamps_may_differ_a_little() -> None:
    assert match_lookups([lasting(1.0, 1.1)], lookups(1.0 - TOLERANCE / 2)).matched == 1
    assert match_lookups([lasting(1.0, 1.1)], lookups(1.0 - TOLERANCE * 2)) == Match(1, 0, 0, 0, 1)


def test_an_update_that_timed_out_needs_no_lookup_and_explains_one() -> None:
    timed_out = replace(lasting(1.0, 11.0), outcome="timeout")
    assert match_lookups([timed_out], lookups()) == Match(0, 0, 0, 0, 0)
    assert match_lookups([timed_out], lookups(3.0)) == Match(0, 0, 1, 0, 0)


def test_a_lookup_that_its_client_did_not_wait_for_was_under_way_at_the_end() -> None:
    """Not longer before the end than the longest update lasted; what is older was not seen."""
    half_a_second = [lasting(1.0, 1.5)]
    assert match_lookups(half_a_second, lookups(1.0, 9.6), closed=10.0) == Match(1, 1, 0, 1, 0)
    assert match_lookups(half_a_second, lookups(1.0, 9.4), closed=10.0) == Match(1, 1, 0, 0, 1)
    assert match_lookups(half_a_second, lookups(1.0, 9.6)) == Match(1, 1, 0, 0, 1)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 5)), max_size=30))
def test_a_lookup_within_each_update_matches_all(updates: list[tuple[float, float]]) -> None:
    found = match_lookups(
        [lasting(start, start + length) for start, length in updates],
        lookups(*(start + length / 2 for start, length in updates)),
    )
    assert found == Match(len(updates), len(updates), 0, 0, 0)
