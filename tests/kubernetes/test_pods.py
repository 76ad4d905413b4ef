"""From what watches and DNS tell to changes: each once, whatever the watches go through."""

from lbstudy.platform.interface import Change
from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.pods import Pods

from tests.kubernetes.objects import CLIENT, SERVICE, at, pod, pods, slice_of, told


def see(state: Pods, *changed: wire.Pod, second: float = 1.0) -> list[Change]:
    return state.see_pods(changed, (), at(second), complete=False)


def up(state: Pods, name: str, ip: str = "10.0.0.7") -> None:
    see(state, pod(name, node="n", ip=ip, running=True, ready=True))


def test_a_life_stage_by_stage() -> None:
    state = pods()

    assert told(see(state, pod("a"))) == ["created a"]
    assert told(see(state, pod("a", node="n"))) == ["scheduled a"]
    assert told(see(state, pod("a", node="n", ip="10.0.0.7", running=True, ready=False))) == ["started a"]
    (ready,) = see(state, pod("a", node="n", ip="10.0.0.7", running=True, ready=True), second=4.5)
    assert (ready.kind, ready.at, ready.address) == ("ready", 4_500_000_000, "10.0.0.7:50051")
    assert told(state.see_slices([slice_of("s", ["a"])], (), at(5), complete=False)) == ["endpoint a"]
    assert told(state.see_answer(SERVICE, ["10.0.0.7"], at(6, 0.05))) == ["published a"]

    leaving = pod("a", node="n", ip="10.0.0.7", running=True, ready=True, leaving=True)
    assert told(see(state, leaving)) == ["terminating a"]
    assert told(state.see_slices([slice_of("s", [], ["a"])], (), at(8), complete=False)) == ["withdrawn a"]
    assert told(state.see_answer(SERVICE, [], at(9))) == ["unpublished a"]
    (exited,) = see(state, pod("a", node="n", leaving=True, exit_code=0))
    assert (exited.kind, exited.detail) == ("exited", "0")
    assert state.see_pods((), [pod("a", leaving=True, exit_code=0)], at(11), complete=False) == []


def test_what_was_told_is_not_told_again() -> None:
    state = pods()
    up(state, "a")
    state.see_slices([slice_of("s", ["a"])], (), at(2), complete=False)

    again = pod("a", node="n", ip="10.0.0.7", running=True, ready=True)

    assert see(state, again) == []
    assert state.see_pods([again], (), at(3), complete=True) == []
    assert state.see_slices([slice_of("s", ["a"])], (), at(3), complete=True) == []


def test_several_changes_in_one_event_are_all_told_in_order() -> None:
    state = pods()
    one = pod("a", node="n", ip="10.0.0.7", running=True, ready=True)
    assert told(see(state, one)) == ["created a", "scheduled a", "started a", "ready a"]


def test_a_list_after_a_lost_watch_tells_what_was_missed_with_its_bound() -> None:
    state = pods()
    up(state, "a")
    up(state, "b", "10.0.0.8")

    missed = state.see_pods(
        [pod("b", node="n", ip="10.0.0.8", running=True, ready=False), pod("c", node="n")],
        (),
        at(30, 12.5),
        complete=True,
    )

    assert told(missed) == ["unready b", "created c", "scheduled c", "exited a"]
    assert {change.error for change in missed} == {12.5}
    assert next(change for change in missed if change.pod == "a").detail == ""  # nobody told how it ended


def test_a_list_of_slices_after_a_lost_watch_withdraws_what_is_no_more() -> None:
    state = pods()
    up(state, "a")
    up(state, "b", "10.0.0.8")
    state.see_slices([slice_of("s", ["a"]), slice_of("t", ["b"])], (), at(2), complete=False)

    assert told(state.see_slices([slice_of("s", ["a"])], (), at(9), complete=True)) == ["withdrawn b"]


def test_a_service_with_several_slices() -> None:
    state = pods()
    for number, name in enumerate("abc"):
        up(state, name, f"10.0.0.{number}")

    first = state.see_slices([slice_of("s", ["a", "b"])], (), at(2), complete=False)
    second = state.see_slices([slice_of("t", ["c"])], (), at(3), complete=False)
    assert told(first) == ["endpoint a", "endpoint b"]
    assert told(second) == ["endpoint c"]
    # One that is in two slices for a while is told once, and goes when it is in none.
    assert state.see_slices([slice_of("t", ["c", "b"])], (), at(4), complete=False) == []
    assert state.see_slices([slice_of("s", ["a"])], (), at(5), complete=False) == []
    gone = state.see_slices((), [slice_of("t", ["c", "b"])], at(6), complete=False)
    assert told(gone) == ["withdrawn b", "withdrawn c"]


def test_slices_of_another_service_do_not_matter() -> None:
    state = pods()
    up(state, "a")
    assert state.see_slices([slice_of("s", ["a"], service="other")], (), at(2), complete=False) == []


def test_an_endpoint_that_does_not_tell_its_readiness_is_ready() -> None:
    state = pods()
    up(state, "a")
    endpoint = wire.ServiceEndpoint(("10.0.0.7",), target_ref=wire.Reference("Pod", "a"))
    one = wire.EndpointSlice(
        wire.Metadata("s", "uid-s", labels={"kubernetes.io/service-name": SERVICE}), (endpoint,)
    )
    assert told(state.see_slices([one], (), at(2), complete=False)) == ["endpoint a"]


def test_a_slice_that_comes_before_its_pod_is_told_with_the_pod() -> None:
    state = pods()
    assert state.see_slices([slice_of("s", ["a"])], (), at(1), complete=False) == []
    assert told(see(state, pod("a"), second=2)) == ["created a", "endpoint a"]


def test_an_answer_that_comes_before_the_address_is_known_is_told_with_it() -> None:
    state = pods()
    see(state, pod("a"))
    assert state.see_answer(SERVICE, ["10.0.0.7"], at(2)) == []
    assert "published a" in told(see(state, pod("a", node="n", ip="10.0.0.7")))


def test_an_address_that_is_given_again_is_the_newest_pods() -> None:
    state = pods()
    up(state, "a")
    state.see_answer(SERVICE, ["10.0.0.7"], at(2))
    state.see_answer(SERVICE, [], at(3))
    see(state, pod("a", node="n", ip="10.0.0.7", leaving=True, exit_code=0))
    up(state, "b")
    assert told(state.see_answer(SERVICE, ["10.0.0.7"], at(5))) == ["published b"]


def test_a_pod_without_conditions_is_not_ready() -> None:
    state = pods()
    assert told(see(state, pod("a", node="n", running=True))) == ["created a", "scheduled a", "started a"]


def test_readiness_that_flaps_is_told_each_time() -> None:
    state = pods()
    up(state, "a")
    flaps = [
        told(see(state, pod("a", node="n", ip="10.0.0.7", running=True, ready=is_ready)))
        for is_ready in (False, True, False)
    ]
    assert flaps == [["unready a"], ["ready a"], ["unready a"]]


def test_a_container_that_is_started_again_does_not_end_its_pod() -> None:
    state = pods()
    up(state, "a")
    assert told(see(state, pod("a", node="n", ip="10.0.0.7", exit_code=137, ready=False))) == ["unready a"]
    assert told(see(state, pod("a", node="n", ip="10.0.0.7", running=True, ready=True))) == ["ready a"]


def test_a_pod_deleted_with_no_grace_has_an_unknown_status() -> None:
    state = pods()
    up(state, "a")
    gone = state.see_pods((), [pod("a", node="n", running=True, ready=True)], at(5), complete=False)
    assert told(gone) == ["exited a"]
    assert gone[0].detail == ""


def test_a_clients_end_and_status() -> None:
    state = pods()
    see(state, pod("c", node="n", running=True, workload=CLIENT))
    ended = see(state, pod("c", node="n", exit_code=3, phase="Failed", workload=CLIENT))
    assert [(change.kind, change.deployment, change.detail) for change in ended] == [("exited", CLIENT, "3")]
    (client,) = state.of(CLIENT)
    assert client.exit_status == "3"


def test_a_name_that_is_used_again_is_another_pod() -> None:
    state = pods()
    up(state, "a")
    state.see_pods((), [pod("a")], at(3), complete=False)
    assert told(see(state, pod("a", uid="another"), second=4)) == ["created a"]
    assert len(state.of(SERVICE)) == 2


def test_an_ipv6_address_is_written_as_clients_see_it() -> None:
    state = pods()
    changes = see(state, pod("a", node="n", ip="fd00::7", running=True, ready=True))
    assert changes[-1].address == "[fd00::7]:50051"
