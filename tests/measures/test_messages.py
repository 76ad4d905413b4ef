"""Status messages: what differs from RPC to RPC is folded, what a reader searches for stays."""

import pytest
from lbstudy.measures.errors import errors
from lbstudy.measures.messages import folded
from lbstudy.measures.phases import phases
from lbstudy.observation.records import SaidCount, Side
from lbstudy.result.model import Said

from tests.measures.lanes import lane, pod, rpcs


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Too many pings: too_many_pings", "Too many pings: too_many_pings"),
        ("StatusCode.UNAVAILABLE: max connection age", "max connection age"),
        ("INVALID_ARGUMENT: no known policies in list: abc", "no known policies in list: abc"),
        (
            "last error: UNKNOWN: ipv4:127.0.1.2:50051: Failed to connect: Connection refused (111)",
            "last error: UNKNOWN: ADDRESS: Failed to connect: Connection refused (N)",
        ),
        (
            "upstream ipv6:%5B::1%5D:50051 and [fe80::1%25eth0]:1 refused",
            "upstream ADDRESS and ADDRESS refused",
        ),
        ("Deadline exceeded after 1.999876s", "Deadline exceeded after Ns"),
        ("received context error while waiting for new LB policy update: 12ms",
         "received context error while waiting for new LB policy update: Nms"),
        ("request 4711 of 0f8fad5b-d9cb-469f-a165-70867728950e at 2026-11-26T22:00:03.5Z",
         "request N of ID at TIME"),
        ("no pods 10.0.0.1:80, 10.0.0.2:80, 10.0.0.3:80", "no pods ADDRESS, …"),
        ("stream id=1 broken\n  twice", "stream id=N broken twice"),
        ("", ""),
    ],
)  # fmt: skip
def test_folded(message: str, expected: str) -> None:
    assert folded(message) == expected


def test_those_that_mean_the_same_count_as_one_of_each_side() -> None:
    said = [
        SaidCount(Side.CLIENT, 14, "ipv4:10.0.0.1:50051: Connection reset", 2),
        SaidCount(Side.CLIENT, 14, "ipv4:10.0.0.2:50051: Connection reset", 3),
        SaidCount(Side.CLIENT, 14, "max connection age", 1),
        SaidCount(Side.CLIENT, 13, "max connection age", 1),
        SaidCount(Side.SERVER, 14, "a fault, on purpose", 4),
        SaidCount(Side.CLIENT, 0, "is no failure", 9),
    ]
    found = lane(end=40, pods=[pod("a")], rpcs=rpcs([1], None, code="UNAVAILABLE"), said=said)
    told = errors(found, phases(found))
    assert told.client_said == [
        Said(
            code="UNAVAILABLE",
            message="ADDRESS: Connection reset",
            count=5,
            example="ipv4:10.0.0.1:50051: Connection reset",
        ),
        Said(code="INTERNAL", message="max connection age", count=1, example="max connection age"),
        Said(code="UNAVAILABLE", message="max connection age", count=1, example="max connection age"),
    ]
    assert [(one.message, one.count) for one in told.server_said] == [("a fault, on purpose", 4)]
