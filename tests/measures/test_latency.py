import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lbstudy.measures.latency import exact_quantiles, histogram, latency
from lbstudy.observation.records import FaultPeriod

from tests.measures.lanes import Rpc, lane, pod, rpcs, tally


def test_latency_counts_from_the_scheduled_instant_and_from_the_send() -> None:
    # Due at 1.0, sent at 1.3, ended at 1.4: 400 ms from when it was due, 100 ms from the send, 300 ms late.
    found = latency(lane(end=10, pods=[pod("a")], rpcs=[Rpc(1.0, "a", sent=1.3, took=0.1)]))
    assert found.all.p50 == pytest.approx(0.4)
    assert found.all.sent_p50 == pytest.approx(0.1)
    assert found.lateness_max == pytest.approx(0.3)


def test_quantiles_are_observed_values() -> None:
    # 1 to 10 ms: half of ten values are no larger than 5 ms, nine of ten than 9 ms, 99 % needs the tenth.
    took = [Rpc(i, "a", took=(i + 1) / 1000) for i in range(10)]
    found = latency(lane(end=10, pods=[pod("a")], rpcs=took)).all
    assert found.count == 10
    assert [found.p50, found.p90, found.p99, found.largest] == pytest.approx([0.005, 0.009, 0.010, 0.010])


def test_transition_is_what_was_due_within_5_s_of_a_command_under_load() -> None:
    # Commands at −5 (before the load: no transition) and at 20 s. Due at 0.0 … 39.5 each 0.5 s: 80 RPCs, of
    # which 20.0 … 24.5 are ten. Those take 1 s, the others 0.1 s.
    due = np.arange(0, 40, 0.5)
    sent = [Rpc(float(at), "a", took=1.0 if 20 <= at < 25 else 0.1) for at in due]
    found = latency(lane(end=40, commands=[(-5, 1), (20, 1)], pods=[pod("a")], rpcs=sent))
    assert (found.transition.count, found.steady.count, found.all.count) == (10, 70, 80)
    assert found.transition.p50 == pytest.approx(1.0)
    assert found.steady.largest == pytest.approx(0.1)
    assert found.transition_window == 5.0


def test_the_first_command_is_no_transition_however_short_before_the_load() -> None:
    found = latency(lane(end=40, commands=[(-1, 1)], pods=[pod("a")], rpcs=rpcs([0, 1, 2], "a")))
    assert (found.transition.count, found.steady.count) == (0, 3)


def test_failed_rpcs_count_with_the_time_until_they_failed() -> None:
    sent = [Rpc(1.0, None, took=5.0, code="DEADLINE_EXCEEDED"), Rpc(2.0, "a", took=0.02)]
    assert latency(lane(end=10, pods=[pod("a")], rpcs=sent)).all.largest == pytest.approx(5.0)


def test_an_rpc_that_does_not_tell_when_it_was_due_counts_from_its_send() -> None:
    found = latency(lane(end=10, pods=[pod("a")], rpcs=[Rpc(1.0, "a", sent=1.3, took=0.1, tells_due=False)]))
    assert found.all.p50 == pytest.approx(0.1)
    assert found.lateness_max is None


def test_the_histogram_has_ten_bounds_to_a_decade_and_holds_every_value() -> None:
    # 10 ms and 90 ms lie in [10^−2, 10^−1.9) = [10, 12.6) ms and in [10^−1.1, 10^−1) = [79, 100) ms.
    found = histogram(np.array([0.010001, 0.09, 0.09]))
    assert found.bounds[0] == pytest.approx(0.01)
    assert found.bounds[-1] == pytest.approx(0.1)
    assert len(found.bounds) == 11
    assert found.counts == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=200))
def test_the_histogram_counts_every_value_once(values: list[float]) -> None:
    found = histogram(np.array(values))
    assert sum(found.counts) == len(values)
    assert len(found.bounds) == len(found.counts) + 1
    assert found.bounds == sorted(found.bounds)


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=200), st.floats(0.01, 1))
def test_at_least_the_share_is_no_larger_than_the_quantile_and_less_is_smaller(
    values: list[float], share: float
) -> None:
    (found,) = exact_quantiles(np.array(values), (share,))
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert sum(value < found for value in values) < share * len(values) + 1e-6


def test_rates_are_what_the_programs_say() -> None:
    two = latency(lane(end=10, pods=[pod("a")], client_tallies=[tally({}, {}), tally({}, {})]))
    assert (two.offered_rate, two.achieved_rate) == (20, 18)
    spans_only = latency(lane(end=10, pods=[pod("a")], rpcs=rpcs(range(10), "a")))
    assert (spans_only.offered_rate, spans_only.achieved_rate) == (1, 1)


def test_without_rpcs_there_is_no_figure() -> None:
    found = latency(lane(end=10, pods=[pod("a")]))
    assert (found.all.count, found.all.p50, found.lateness_p99) == (0, None, None)
    assert (found.histogram.bounds, found.histogram.counts) == ([], [])


def test_transition_covers_a_faults_beginning_and_its_lifting() -> None:
    # A fault from 10 to 20 s: due at 10 … 14 and 20 … 24 of one RPC a second are ten of 40. Those take 1 s.
    slow = {*range(10, 15), *range(20, 25)}
    sent = [Rpc(at, "a", took=1.0 if at in slow else 0.1) for at in range(40)]
    found = latency(lane(end=40, pods=[pod("a")], rpcs=sent, faults=[FaultPeriod("stop", "a", 10, 20)]))
    assert (found.transition.count, found.steady.count) == (10, 30)
    assert found.transition.p50 == pytest.approx(1.0)
    assert found.steady.largest == pytest.approx(0.1)


def test_a_servers_first_seconds_apart_from_later_ones() -> None:
    """b's first RPC is due at 10 s: those due before 15 s are of its first five, whenever they ended."""
    slow = [Rpc(10.0, "b", 0.5), Rpc(14.9, "b", 0.3)]
    made = lane(end=30, pods=[pod("a"), pod("b")], rpcs=[*rpcs([1, 2], "a"), *slow, Rpc(15.0, "b", 0.02)])
    a, b = latency(made).servers

    assert b.young is not None
    assert b.young.requests == 2
    assert b.young.p50 == pytest.approx(0.3)
    assert b.young.p99 == pytest.approx(0.5)
    assert b.young.later_p99 == pytest.approx(0.02)
    assert a.young is not None
    assert (a.young.requests, a.young.later_p50) == (2, None)


def test_the_first_seconds_of_all_servers_are_each_ones_own() -> None:
    """a from 0 s on, 0.1 s each; b from 10 s on, 0.4 s; after 5 s both 0.02 s. Nobody answered one RPC."""
    first = [Rpc(0.0, "a", 0.1), Rpc(4.9, "a", 0.1), Rpc(10.0, "b", 0.4), Rpc(14.9, "b", 0.4)]
    later = [Rpc(5.0, "a", 0.02), Rpc(12.0, "a", 0.02), Rpc(15.0, "b", 0.02)]
    nobody = Rpc(11.0, None, 5.0, code="UNAVAILABLE")
    young = latency(lane(end=30, pods=[pod("a"), pod("b")], rpcs=[*first, *later, nobody])).young

    assert young is not None
    assert young.requests == 4
    assert young.p50 == pytest.approx(0.1)
    assert young.p99 == pytest.approx(0.4)
    assert young.later_p99 == pytest.approx(0.02)
    assert latency(lane(end=30, pods=[pod("a")], rpcs=[nobody])).young is None
