from lbstudy.observation.records import FaultPeriod, Interruption, PodLife, ScaleCommand
from lbstudy.platform.interface import ChangeKind
from lbstudy.store.pods import SeenChange, read_changes, read_faults


def seen(at: float, kind: ChangeKind, pod: str | None = None, detail: str = "") -> SeenChange:
    return SeenChange(at, kind, pod, f"10.0.0.1:{ord(pod)}" if pod else None, detail)


def scale(at: float, servers: int) -> SeenChange:
    return seen(at, ChangeKind.SCALE, detail=str(servers))


def created(at: float, *pods: str) -> list[SeenChange]:
    return [seen(at, ChangeKind.CREATED, pod) for pod in pods]


def terminating(at: float, *pods: str) -> list[SeenChange]:
    return [seen(at, ChangeKind.TERMINATING, pod) for pod in pods]


def commanded(pods: tuple[PodLife, ...]) -> dict[str, tuple[float, float | None]]:
    return {pod.name: (pod.commanded, pod.removal_commanded) for pod in pods}


def test_a_life_from_command_to_exit() -> None:
    kinds = (
        ChangeKind.CREATED,
        ChangeKind.STARTED,
        ChangeKind.READY,
        ChangeKind.PUBLISHED,
        ChangeKind.UNREADY,
        ChangeKind.TERMINATING,
        ChangeKind.UNPUBLISHED,
        ChangeKind.EXITED,
    )
    changes = [
        scale(-5, 1),
        scale(5.5, 0),
        *(seen(float(i), kind, "a") for i, kind in enumerate(kinds, start=1)),
    ]
    commands, (pod,) = read_changes(changes)
    assert commands == (ScaleCommand(-5, 1), ScaleCommand(5.5, 0))
    assert pod == PodLife(
        "a",
        "10.0.0.1:97",
        commanded=-5,
        created=1,
        started=2,
        ready=3,
        published=4,
        removal_commanded=5.5,
        terminating=6,
        unpublished=7,
        exited=8,
        interruptions=(Interruption(5),),
    )


def test_each_command_brings_and_takes_as_many_as_it_changes() -> None:
    changes = [
        scale(-5, 1), *created(-4.9, "a"),
        scale(20, 3), *created(20.1, "b", "c"),
        scale(55, 1), *terminating(55.1, "c", "b"),
        *terminating(80.2, "a"),  # the tear-down, which nobody commanded
    ]  # fmt: skip
    _, pods = read_changes(changes)
    assert commanded(pods) == {"a": (-5, None), "b": (20, 55), "c": (20, 55)}
    assert [pod.terminating for pod in pods] == [80.2, 55.1, 55.1]


def test_a_pod_that_takes_the_place_of_one_that_died_was_not_commanded() -> None:
    changes = [
        scale(-5, 2), *created(-4.9, "a", "b"),
        seen(10, ChangeKind.EXITED, "b", "-9"),
        *created(10.5, "c"),
    ]  # fmt: skip
    _, pods = read_changes(changes)
    assert commanded(pods)["c"] == (10.5, None)


def test_a_pod_may_come_after_the_next_command() -> None:
    changes = [scale(-5, 1), *created(-4.9, "a"), scale(20, 2), scale(21, 3), *created(22, "b", "c")]
    _, pods = read_changes(changes)
    assert commanded(pods) == {"a": (-5, None), "b": (20, None), "c": (21, None)}


def test_where_the_platform_tells_of_no_first_command_it_is_what_came_before_the_next() -> None:
    changes = [*created(-4.9, "a", "b"), scale(20, 3), *created(20.1, "c")]
    commands, pods = read_changes(changes)
    assert commands == (ScaleCommand(-4.9, 2), ScaleCommand(20, 3))
    assert commanded(pods) == {"a": (-4.9, None), "b": (-4.9, None), "c": (20, None)}


def test_changes_are_read_in_order_of_time_and_only_the_first_ready_counts() -> None:
    changes = [
        seen(9, ChangeKind.READY, "a"),
        seen(3, ChangeKind.READY, "a"),
        *created(2, "a"),
        scale(1, 1),
    ]
    _, (pod,) = read_changes(changes)
    assert (pod.commanded, pod.ready) == (1, 3)


def test_nothing() -> None:
    assert read_changes([]) == ((), ())
    assert read_changes([seen(1, ChangeKind.READY, "a")]) == ((), ())  # a pod that was never created


def test_a_pod_that_is_not_ready_for_a_while() -> None:
    kinds = (
        ChangeKind.CREATED,
        ChangeKind.STARTED,
        ChangeKind.READY,
        ChangeKind.PUBLISHED,
        ChangeKind.UNREADY,  # 5
        ChangeKind.UNPUBLISHED,
        ChangeKind.READY,
        ChangeKind.PUBLISHED,
        ChangeKind.UNREADY,  # 9
        ChangeKind.UNPUBLISHED,
        ChangeKind.TERMINATING,
        ChangeKind.EXITED,
    )
    changes = [scale(-5, 1), *(seen(float(i), kind, "a") for i, kind in enumerate(kinds, start=1))]
    _, (pod,) = read_changes(changes)
    assert pod.interruptions == (Interruption(5, 6, 7, 8), Interruption(9, 10))
    assert (pod.ready, pod.published, pod.unpublished, pod.exited) == (3, 4, 10, 12)
    _, (pod,) = read_changes(changes[:9])
    assert pod.unpublished is None  # it came back


def test_faults_from_beginning_to_end() -> None:
    changes = [
        seen(1, ChangeKind.FAULT, "a", "slow"),
        seen(2, ChangeKind.FAULT, None, "dns"),
        seen(3, ChangeKind.FAULT, "b", "slow"),
        seen(4, ChangeKind.LIFTED, "a", "slow"),
        seen(5, ChangeKind.FAULT, "a", "slow"),  # once more
        seen(6, ChangeKind.LIFTED, None, "dns"),
        seen(7, ChangeKind.LIFTED, "a", "slow"),
        seen(8, ChangeKind.LIFTED, "c", "slow"),  # nobody said that it began
    ]
    assert read_faults(changes, {"slow": "latency"}) == (
        FaultPeriod("slow", "a", 1, 4, "latency"),
        FaultPeriod("dns", None, 2, 6),
        FaultPeriod("slow", "b", 3, None, "latency"),
        FaultPeriod("slow", "a", 5, 7, "latency"),
    )
