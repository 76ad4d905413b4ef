"""What a watch saw, as a lane and through the measures: numbers, what is censored, and what nobody saw."""

from dataclasses import replace

import pytest
from lbstudy.result.model import Added, ClientView, StageName
from lbstudy.watch.evidence import ClientUpdate, Connection, Evidence

from tests.watch.recorded import BEGAN, Watched, created, ending, of_client, of_server
from tests.watch.told import connected, gone, listed, of_counters, resolved, sampled

NEW = (
    created("c", BEGAN + 20, None),
    created("c", BEGAN + 20, BEGAN + 23),
    listed("a", "b", "c", at=1_024.0),
)
"""A third pod: created at 20 s, Ready at 23 s, listed at 24 s."""
BUSY = tuple(
    of_client("checkout-1", pod, BEGAN + at + n / 2) for at in range(1, 90) for n, pod in enumerate("ab")
)


def added(watched: Watched) -> Added:
    (found,) = watched.result().settings[0].adaptability.added
    return found


def views(watched: Watched) -> dict[str, ClientView]:
    return {view.client: view for view in added(watched).clients}


def test_a_pod_that_came_is_a_change_with_its_stages() -> None:
    watched = Watched([*BUSY, *NEW, of_client("checkout-1", "c", BEGAN + 30.1)])
    (change,) = watched.result().settings[0].adaptability.changes
    assert (change.at, change.before, change.after, change.added) == (20.0, 2, 3, ["c"])
    stages = {stage.name: (stage.at, stage.not_observed) for stage in added(watched).stages}
    assert stages[StageName.CREATED] == (20.0, False)
    assert stages[StageName.READY] == (23.0, False)
    assert stages[StageName.ENDPOINT] == (24.0, False)
    assert stages[StageName.COMMAND] == (None, True)
    assert stages[StageName.PUBLISHED] == (None, True)


def test_the_first_request_is_measured_and_a_client_that_never_called_is_censored() -> None:
    quiet = [of_client("checkout-2", "a", BEGAN + at) for at in (1, 50, 80)]
    found = views(Watched([*BUSY, *quiet, *NEW, of_client("checkout-1", "c", BEGAN + 30.1)]))
    assert str(found["checkout-1"].discovery) == "7.1 s"
    discovery = found["checkout-2"].discovery
    assert discovery is not None
    assert discovery.censored_after == pytest.approx(57.01)  # until it was last heard of: 80.01 s
    assert "other clients" not in found


def test_a_client_that_came_later_or_had_gone_has_no_row() -> None:
    before = [of_client("checkout-2", "a", BEGAN + at) for at in (1, 10)]
    later = [of_client("checkout-3", "c", BEGAN + at) for at in (60, 61)]
    assert list(views(Watched([*BUSY, *before, *NEW, *later]))) == ["checkout-1"]


def test_clients_that_tell_nothing_are_told_by_the_servers_together() -> None:
    mine = [of_server(pod, BEGAN + at) for at in range(1, 90) for pod in "ab"]
    found = views(Watched([*mine, *NEW, of_server("c", BEGAN + 25)]))
    assert str(found["other clients"].discovery) == "2.0 s"
    assert found["other clients"].detect.not_observed is not None


def test_whether_it_was_called_is_not_observed_where_nobody_would_have_told() -> None:
    mine = [of_server(pod, BEGAN + at) for at in (1, 2) for pod in "ab"]  # nothing since it is Ready
    discovery = views(Watched([*mine, *NEW]))["other clients"].discovery
    assert discovery is not None
    assert discovery.not_observed is not None


def test_causes_are_told_of_a_client_with_the_instrumentor_and_of_no_other() -> None:
    mine: list[ClientUpdate | Connection] = [
        replace(resolved("checkout-1", BEGAN + 1, "a", "b"), outcome="changed"),
        connected("checkout-1", "a", BEGAN + 1),
        replace(resolved("checkout-1", BEGAN + 40, "a", "b", "c"), outcome="changed"),
        connected("checkout-1", "c", BEGAN + 40.5),
    ]
    told: list[Evidence] = [replace(one, span=("t", "s")) for one in mine]
    other = [of_client("cart-1", "a", BEGAN + at) for at in range(1, 90)]
    watched = Watched([*BUSY, *other, *NEW, *told, of_client("checkout-1", "c", BEGAN + 41.1)])
    found = views(watched)
    assert str(found["checkout-1"].detect) == "17.0 s"
    assert [wait.what.value for wait in found["checkout-1"].waits][:3] == [
        "Ready",
        "DNS propagation",
        "no trigger",
    ]
    assert found["checkout-1"].waits[-1].end == pytest.approx(41.11)
    assert found["cart-1"].detect.not_observed is not None
    assert found["cart-1"].waits == []
    summary = watched.result().settings[0].adaptability.waits
    assert summary is not None
    assert summary.count == 1


def test_counters_tell_the_first_request_with_its_bound_and_nothing_of_codes_or_latency() -> None:
    grown = of_counters()
    watched = Watched(
        [*grown, *NEW, sampled("c", BEGAN + 15, BEGAN + 30, 0), sampled("c", BEGAN + 30, BEGAN + 45, 9)]
    )
    view = views(watched)["other clients"]
    first = next(stage for stage in view.stages if stage.name == StageName.FIRST_RPC)
    assert (first.at, first.error) == (45.0, 15.0)
    setting = watched.result().settings[0]
    assert setting.distribution.total == {"a": 180, "b": 180, "c": 9}
    assert setting.errors.client_by_code == {}
    assert setting.latency.not_observed is not None
    assert setting.timeline.bucket == 15.0
    assert setting.timeline.requests["a"][:2] == [0.0, 2.0]
    fair = added(watched).fair_share
    assert fair is not None
    assert fair.not_observed is not None


def test_sampled_spans_censor_nothing() -> None:
    grown = [sampled(pod, BEGAN + at, BEGAN + at + 15, 900) for at in range(0, 90, 15) for pod in "ab"]
    discovery = views(Watched([*BUSY, *grown, *NEW]))["checkout-1"].discovery
    assert discovery is not None
    assert discovery.not_observed is not None


def test_a_pod_that_went_has_its_stages_and_no_command() -> None:
    told = (ending("a", BEGAN + 40), listed("b", at=BEGAN + 40.5), gone("a", BEGAN + 44))
    result = Watched((*BUSY, *told)).result()
    (removed,) = result.settings[0].adaptability.removed
    stages = {stage.name: stage.at for stage in removed.stages if not stage.not_observed}
    assert stages == {StageName.TERMINATING: 40.0, StageName.WITHDRAWN: 40.5, StageName.EXITED: 44.0}
    assert [phase.label for phase in result.settings[0].phases] == ["2 servers", "2 → 1 servers"]


def test_a_failed_rpc_is_this_services_where_its_target_says_so() -> None:
    other = of_client("checkout-1", None, BEGAN + 6.1, code=14)
    told = [*BUSY, of_client("checkout-1", None, BEGAN + 5.1, code=14), replace(other, target="stock.shop")]
    assert Watched(told).result().settings[0].errors.client_by_code == {"OK": len(BUSY), "UNAVAILABLE": 1}


def test_a_failed_rpc_that_says_nothing_is_this_services_where_a_server_saw_it() -> None:
    lost = replace(
        of_client("checkout-1", None, BEGAN + 5.1, "k", code=14), target="127.0.0.1", answered=False
    )
    told = [*BUSY, lost, of_server("a", BEGAN + 5.2, "k", code=1)]
    errors = Watched(told).result().settings[0].errors
    assert errors.client_by_code == {"OK": len(BUSY), "UNAVAILABLE": 1}
    assert errors.by_server == {"": {"UNAVAILABLE": 1}}


def test_a_watch_has_no_ledger_and_says_why() -> None:
    ledger = Watched(BUSY).result().settings[0].ledger
    assert ledger.entries == []
    assert [entry.name for entry in ledger.not_counted] == ["all"]
