"""Whose a lost request is: of the Service that it went to, and of none where that is not known."""

from typing import Any

import pytest
from lbstudy.watch.build import build
from lbstudy.watch.evidence import ClientUpdate, Evidence, Failed
from lbstudy.watch.failures import KEPT
from lbstudy.watch.model import ClientResult

from tests.watch.told import called, ip, resolved, watched


def lost(
    at: float = 1_005.0, *, pod: str | None = None, host: str = "", channel: str | None = None
) -> Failed:
    return Failed("checkout", "checkout-0", at, "UNAVAILABLE", pod, host, channel)


def after(*found: Evidence) -> ClientResult:
    """What the result says of checkout, which called the Service before."""
    core = watched(called("a", 1_001.0, "checkout-0"), *found)
    (client,) = build(core, 1_010.0).services[0].clients
    return client


@pytest.mark.parametrize(
    ("told", "mine", "unplaced"),
    [
        ({"pod": "a"}, 1, 0),
        ({"pod": ip("b")}, 1, 0),
        ({"pod": "elsewhere-1", "host": "orders"}, 0, 0),
        ({"host": "orders"}, 1, 0),
        ({"host": "orders.shop.svc.cluster.local"}, 1, 0),
        ({"host": "orders.other"}, 0, 0),
        ({"host": "stock"}, 0, 0),
        ({"channel": "0"}, 1, 0),  # whose resolver brought this Service's addresses
        ({"channel": "7"}, 0, 1),
        ({"channel": "7", "host": "orders"}, 1, 0),
        ({}, 0, 1),
    ],
)
def test_whose_it_is(told: dict[str, Any], mine: int, unplaced: int) -> None:
    found = after(resolved("checkout-0", 1_002.0, "a", "b"), lost(**told))
    assert (found.lost, len(found.unplaced)) == (mine, unplaced)
    assert [one.at for one in found.newest_lost] == [1_005.0] * mine


def test_another_services_channel_is_not_this_ones() -> None:
    other = ClientUpdate(
        "checkout", "checkout-0", "1", "dns:///stock:50051", 1_002.0, frozenset({"10.9.9.9"})
    )
    found = after(other, lost(channel="1"))
    assert (found.lost, found.unplaced) == (0, [])


def test_until_when_spans_told_how_requests_ended() -> None:
    assert after().told_until == 1_001.0
    assert after(lost(host="orders")).told_until == 1_005.0


def test_the_newest_are_kept_and_all_are_counted() -> None:
    found = after(*(lost(1_001.0 + number / 1_000, host="orders") for number in range(KEPT + 5)))
    assert (found.lost, len(found.newest_lost)) == (KEPT + 5, KEPT)
    assert found.newest_lost[0].at == pytest.approx(1_001.005)
