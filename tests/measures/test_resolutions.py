"""Look-ups, by hand: what they asked, how long they took, and what they missed."""

import pytest
from lbstudy.measures.resolutions import resolutions
from lbstudy.observation.known import Known, Observer, Seen, Unseen
from lbstudy.observation.records import DnsLookup, Lane, Update

from tests.measures.lanes import lane, pod, update

BOTH = ("A", "AAAA")


def asked(ended: float, took: float, *missing: str, questions: int = 2) -> Update:
    return update(ended, "a", started=ended - took, families=BOTH, missing=missing, questions=questions)


def of(*updates: Update, **others: object) -> Lane:
    return lane(end=30, pods=[pod("a")], updates=updates, **others)  # type: ignore[arg-type]  # a lane's fields


def test_look_ups_that_miss_a_record_type_are_told_apart() -> None:
    """Two complete ones of 0.1 and 0.3 s, three without AAAA of 11 to 13 s; one begins after the load."""
    lost = [asked(12.0, 11.0, "AAAA"), asked(24.0, 12.0, "AAAA"), asked(37.0, 13.0, "AAAA")]
    found = resolutions(of(asked(-1, 0.1), asked(1, 0.3), *lost, asked(31, 0.5)))

    assert found is not None
    assert (found.count, found.complete, found.families) == (5, 2, ["A", "AAAA"])
    assert [found.p50, found.largest] == pytest.approx([0.1, 0.3])
    (missed,) = found.missed
    assert (missed.family, missed.count, missed.p50, missed.largest) == ("AAAA", 3, 12.0, 13.0)


def test_what_missed_both_counts_for_each() -> None:
    found = resolutions(of(asked(5, 1.0, "A", "AAAA"), asked(9, 2.0, "A")))
    assert found is not None
    assert [(one.family, one.count, one.largest) for one in found.missed] == [("A", 2, 2.0), ("AAAA", 1, 1.0)]
    assert (found.complete, found.p50, found.largest) == (0, None, None)


def test_the_mean_of_the_questions_tells_of_a_search_list() -> None:
    found = resolutions(of(asked(1, 0.1, questions=8), asked(2, 0.1, questions=4)))
    assert found is not None
    assert found.questions == 6


def test_by_the_dns_log_alone_nothing_of_it_is_observed() -> None:
    log = [DnsLookup(1.0, "a", "A", "NOERROR", frozenset(), "p")]
    by_log = Known(updates=Seen(Observer.DNS_LOG))
    found = resolutions(of(update(1.0, "a"), known=by_log, lookups=log))
    assert found is not None
    assert found.not_observed is not None
    assert (found.count, found.p50) == (0, None)

    unseen = resolutions(of(known=Known(updates=Unseen("nobody tells", "our instrumentor"))))
    assert unseen is not None
    assert unseen.not_observed is not None
    assert unseen.not_observed.why == "nobody tells"


def test_clients_that_are_told_by_a_control_plane_look_up_nothing() -> None:
    assert resolutions(of(update(1.0, "a"))) is None
