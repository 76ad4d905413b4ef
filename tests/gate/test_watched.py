"""A requirement against a watch: what is in time, late, between the two, and not known are four things."""

import xml.etree.ElementTree as ET

import jsonschema
import pytest
from lbstudy.config import Requirement
from lbstudy.config.requirement import (
    AnyClause,
    Connections,
    DnsQueries,
    FailingServer,
    HungServer,
    KilledServer,
    MeasureClause,
    NewServer,
)
from lbstudy.gate.model import ClauseVerdict, GateResult, State
from lbstudy.gate.watched import judge
from lbstudy.report.gate_junit import render_junit
from lbstudy.report.gate_markdown import render_gate
from lbstudy.report.gate_terminal import gate_as_text
from lbstudy.report.schemas import json_schema
from lbstudy.watch.model import (
    ClientResult,
    EventResult,
    FirstCall,
    LeftOutBy,
    PodResult,
    ServiceResult,
    SourceResult,
    WatchResult,
    When,
)

SOON = NewServer(kind="new-server", within=10)
HUNG = HungServer(kind="hung-server", lost_at_most=0)
MEASURED = MeasureClause(kind="measure", measure="errors.count", at_most=0, scenario="steady")
READY = When(at=1_100.0, error=0.0)
MANY = 50  # requests to others: enough for some to have come to the pod


def call(
    after: float, error: float = 0.0, *, workload: str = "checkout", before: int = MANY, ready: When = READY
) -> FirstCall:
    when = When(at=ready.at + after, error=error)
    return FirstCall(workload=workload, first=when, requests=5, pods=1, before=before)


def pod(
    *callers: FirstCall,
    name: str = "c",
    ready: When | None = READY,
    first_ready: When | None = None,
    status: str = "Ready",
    others: int | None = MANY,
    until: float | None = None,
    proven: bool = True,
    left_out_by: tuple[LeftOutBy, ...] = (),
    first: When | None = None,
) -> PodResult:
    """A pod that became Ready during the watch."""
    earliest = first or min((one.first for one in callers), key=lambda when: when.at, default=None)
    stage = first_ready or ready
    return PodResult(
        name=name,
        ip="10.0.0.3",
        status=status,
        came=True,
        went=False,
        stages={} if stage is None else {"ready": stage},
        last_ready=ready,
        first_request=earliest,
        requests={},
        silent=None,
        uncalled=False,
        callers=list(callers),
        others=others,
        observed_until=until,
        proven=proven,
        left_out_by=list(left_out_by),
    )


def left_out(seconds: float, workload: str = "checkout") -> tuple[LeftOutBy, ...]:
    return (LeftOutBy(workload=workload, until=READY.at + seconds),)


def client(name: str = "checkout", since: float | None = 1_000.0) -> ClientResult:
    return ClientResult(
        name=name,
        pods=1,
        requests=None if since is None else 500,
        since=since,
        addresses_known=None,
        ready=3,
        last_update=None,
        connections=None,
    )


def watch(
    *pods: PodResult,
    clients: tuple[ClientResult, ...] = (client(),),
    events: tuple[EventResult, ...] = (),
    lacks: str = "",
) -> WatchResult:
    old = pod(name="a", ready=When(at=500.0, error=0.0))
    return WatchResult(
        began=1_000.0,
        ended=1_300.0,
        patience=10.0,
        sources=[SourceResult(name="spans", has="" if lacks else "9 spans", lacks=lacks)],
        services=[ServiceResult(name="shop/orders", pods=[old, *pods], clients=list(clients))],
        events=list(events),
        events_in_all=len(events),
    )


def judged(found: WatchResult, *clauses: AnyClause) -> GateResult:
    requirement = Requirement(name="mine", description="d", clause=list(clauses or (SOON,)))
    return judge(requirement, found, command="lbstudy gate", started="2026-11-27T02:00:00+00:00")


def only(found: GateResult) -> ClauseVerdict:
    (clause,) = found.settings[0].clauses
    return clause


@pytest.mark.parametrize(
    ("first", "ready", "state"),
    [
        (call(9.0), READY, State.HOLDS),
        (call(10.0), READY, State.HOLDS),
        (call(10.1), READY, State.FAILS),
        # the latest that it can have been counts for "holds", the earliest for "does not hold"
        (call(9.5, ready=When(at=1_100.0, error=1.0)), When(at=1_100.0, error=1.0), State.UNDECIDED),
        (call(15.0, error=6.0), READY, State.UNDECIDED),
        (call(15.0, error=4.9), READY, State.FAILS),
        (call(9.9, error=9.9), READY, State.HOLDS),
    ],
)
def test_bounds_decide_only_where_they_leave_no_doubt(first: FirstCall, ready: When, state: State) -> None:
    found = only(judged(watch(pod(first, ready=ready))))

    assert found.state is state
    assert found.runs[0].held is {State.HOLDS: True, State.FAILS: False}.get(state)


def test_what_holds_names_the_pods_and_clients() -> None:
    found = judged(watch(pod(call(2.0)), pod(call(3.0), name="d")))

    assert only(found).runs[0].found == "2 pods became Ready; called by checkout within 3 s"
    assert found.watched is not None
    assert found.watched.became_ready == ["c", "d"]


def test_every_client_counts_not_only_the_first() -> None:
    found = only(
        judged(watch(pod(call(1.0), call(20.0, workload="cart")), clients=(client(), client("cart"))))
    )

    assert found.state is State.FAILS
    assert found.reason == "cart called c 20 s after that was Ready."


@pytest.mark.parametrize(("seconds", "state"), [(30.0, State.FAILS), (9.0, State.UNDECIDED)])
def test_a_call_that_never_came_is_late_once_it_was_waited_for_so_long(seconds: float, state: State) -> None:
    """Censored beyond the bound, or before it."""
    found = only(
        judged(
            watch(
                pod(call(1.0, workload="cart"), left_out_by=left_out(seconds)),
                clients=(client(), client("cart")),
            )
        )
    )

    assert found.state is state
    assert f"checkout did not call c in the {'30 s' if seconds == 30 else '9.0 s'}" in found.runs[0].found


def test_the_reason_has_the_watchs_words_for_this_pod_and_client() -> None:
    def event(text: str, pods: str = "c", why: str = "checkout") -> EventResult:
        return EventResult(
            at=1_110.0, service="shop/orders", kind="uncalled", text=text, pods=[pods], why={why: "waits"}
        )

    events = (event("checkout waits"), event("cart waits", why="cart"), event("d waits", pods="d"))
    found = only(judged(watch(pod(left_out_by=left_out(30.0)), events=events)))

    assert found.reason == (
        'checkout did not call c in the 30 s since that was Ready. The watch said: "checkout waits".'
    )


def test_who_made_few_requests_is_not_late() -> None:
    late, never = pod(call(30.0, before=2), others=2), pod(others=2)

    for found in (late, never):
        assert only(judged(watch(found))).state is State.UNDECIDED


def test_a_client_that_began_after_ready_is_measured_from_its_beginning() -> None:
    found = pod(call(30.0), call(1.0, workload="cart"))
    clients = client(since=READY.at + 25), client("cart")
    assert only(judged(watch(found, clients=clients))).state is State.UNDECIDED
    clients = client(since=READY.at + 15), client("cart")
    assert only(judged(watch(found, clients=clients))).state is State.FAILS


def test_pods_whose_telemetry_may_be_other_are_not_late() -> None:
    found = only(judged(watch(pod(left_out_by=left_out(30.0), proven=False))))

    assert found.state is State.UNDECIDED
    assert "no pod of its template has told of any request" in found.runs[0].found


def test_a_pod_that_left_before_it_was_called_is_undecided() -> None:
    found = only(judged(watch(pod(status="gone"))))

    assert (found.state, "which is gone" in found.runs[0].found) == (State.UNDECIDED, True)


def test_a_pod_that_was_ready_several_times_does_not_hold_by_its_last_time() -> None:
    before = When(at=1_050.0, error=0.0)
    assert only(judged(watch(pod(call(1.0), first_ready=before)))).state is State.UNDECIDED
    assert only(judged(watch(pod(call(30.0), first_ready=before)))).state is State.FAILS


def test_no_rollout_was_seen() -> None:
    found = judged(watch())

    assert (found.state, only(found).runs[0].found) == (
        State.UNDECIDED,
        "no rollout was seen: no pod became Ready during the watch",
    )


def test_a_pod_that_was_ready_before_is_no_news() -> None:
    before = pod(name="b", ready=When(at=999.0, error=0.0), left_out_by=left_out(30.0))
    assert judged(watch(before)).state is State.UNDECIDED
    assert judged(watch(before, pod(call(1.0)))).state is State.HOLDS


def test_without_any_client_only_a_late_pod_is_known() -> None:
    """Counters of servers: when somebody called the pod, but not who."""

    def alone(found: PodResult) -> ClauseVerdict:
        return only(judged(watch(found, clients=(), lacks="none came")))

    in_time = alone(pod(first=When(at=1_103.0, error=3.0)))
    assert in_time.state is State.NOT_OBSERVED
    assert "which clients called it is not observed: their spans would tell" in in_time.runs[0].found
    assert alone(pod(first=When(at=1_130.0, error=15.0))).state is State.FAILS
    assert alone(pod(first=When(at=1_130.0, error=25.0))).state is State.NOT_OBSERVED
    assert alone(pod(until=1_130.0)).state is State.FAILS
    assert alone(pod(until=1_130.0, others=3)).state is State.UNDECIDED
    assert alone(pod(until=1_105.0)).state is State.UNDECIDED
    nothing = alone(pod(others=0))
    assert nothing.state is State.NOT_OBSERVED
    assert "whether anybody called c is not observed (spans: none came)" in nothing.runs[0].found


def test_a_client_whose_requests_nobody_tells_is_not_observed() -> None:
    found = only(judged(watch(pod(call(1.0, workload="cart")), clients=(client(since=None), client("cart")))))

    assert found.state is State.NOT_OBSERVED
    assert "whether checkout called c is not observed" in found.runs[0].found


@pytest.mark.parametrize(
    ("clause", "state"),
    [
        (HUNG, State.NOT_JUDGED),
        (FailingServer(kind="failing-server", lost_at_most=0), State.NOT_JUDGED),
        (KilledServer(kind="killed-server", lost_at_most=0), State.NOT_JUDGED),
        (MEASURED, State.NOT_JUDGED),
        (Connections(kind="connections", at_most=5), State.NOT_OBSERVED),
        (DnsQueries(kind="dns-queries", at_most=5), State.NOT_OBSERVED),
    ],
)
def test_what_a_watch_does_not_see_neither_holds_nor_fails(clause: AnyClause, state: State) -> None:
    found = only(judged(watch(pod(call(1.0))), clause))

    assert (found.state, found.runs[0].held, found.held) == (state, None, 0)
    assert found.runs[0].found.startswith(state.value)


def test_clauses_that_it_does_not_judge_leave_the_verdict_to_the_others_and_are_named() -> None:
    holds = judged(watch(pod(call(1.0))), SOON, HUNG)
    assert holds.state is State.HOLDS
    assert gate_as_text(holds).startswith(
        "What a watch can judge of the requirement mine holds. A watch does not judge: hung-server."
    )
    fails = judged(watch(pod(call(30.0))), SOON, HUNG)
    assert fails.state is State.FAILS
    assert "The requirement mine does not hold. A watch does not judge: hung-server." in render_gate(fails)
    assert judged(watch(pod(call(1.0))), HUNG).state is State.NOT_JUDGED
    unseen = judged(watch(pod(call(1.0))), SOON, DnsQueries(kind="dns-queries", at_most=5))
    assert unseen.state is State.NOT_OBSERVED


def test_its_forms_say_that_it_was_a_watch() -> None:
    found = judged(watch(pod(call(30.0)), pod(call(1.0), name="d")), SOON, HUNG)
    jsonschema.validate(found.model_dump(mode="json"), json_schema("gate"))

    text = gate_as_text(found)
    assert "shop/orders: does not hold" in text
    assert "does not hold (by a watch)\n      2 pods became Ready; checkout called c 30 s after" in text
    markdown = render_gate(found)
    assert "Service `shop/orders`" in markdown
    assert "Watched for 5 min, in which 2 pods became Ready. This is one observation" in markdown
    assert "Confidence" not in markdown
    suite = ET.fromstring(render_junit(found))[0]
    assert suite.get("name") == "mine in shop/orders"
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["2", "1", "0", "1"]
    assert [[part.tag for part in case] for case in suite] == [
        ["failure", "system-out"],
        ["skipped", "system-out"],
    ]
