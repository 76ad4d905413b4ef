"""Time to connect, and storms, by hand."""

import pytest
from lbstudy.measures.connecting import connecting
from lbstudy.observation.known import Known, Observer, Seen, Unseen
from lbstudy.observation.records import SpanRef, Transition

from tests.measures.lanes import address, lane, pod

REF = SpanRef("c" * 32, "c" * 16)


def entered(at: float, state: str, client: int = 0, subchannel: int = 1) -> Transition:
    return Transition(client, subchannel, address("a"), state, at, REF)


def test_from_connecting_to_ready_of_each_subchannel() -> None:
    """Of client 0, 0.1 s before the load; of client 1, 0.3 s under load. Another attempt fails."""
    moves = [
        entered(-2.0, "connecting"),
        entered(-1.9, "ready"),
        entered(5.0, "connecting", 1),
        entered(5.1, "connecting", 0, 2),
        entered(5.2, "transient_failure", 0, 2),
        entered(5.3, "ready", 1),
        entered(11.0, "ready", 1, 3),  # after the load's end
    ]
    found = connecting(lane(end=10, pods=[pod("a")], clients=2, transitions=moves))

    assert (found.count, found.failed) == (2, 1)
    assert found.p50 == pytest.approx(0.1)
    assert found.largest == pytest.approx(0.3)
    assert (found.storm, found.storm_at) == (1, 5.3)
    assert found.not_observed is None


def test_a_storm_is_what_was_made_within_one_second_under_load() -> None:
    """Three before the load are no storm; from 4.0 s on there are three within a second, then two."""
    ready = [-3.0, -2.9, -2.8, -2.7, 2.0, 4.0, 4.5, 4.99, 5.0, 8.0]
    moves = [entered(at, "ready", 0, number) for number, at in enumerate(ready)]
    found = connecting(lane(end=10, pods=[pod("a")], transitions=moves))

    assert (found.count, found.storm, found.storm_at) == (10, 3, 4.0)
    assert found.p50 is None


def test_what_nobody_saw_is_not_observed() -> None:
    unseen = Known(connections=Unseen("nobody tells", "our instrumentor"))
    kernel = Known(connections=Seen(Observer.KERNEL))
    ready = [entered(1.0, "ready")]

    hidden = connecting(lane(end=10, pods=[pod("a")], known=unseen)).not_observed
    assert hidden is not None
    assert hidden.why == "nobody tells"
    found = connecting(lane(end=10, pods=[pod("a")], known=kernel, transitions=ready))
    assert (found.count, found.storm, found.p50) == (1, 1, None)
    assert found.not_observed is not None
