"""Why pods do not start: told once, in the cluster's words, and not waited for when it does not heal."""

import pytest
from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.names import WORKLOAD
from lbstudy.platform.kubernetes.troubles import PodTrouble, Troubles

SERVERS = "greeter-stock"


def metadata(name: str, workload: str = SERVERS) -> wire.Metadata:
    return wire.Metadata(name, f"uid-{name}", labels={WORKLOAD: workload})


def waiting(name: str, reason: str, message: str = "", *, restarts: int = 0) -> wire.Pod:
    last = wire.ContainerState(terminated=wire.Terminated(3)) if restarts else wire.ContainerState()
    state = wire.ContainerState(waiting=wire.Waiting(reason, message))
    status = wire.ContainerStatus("server", state, last, restarts)
    return wire.Pod(metadata(name), status=wire.PodStatus("Pending", container_statuses=(status,)))


def unscheduled(name: str, reason: str = "Unschedulable") -> wire.Pod:
    condition = wire.Condition("PodScheduled", "False", reason, "0/1 nodes: Insufficient cpu.")
    return wire.Pod(metadata(name), status=wire.PodStatus("Pending", conditions=(condition,)))


def running(name: str) -> wire.Pod:
    status = wire.ContainerStatus("server", wire.ContainerState(running={}))
    return wire.Pod(metadata(name), status=wire.PodStatus("Running", container_statuses=(status,)))


def event(reason: str, name: str, kind: str = "Pod", type_: str = "Warning") -> wire.Notice:
    return wire.Notice(wire.Metadata("e"), wire.Reference(kind, name), reason, "because", type_)


def lines(found: list[tuple[PodTrouble, int]]) -> list[str]:
    return [trouble.text(pods) for trouble, pods in found]


def ends_after(troubles: Troubles) -> float | None:
    """The first whole second at which it is taken for one that does not heal; None within ten minutes."""
    return next((second for second in range(600) if troubles.final(second)), None)


@pytest.mark.parametrize(
    ("pod", "line", "ends"),
    [
        (waiting("a", "InvalidImageName", "no"), "a pod cannot start: InvalidImageName: no", 0),
        (waiting("a", "ErrImagePull", "x: not found"), "a pod cannot start: ErrImagePull: x: not found", 0),
        (waiting("a", "ErrImagePull", "i/o timeout"), "a pod cannot start: ErrImagePull: i/o timeout", 60),
        (waiting("a", "CreateContainerConfigError", 'configmap "x" not found'),
         'a pod cannot start: CreateContainerConfigError: configmap "x" not found', 3),
        (waiting("a", "RunContainerError", 'exec: "x": no such file'),
         'a pod cannot start: RunContainerError: exec: "x": no such file', 0),
        # A node with many pods to start: its container runtime did not answer within two minutes.
        (waiting("a", "RunContainerError", "context deadline exceeded"),
         "a pod cannot start: RunContainerError: context deadline exceeded", None),
        (waiting("a", "CreateContainerError", "context deadline exceeded"),
         "a pod cannot start: CreateContainerError: context deadline exceeded", None),
        (waiting("a", "CrashLoopBackOff", "back-off 10s", restarts=2),
         "a pod cannot start: CrashLoopBackOff: ended 2 times, last with status 3", 30),
        (unscheduled("a"), "a pod cannot start: Unschedulable: 0/1 nodes: Insufficient cpu.", 20),
        (waiting("a", "ContainerCreating"), None, None),
        (unscheduled("a", "SchedulingGated"), None, None),
        (running("a"), None, None),
    ],
)  # fmt: skip
def test_what_a_pod_says(pod: wire.Pod, line: str | None, ends: int | None) -> None:
    troubles = Troubles()
    troubles.see_pods([pod], [], 0.0)
    assert lines(troubles.current()) == ([] if line is None else [f"{SERVERS}: {line}"])
    assert ends_after(troubles) == ends


def test_pods_that_have_the_same_are_counted_and_one_that_runs_has_none() -> None:
    troubles = Troubles()
    troubles.see_pods([waiting(name, "ImagePullBackOff", "x") for name in "abc"], [], 0.0)
    assert lines(troubles.current()) == [f"{SERVERS}: 3 pods cannot start: ImagePullBackOff: x"]
    troubles.see_pods([running("a")], [waiting("b", "ImagePullBackOff")], 1.0)
    assert lines(troubles.current()) == [f"{SERVERS}: a pod cannot start: ImagePullBackOff: x"]
    troubles.see_pods([], [], 2.0, complete=True)
    assert troubles.current() == []


def test_a_pull_that_fails_is_one_trouble_whatever_it_is_called_meanwhile() -> None:
    troubles = Troubles()
    for second in range(0, 60, 10):
        reason = "ErrImagePull" if second % 20 else "ImagePullBackOff"
        troubles.see_pods([waiting("a", reason, "i/o timeout")], [], second)
    assert not troubles.final(59)
    assert troubles.final(60)


def test_pods_that_cannot_be_made() -> None:
    troubles = Troubles()
    made = wire.Deployment(metadata(SERVERS))
    # A Job that failed is told by its pod's exit status.
    failed = wire.WorkloadStatus((wire.Condition("Failed", "True", "BackoffLimitExceeded"),))
    troubles.see_workloads([made, wire.Job(metadata("client-stock"), failed)], 0.0)
    # The event comes at once, the condition after it; that of another's ReplicaSet is none of the run's.
    troubles.see_events([event("FailedCreate", "other-7c9", "ReplicaSet")], 0.0)
    assert troubles.current() == []
    troubles.see_events([event("FailedCreate", f"{SERVERS}-7c9", "ReplicaSet")], 0.0)
    quota = wire.Condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: tight")
    troubles.see_workloads([wire.Deployment(metadata(SERVERS), wire.WorkloadStatus((quota,)))], 1.0)
    assert lines(troubles.current()) == [
        f"{SERVERS}: pods cannot be made: FailedCreate: exceeded quota: tight"
    ]
    assert ends_after(troubles) == 3
    troubles.see_pods([waiting("a", "ContainerCreating")], [], 2.0)  # one was made after all
    assert troubles.current() == []


def test_events_say_what_a_container_that_waits_does_not() -> None:
    troubles = Troubles()
    troubles.see_pods([waiting("a", "ContainerCreating"), running("b")], [], 0.0)
    troubles.see_events([event("FailedMount", "a"), event("FailedMount", "b"), event("Unhealthy", "a")], 0.0)
    assert lines(troubles.current()) == [f"{SERVERS}: a pod cannot start: FailedMount: because"]
    assert ends_after(troubles) is None  # it is tried again
    troubles.see_pods([running("a")], [], 1.0)
    assert troubles.current() == []


def test_a_node_that_is_being_made_is_waited_for() -> None:
    troubles = Troubles()
    troubles.see_pods([unscheduled("a")], [], 0.0)
    troubles.see_events([event("TriggeredScaleUp", "a", type_="Normal")], 8.0)
    assert lines(troubles.current())
    assert ends_after(troubles) is None


def test_a_crash_that_is_a_fault_is_no_trouble() -> None:
    troubles = Troubles(lambda name: name == SERVERS)
    troubles.see_pods([waiting("a", "CrashLoopBackOff", restarts=2)], [], 0.0)
    assert troubles.current() == []
