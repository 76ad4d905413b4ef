from array import array
from collections import Counter

import pytest
from greeter.client.streams import TallyOfStreams
from greeter.client.tally import Tally, quantile
from lbstudy.observation.tallies import ClientTally, StreamTally, flat, read_tally


def test_a_hand_worked_tally() -> None:
    tally = Tally(
        not_sent=1,
        by_code=Counter(OK=3, UNAVAILABLE=1),
        by_server=Counter({"pod-a": 2, "pod-b": 1}),
        lateness=array("d", [0.004, 0.001, 0.002, 0.003]),
    )

    assert tally.report(elapsed=2.0) == {
        "scheduled": 5,
        "sent": 4,
        "not_sent": 1,
        "by_code": {"OK": 3, "UNAVAILABLE": 1},
        "by_server": {"pod-a": 2, "pod-b": 1},
        "offered_rate": 2.5,
        "achieved_rate": 2.0,
        "lateness_p50": 0.002,
        "lateness_p99": 0.004,
        "lateness_max": 0.004,
    }


def test_nothing_sent_makes_no_division_by_zero() -> None:
    report = Tally().report(elapsed=0.0)

    assert report["offered_rate"] == report["achieved_rate"] == report["lateness_max"] == 0.0


@pytest.mark.parametrize(("q", "expected"), [(0.01, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)])
def test_quantiles_are_nearest_ranks(q: float, expected: float) -> None:
    assert quantile([float(value) for value in range(1, 101)], q) == expected


def test_what_a_client_prints_is_the_record_that_the_study_reads() -> None:
    printed = Tally(by_code=Counter(OK=1), streams=TallyOfStreams(count=1, sent=2)).report(elapsed=1.0)

    read = read_tally(ClientTally, {"client": "pod", **printed})

    assert read.by_code == {"OK": 1}
    assert read.streams == StreamTally(1, 0, 2, {}, {}, {})
    assert ["client", *printed] == list(flat(read))
