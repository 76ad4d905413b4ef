"""A pod is named as uncalled when it is known to be, and never when it is not known."""

from hypothesis import given
from hypothesis import strategies as st
from lbstudy.watch.clients import CHANNELS
from lbstudy.watch.events import Event, EventKind
from lbstudy.watch.evidence import Connection, Evidence, Instant, PodGone, PodSeen
from lbstudy.watch.reasons import Why
from lbstudy.watch.rows import client_rows, pod_rows
from lbstudy.watch.service import GONE_KEPT
from lbstudy.watch.tally import CLIENTS, WORKLOADS

from tests.watch.told import (
    BEGAN,
    PATIENCE,
    SERVICE,
    a_core,
    called,
    connected,
    gone,
    ip,
    listed,
    ready,
    resolved,
    sampled,
    served,
    texts,
    unready,
    watched,
)

WAITING = (
    "c is Ready for 10 s, and no request to it was observed (server spans); checkout (6 of 6 pods) has not"
    " called it: their last resolver update was 10 min ago, before it was Ready: they are waiting for a"
    " connection to end"
)


def named(events: list[Event], pod: str = "c") -> list[Event]:
    return [event for event in events if event.kind is EventKind.UNCALLED and event.pods == (pod,)]


def test_a_new_pod_that_nobody_calls_is_named_once_its_time_is_over() -> None:
    core = watched(*(resolved(f"checkout-{n}", 400.0, "a", "b") for n in range(6)))
    core.take(ready("c", 1_001.0))
    core.take(listed("a", "b", "c", at=1_001.1))
    for second in range(1_001, 1_012):
        core.take(served("a", second))
        for n in range(6):
            core.take(called("ab"[n % 2], second, f"checkout-{n}"))
        found = named(core.look(second + 0.5))
        if second < 1_011:
            assert not found
    assert texts(found) == [WAITING]
    assert dict(found[0].why) == {"checkout": Why.WAITS}


def test_it_is_named_again_later_and_not_in_between() -> None:
    core = watched()
    core.take(ready("c", 1_001.0))
    when = []
    for second in range(1_001, 1_101):
        core.take(served("a", second))
        when += [event.at for event in named(core.look(second + 0.5))]
    assert when == [1_011.5, 1_041.5]


def test_a_pod_that_was_called_is_not_named() -> None:
    core = watched()
    core.take(ready("c", 1_001.0))
    core.take(served("c", 1_004.0))
    for second in range(1_001, 1_101):
        core.take(served("a", second))
        core.take(served("b", second))
        assert not named(core.look(second + 0.5))


def test_one_request_within_readys_bound_of_error_counts() -> None:
    core = watched()
    core.take(ready("c", 1_001.0, error=0.8))
    core.take(served("c", 1_000.3))
    for second in range(1_001, 1_101):
        core.take(served("a", second))
        core.take(served("b", second))
        assert not named(core.look(second + 0.5))


def test_a_request_before_it_was_ready_does_not_count() -> None:
    core = watched()
    core.take(unready("c", 1_000.5))
    core.take(served("c", 1_000.6))
    core.take(ready("c", 1_001.0))
    for second in range(1_001, 1_012):
        core.take(served("a", second))
        found = named(core.look(second + 0.5))
    assert len(found) == 1


def test_a_span_that_comes_before_the_api_tells_of_ready_counts() -> None:
    core = watched()
    core.take(unready("c", 1_000.5))
    core.take(served("c", 1_001.2))
    core.take(ready("c", 1_001.3, error=0.5))
    core.look(1_002.0)
    row = next(row for row in pod_rows(core.services[SERVICE], 1_002.0, PATIENCE) if row.name == "c")
    assert row.first is not None
    assert row.first.at == 1_001.2


def test_without_any_evidence_nothing_is_claimed() -> None:
    core = watched()
    core.take(ready("c", 1_001.0))
    told = [event for second in range(1_001, 1_101) for event in core.look(second + 0.5)]
    assert not named(told)
    unknown = [event.text for event in told if event.kind is EventKind.NOT_OBSERVED and event.pods == ("c",)]
    assert unknown == ["c is Ready for 40 s; whether anybody calls it is not observed"]
    rows = pod_rows(core.services[SERVICE], 1_100.0, PATIENCE)
    assert [(row.uncalled, row.rate, row.silent, row.share) for row in rows] == [
        (False, None, None, None)
    ] * 3


def test_spans_that_stop_altogether_prove_nothing() -> None:
    core = watched(served("a", 1_000.5), served("b", 1_000.5))
    core.take(ready("c", 1_001.0))
    told = [event for second in range(1_001, 1_101) for event in core.look(second + 0.5)]
    assert not named(told)
    assert [event.pods for event in told if event.kind is EventKind.NOT_OBSERVED] == [("c",)]


def test_spans_that_come_late_are_waited_for() -> None:
    """With spans that are told 20 s late, 10 s of silence are none."""
    core = watched()
    core.take(ready("c", 1_001.0))
    first = 0.0
    for second in range(1_001, 1_101):
        core.take(served("a", second - 20.0, received=second))
        if named(core.look(second + 0.5)) and not first:
            first = second
    assert first >= 1_001 + 20 + PATIENCE / 3


def test_where_some_spans_come_late_all_are_waited_for() -> None:
    """Those of a are told at once, those of b after 20 s: c's may be told as late."""
    core = watched()
    core.take(ready("c", 1_001.0))
    first = 0.0
    for second in range(1_001, 1_101):
        core.take(served("a", second))
        core.take(served("b", second - 20.0, received=second))
        if named(core.look(second + 0.5)) and not first:
            first = second
    assert first >= 1_001 + 20


def test_counters_that_stand_still_prove_it_where_others_grow() -> None:
    core = watched()
    core.take(ready("c", 1_001.0))
    for second in range(1_001, 1_016):
        core.take(sampled("a", second - 1, second, 3))
        core.take(sampled("b", second - 1, second, 3))
        core.take(sampled("c", second - 1, second, 0))
        found = named(core.look(second + 0.5))
        if found:
            break
    assert "no request to it was observed (server metrics)" in found[0].text
    assert second == 1_011


def test_a_stretch_that_began_before_ready_counts_as_called() -> None:
    core = watched()
    core.take(ready("c", 1_001.0))
    core.take(sampled("c", 995.0, 1_010.0, 5))
    for second in range(1_001, 1_101):
        core.take(sampled("a", second - 1, second, 3))
        assert not named(core.look(second + 0.5))


def test_a_new_template_whose_telemetry_is_unproven_is_named_with_that() -> None:
    core = watched()
    core.take(ready("c", 1_001.0, template="t2"))
    for second in range(1_001, 1_012):
        core.take(served("a", second))
        core.take(served("b", second))
        found = named(core.look(second + 0.5))
    assert "no pod of its template has told of a request yet" in found[0].text


def test_clients_alone_say_less() -> None:
    core = watched()
    core.take(ready("c", 1_001.0))
    core.take(listed("a", "b", "c", at=1_001.0))
    for second in range(1_001, 1_012):
        core.take(called("a", second, "checkout-0"))
        core.take(called("b", second, "checkout-0"))
        found = named(core.look(second + 0.5))
    assert "no client that tells of itself has called it (client spans)" in found[0].text
    assert "why is not observed: the instrumentor in the client would tell" in found[0].text


def test_the_workload_that_leaves_a_pod_out_is_named() -> None:
    core = watched()
    core.take(ready("c", 1_001.0))
    told = []
    for second in range(1_001, 1_021):
        for pod in "abc":
            core.take(served(pod, second))
            core.take(called(pod, second, "billing-0", "billing"))
        core.take(called("a", second, "checkout-0"))
        told += named(core.look(second + 0.5))
    assert [event.text.partition(":")[0] for event in told] == [
        "c is Ready for 10 s and others call it; checkout (1 of 1 pod) has not called it"
    ]


def test_why() -> None:
    cases: list[tuple[list[Evidence], Why]] = [
        ([resolved("checkout-0", 1_002.0, "a", "b")], Why.OLD_ANSWER),
        ([resolved("checkout-0", 1_002.0, "a", "b", "c")], Why.KNOWS),
        (
            [resolved("checkout-0", 1_002.0, "a", "b", "c"), connected("checkout-0", "c", 1_002.1)],
            Why.CONNECTED,
        ),
        (
            [
                resolved("checkout-0", 1_002.0, "a", "b", "c"),
                connected("checkout-0", "c", 1_002.1, "TRANSIENT_FAILURE"),
            ],
            Why.CONNECTING,
        ),
        ([], Why.NOT_OBSERVED),
        ([listed("a", "b", at=1_002.0)], Why.NOT_LISTED),
    ]
    for told, why in cases:
        core = watched()
        core.take(ready("c", 1_001.0))
        core.take(listed("a", "b", "c", at=1_001.0))
        for found in told:
            core.take(found)
        events = []
        for second in range(1_003, 1_013):
            core.take(served("a", second))
            core.take(called("b", second, "checkout-0"))
            events += named(core.look(second + 0.5))
        assert dict(events[0].why) == {"checkout": why}, told


def test_a_pod_that_falls_silent_is_told_once() -> None:
    core = watched()
    for second in range(1_001, 1_201):
        core.take(served("a", second))
        if second < 1_050:
            core.take(served("b", second))
        silent = [event for event in core.look(second + 0.5) if event.kind is EventKind.SILENT]
        assert bool(silent) == (second == 1_079), second
    # b was last called at 1,049: 30 s are three times the patience.


PODS = st.sampled_from("abcd")
SECONDS = st.floats(0.0, 120.0).map(lambda s: BEGAN + s)
STEPS = st.lists(
    st.one_of(
        st.builds(ready, PODS, SECONDS, st.floats(0.0, 1.0)),
        st.builds(unready, PODS, SECONDS),
        st.builds(gone, PODS, SECONDS),
        st.builds(served, PODS, SECONDS, SECONDS),
        st.builds(called, PODS, SECONDS, st.sampled_from(["x-0", "x-1"])),
        st.builds(lambda pod, at, n: sampled(pod, at - 15, at, n), PODS, SECONDS, st.integers(0, 5)),
        st.builds(resolved, st.sampled_from(["x-0", "x-1"]), SECONDS, PODS),
        st.builds(connected, st.sampled_from(["x-0", "x-1"]), PODS, SECONDS),
    ),
    max_size=40,
)


@given(STEPS)
def test_a_pod_that_was_called_since_ready_is_never_named(steps: list[object]) -> None:
    core = a_core()
    core.begin(SERVICE)
    for step in steps:
        core.take(step)  # type: ignore[arg-type]  # of whatever kind
        for event in core.look(BEGAN + 130.0):
            for name in (
                event.pods if event.kind is EventKind.UNCALLED and "others call it" not in event.text else ()
            ):
                pod = core.services[SERVICE].pod(name)
                assert pod is not None
                assert pod.ready is not None
                assert not any(
                    getattr(told, "count", 0)
                    and getattr(told, "at", 0.0) >= pod.ready.at
                    and told in steps[: steps.index(step) + 1]
                    and getattr(told, "pod", "") == name
                    and not _since_gone(steps[: steps.index(step) + 1], told, name)
                    for told in steps
                )


def _since_gone(steps: list[object], told: object, name: str) -> bool:
    """Whether the pod was gone, or not Ready, after this was told: then it began anew."""
    after = steps[steps.index(told) :]
    return any(getattr(step, "name", "") == name for step in after)


@given(STEPS)
def test_what_is_not_observed_is_never_a_number_nor_never(steps: list[object]) -> None:
    core = a_core()
    core.begin(SERVICE)
    told: set[str] = set()
    for step in steps:
        core.take(step)  # type: ignore[arg-type]  # of whatever kind
        told |= {step.pod} if hasattr(step, "pod") else set()
    service = core.services[SERVICE]
    for row in pod_rows(service, BEGAN + 130.0, PATIENCE):
        if not told:
            assert (row.rate, row.share, row.silent, row.first, row.uncalled) == (
                None,
                None,
                None,
                None,
                False,
            )
        if row.name not in told:
            assert row.silent is None
            assert row.first is None


def test_more_workloads_than_there_is_room_for_are_counted_and_not_kept() -> None:
    core = watched()
    for number in range(WORKLOADS + 5):
        core.take(called("a", 1_001.0, f"client-{number}", f"workload-{number}"))
    service = core.services[SERVICE]
    assert len(list(service.workloads)) == WORKLOADS
    assert service.workloads.left_out == 5
    assert sum(tally.since_ready for pod in service for tally in pod.tallies.values()) == WORKLOADS + 5


def test_of_a_connection_the_state_that_was_entered_last_counts_however_late_others_are_told() -> None:
    core = watched(
        connected("checkout-0", "a", 1_000.3),
        connected("checkout-0", "a", 1_000.1, "CONNECTING"),
    )
    (row,) = client_rows(core.services[SERVICE], 1_002.0)
    assert row.connections == 1

    core.take(connected("checkout-0", "a", 1_000.9, "SHUTDOWN"))
    core.take(connected("checkout-0", "a", 1_000.5))
    (row,) = client_rows(core.services[SERVICE], 1_002.0)
    assert row.connections == 0


def test_connections_that_are_gone_make_room_for_those_that_are_there() -> None:
    core = watched(connected("checkout-0", "a", 1_000.0))
    for number in range(CHANNELS + 10):
        core.take(Connection("checkout", "checkout-0", f"gone-{number}", ip("b"), "SHUTDOWN", 1_001.0))
    (row,) = client_rows(core.services[SERVICE], 1_002.0)
    assert row.connections == 1


def test_pods_and_channels_and_those_that_are_gone_are_bounded() -> None:
    core = watched()
    for number in range(CLIENTS + 10):
        core.take(called("a", 1_001.0, f"checkout-{number}"))
    for number in range(GONE_KEPT + 50):
        core.take(PodSeen(SERVICE, f"p-{number}", f"10.1.{number}", 1_001.0, Instant(1_001.0)))
        core.take(PodGone(SERVICE, f"p-{number}", Instant(1_002.0)))
    service = core.services[SERVICE]
    workload = service.workloads.get("checkout")
    assert workload is not None
    assert len(workload.pods) == CLIENTS
    assert sum(pod.gone for pod in service) == GONE_KEPT
    assert len(service.addresses()) == 2
