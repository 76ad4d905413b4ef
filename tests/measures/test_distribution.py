import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lbstudy.measures.distribution import chi2_p, distribution, jain
from lbstudy.measures.phases import phases
from lbstudy.result.model import PhaseDistribution

from tests.measures.lanes import lane, pod, rpcs

counts = st.lists(st.integers(0, 10_000), min_size=1, max_size=50)


def settled_part(requests: dict[str, int], others: int = 0) -> PhaseDistribution:
    """The figures of a phase from 0 to 20 s in whose second half so many requests were sent."""
    sent = [rpc for server, n in requests.items() for rpc in rpcs(np.linspace(10, 19, n), server)]
    sent += rpcs(np.linspace(10, 19, others), "z")  # answered by a server that was never seen Ready
    pods = [*map(pod, requests), *([pod("z", ready=None)] if others else [])]
    found = lane(end=20, pods=pods, rpcs=sent)
    return distribution(found, phases(found)).phases[0]


def test_a_hand_worked_example() -> None:
    # 40, 30, 20 and 10 of 100 requests: the fair share is 25 %.
    # Deviations: 0.15, 0.05, 0.05, 0.15 ÷ 0.25 = 60 %, 20 %, 20 %, 60 %.
    # Jain: 100² ÷ (4 × (1600 + 900 + 400 + 100)) = 10000 ÷ 12000 = 5/6.
    # χ² = (15² + 5² + 5² + 15²) ÷ 25 = 500 ÷ 25 = 20 with 3 degrees of freedom: p = 0.00017.
    found = settled_part({"a": 40, "b": 30, "c": 20, "d": 10})
    assert found.requests == 100
    assert found.fair_share == 0.25
    assert [share.share for share in found.servers] == [0.4, 0.3, 0.2, 0.1]
    assert found.largest_deviation == pytest.approx(0.6)
    assert found.jain == pytest.approx(5 / 6)
    assert found.chi2_p == pytest.approx(0.00017, abs=5e-6)
    assert found.coverage == 1.0


def test_servers_that_got_nothing_count() -> None:
    # Three servers share 90 requests evenly, three Ready ones get none; the fair share is 1/6.
    # Deviations: (1/3 − 1/6) ÷ 1/6 = 1, and (0 − 1/6) ÷ 1/6 = 1. Jain: 90² ÷ (6 × 3 × 900) = 0.5.
    found = settled_part({"a": 30, "b": 30, "c": 30, "d": 0, "e": 0, "f": 0})
    assert found.largest_deviation == pytest.approx(1.0)
    assert found.jain == pytest.approx(0.5)
    assert found.coverage == 0.5
    assert [(share.server, share.requests) for share in found.servers][3:] == [("d", 0), ("e", 0), ("f", 0)]


def test_a_server_outside_the_ready_set_takes_its_part_of_the_shares() -> None:
    # a and b answer 30 each; z, which is not Ready, 40. Of 100, a and b have 30 % where 50 % is fair.
    found = settled_part({"a": 30, "b": 30}, others=40)
    assert found.fair_share == 0.5
    assert [(share.server, share.share, share.ready) for share in found.servers] == [
        ("a", 0.3, True),
        ("b", 0.3, True),
        ("z", 0.4, False),
    ]
    assert found.largest_deviation == pytest.approx(0.4)


def test_only_the_second_half_of_a_phase_is_counted_and_the_total_counts_all() -> None:
    sent = [*rpcs([1.0, 2.0, 9.99], "a"), *rpcs([10.0, 15.0], "b"), *rpcs([12.0], None, code="UNAVAILABLE")]
    found = lane(end=20, pods=[pod("a"), pod("b")], rpcs=sent)
    measured = distribution(found, phases(found))
    assert measured.total == {"a": 3, "b": 2}
    assert [(share.server, share.requests) for share in measured.phases[0].servers] == [("a", 0), ("b", 2)]


def test_an_error_that_a_server_answered_is_a_request_that_it_got() -> None:
    found = lane(end=20, pods=[pod("a")], rpcs=rpcs([15.0], "a", code="INTERNAL"))
    assert distribution(found, phases(found)).total == {"a": 1}


def test_without_requests_or_servers_there_is_no_figure() -> None:
    silent = settled_part({"a": 0, "b": 0})
    assert (silent.largest_deviation, silent.jain, silent.chi2_p, silent.coverage) == (None,) * 4
    nobody = lane(end=20, pods=[pod("a", ready=None)], rpcs=rpcs([15.0], "a"))
    found = distribution(nobody, phases(nobody)).phases[0]
    assert (found.fair_share, found.largest_deviation, found.jain) == (0.0, None, None)


def test_chi2_is_not_given_where_it_does_not_hold() -> None:
    assert chi2_p(np.array([4, 5])) is None  # fewer than 5 expected each
    assert chi2_p(np.array([5, 5])) == pytest.approx(1.0)
    assert chi2_p(np.array([100])) is None  # one server cannot be uneven


@given(counts.filter(any))
def test_jain_lies_between_one_server_only_and_even(requests: list[int]) -> None:
    found = jain(np.array(requests))
    assert found is not None
    assert 1 / len(requests) - 1e-9 <= found <= 1 + 1e-9


@given(st.integers(1, 1000), st.integers(1, 50))
def test_jain_at_its_ends(requests: int, servers: int) -> None:
    assert jain(np.full(servers, requests)) == pytest.approx(1)
    assert jain(np.array([requests] + [0] * (servers - 1))) == pytest.approx(1 / servers)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6).filter(any), st.randoms())
def test_shares_sum_to_one_and_the_order_of_servers_means_nothing(
    requests: list[int], random: object
) -> None:
    shuffled = list(requests)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' Random
    one, other = (settled_part(dict(zip("abcdef", values, strict=False))) for values in (requests, shuffled))
    assert sum(share.share for share in one.servers) == pytest.approx(1)
    assert one.largest_deviation == pytest.approx(other.largest_deviation)
    assert one.jain == pytest.approx(other.jain)
    assert one.coverage == other.coverage
    assert (one.chi2_p is None) == (other.chi2_p is None)
    if one.chi2_p is not None:
        assert one.chi2_p == pytest.approx(other.chi2_p)
