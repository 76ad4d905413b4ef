"""What a rollout by others lost: seen to be lost, seen not to be, and not known are three things."""

import pytest
from lbstudy.config.requirement import RemovedServer, RollingUpdate
from lbstudy.gate.losses import losses
from lbstudy.gate.model import State
from lbstudy.watch.model import (
    ClientResult,
    EventResult,
    LostRequest,
    PodResult,
    ServiceResult,
    WatchResult,
    When,
)

BEGAN, ENDED = 1_000.0, 1_300.0
UPDATE = RollingUpdate(kind="rolling-update", lost_at_most=1)
REMOVAL = RemovedServer(kind="removed-server", lost_at_most=1)
Clause = RollingUpdate | RemovedServer


def pod(name: str, **stages: float) -> PodResult:
    """A pod with the instants of its stages."""
    ready = stages.get("ready")
    return PodResult(
        name=name,
        ip="",
        status="gone" if "gone" in stages else "Ready",
        came=False,
        went="gone" in stages,
        stages={stage: When(at=at, error=0.0) for stage, at in stages.items()},
        last_ready=None if ready is None else When(at=ready, error=0.0),
        first_request=None,
        requests={},
        silent=None,
        uncalled=False,
        callers=[],
        others=None,
        observed_until=None,
        proven=True,
        left_out_by=[],
    )


OLD = pod("old", ready=500.0, terminating=1_110.0, gone=1_112.0)
NEW = pod("new", ready=1_100.0)


def client(
    *lost: float, name: str = "checkout", until: float | None = 1_200.0, **more: object
) -> ClientResult:
    newest = [LostRequest(at=at, code="UNAVAILABLE") for at in lost]
    made: dict[str, object] = {"told_until": until, "lost": len(lost), "newest_lost": newest} | more
    return ClientResult(
        name=name,
        pods=1,
        requests=100,
        since=BEGAN,
        addresses_known=None,
        ready=2,
        last_update=None,
        connections=None,
        **made,  # type: ignore[arg-type]  # of whatever kind
    )


def judged(
    *clients: ClientResult,
    clause: Clause = UPDATE,
    pods: tuple[PodResult, ...] = (OLD, NEW),
    said: str = "",
) -> tuple[State, str, str]:
    service = ServiceResult(name="shop/orders", pods=list(pods), clients=list(clients))
    event = EventResult(at=1_111.0, service="", kind="source", text=said, pods=[], why={})
    watch = WatchResult(
        began=BEGAN,
        ended=ENDED,
        patience=10.0,
        sources=[],
        services=[service],
        events=[event] if said else [],
        events_in_all=int(bool(said)),
    )
    return losses(clause, service, watch)


@pytest.mark.parametrize("clause", [UPDATE, REMOVAL])
def test_more_than_it_allows_are_lost(clause: Clause) -> None:
    state, found, reason = judged(client(1_112.0, 1_115.0), client(name="cart"), clause=clause)

    assert state is State.FAILS
    assert found == "1 pod ended, 1 became Ready; 2 requests lost (2 UNAVAILABLE)"
    first = 1_100 if clause is UPDATE else 1_110
    assert reason == (
        f"checkout lost 2, {1_112 - first}{'.0' if clause is REMOVAL else ''} s to"
        f" {1_115 - first}{'.0' if clause is REMOVAL else ''} s after the first change (2 UNAVAILABLE)."
    )


def test_as_many_as_it_allows_hold() -> None:
    state, found, _ = judged(client(1_112.0))
    assert (state, found) == (
        State.HOLDS,
        "1 pod ended, 1 became Ready; 1 request lost (1 UNAVAILABLE), as checkout told",
    )


def test_what_was_lost_before_the_first_change_is_not_its() -> None:
    assert judged(client(1_050.0, 1_060.0, 1_070.0))[0] is State.HOLDS
    # The new pod's being Ready is a change of a rolling update, and of no removal.
    assert judged(client(1_101.0, 1_102.0))[0] is State.FAILS
    assert judged(client(1_101.0, 1_102.0), clause=REMOVAL)[0] is State.HOLDS


def test_two_clients_losses_count_together() -> None:
    assert judged(client(1_112.0), client(1_113.0, name="cart"))[0] is State.FAILS


def test_nothing_happened() -> None:
    assert judged(client(), pods=(NEW,))[:2] == (State.UNDECIDED, "no pod was ended during the watch")
    assert judged(client(), pods=(NEW,), clause=REMOVAL)[0] is State.UNDECIDED
    state, found, _ = judged(client(), pods=(OLD,))
    assert (state, "no pod became Ready" in found) == (State.UNDECIDED, True)
    assert judged(client(), pods=(OLD,), clause=REMOVAL)[0] is State.HOLDS


def test_a_pod_that_was_gone_before_is_no_change() -> None:
    assert judged(client(), pods=(pod("older", terminating=900.0, gone=901.0), NEW))[0] is State.UNDECIDED


def test_how_requests_end_is_not_observed_without_spans() -> None:
    assert judged()[0] is State.NOT_OBSERVED
    state, found, _ = judged(client(), client(name="cart", until=None))
    assert (state, "how requests of cart end is not observed" in found) == (State.NOT_OBSERVED, True)
    # What another was seen to lose is lost all the same.
    assert judged(client(1_112.0, 1_113.0), client(name="cart", until=None))[0] is State.FAILS


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"until": 1_121.0}, "checkout told of no request 10 s after the last change or later"),
        ({"unplaced": [1_115.0]}, "1 request of checkout was lost, to which Service is not observed"),
        ({"unplaced": [1_115.0, 1_116.0]}, "2 requests of checkout were lost"),
    ],
)
def test_what_may_have_been_lost_unseen_is_undecided(told: dict[str, object], words: str) -> None:
    state, found, reason = judged(client(**told))  # type: ignore[arg-type]  # of whatever kind
    assert (state, words in found, reason) == (State.UNDECIDED, True, "")
    assert judged(client(1_112.0, 1_113.0, **told))[0] is State.FAILS  # type: ignore[arg-type]


def test_unplaced_requests_before_the_first_change_do_not_matter() -> None:
    assert judged(client(unplaced=[1_050.0]))[0] is State.HOLDS


def test_more_than_are_kept_is_undecided() -> None:
    many = RollingUpdate(kind="rolling-update", lost_at_most=5)
    assert judged(client(1_112.0, 1_113.0, lost=9), clause=many)[0] is State.UNDECIDED
    assert judged(client(1_050.0, 1_113.0, lost=9), clause=many)[0] is State.HOLDS


def test_a_source_that_was_away_may_have_told_of_more() -> None:
    away = "Jaeger: cannot be asked (refused); the watch goes on with what is left"
    state, found, _ = judged(client(), said=away)
    assert (state, "a source was away: Jaeger" in found) == (State.UNDECIDED, True)
    assert judged(client(), said="Jaeger: back, with 9 spans")[0] is State.HOLDS
    counters = "Prometheus: cannot be asked (refused); the watch goes on with what is left"
    assert judged(client(), said=counters)[0] is State.HOLDS
