import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lbstudy.platform.interface import RolloutLimits
from lbstudy.platform.local.deployment import Deployment, Pod, PodNames


def pods(*names: str) -> list[Pod]:
    return [Pod(name, f"127.0.1.{number}", 0.0, ready=True) for number, name in enumerate(names)]


def test_names_are_a_deployments_and_the_seed_decides_them() -> None:
    names = PodNames("greeter-stock", seed=7)
    given = [names.next() for _ in range(500)]

    alphabet = "[bcdfghjklmnpqrstvwxz2456789]"
    assert all(re.fullmatch(f"greeter-stock-{alphabet}{{10}}-{alphabet}{{5}}", name) for name in given)
    assert len(set(given)) == 500
    assert len({name.rsplit("-", 1)[0] for name in given}) == 1  # one ReplicaSet
    again = PodNames("greeter-stock", seed=7)
    assert [again.next() for _ in range(500)] == given
    assert PodNames("greeter-stock", seed=8).next() != given[0]
    assert PodNames("greeter-max-age", seed=7).next()[-5:] != given[0][-5:]


def test_the_youngest_go_first() -> None:
    deployment = Deployment(2, pods("a", "b", "c", "d"))

    assert [pod.name for pod in deployment.surplus()] == ["d", "c"]
    assert deployment.missing() == 0


def test_what_is_not_ready_goes_before_the_youngest() -> None:
    deployment = Deployment(2, pods("a", "b", "c", "d"))
    deployment.pods[1].ready = False

    assert [pod.name for pod in deployment.surplus()] == ["b", "d"]


def test_removed_and_exited_pods_do_not_count() -> None:
    deployment = Deployment(3, pods("a", "b", "c", "d"))
    deployment.pods[0].removed = True
    deployment.pods[1].exited = True

    assert deployment.missing() == 1
    assert deployment.surplus() == []


def test_back_off_of_a_crash_loop() -> None:
    deployment = Deployment(1)
    delays = []
    now = 0.0
    for _ in range(8):
        pod = Pod("a", "127.0.1.1", created=now)
        delays.append(deployment.died(pod, now + 1))
        now = deployment.not_before

    assert delays == [0, 1, 2, 4, 8, 16, 30, 30]
    long_lived = Pod("b", "127.0.1.2", created=now)
    assert deployment.died(long_lived, now + 10) == 0


def test_pods_that_die_together_wait_for_the_longest_back_off() -> None:
    deployment = Deployment(3)
    together = pods("a", "b", "c")

    assert [deployment.died(pod, 0.5) for pod in together] == [0, 1, 2]


def rollout(replicas: int, limits: RolloutLimits, order: "st.DataObject") -> tuple[Deployment, int, int]:
    """A rolling update; returns it with the most pods that there were, and the fewest Ready ones."""
    deployment = Deployment(replicas, pods(*(f"old-{i}" for i in range(replicas))), limits=limits)
    deployment.revision = 1
    most, fewest = 0, replicas
    for _ in range(10 * replicas + 10):
        for pod in deployment.surplus():
            pod.removed = True
        for _ in range(deployment.missing()):
            name = f"new-{len(deployment.pods)}"
            deployment.pods.append(Pod(name, "127.0.2.1", created=0.0, revision=1))
        counted = [pod for pod in deployment.pods if pod.counts]
        most = max(most, len(counted))
        fewest = min(fewest, sum(pod.ready for pod in counted))
        starting = [pod for pod in counted if not pod.ready]
        if not starting:
            break
        order.draw(st.sampled_from(starting)).ready = True
    return deployment, most, fewest


@given(
    st.integers(1, 12),
    st.sampled_from([0, 1, 3, "25%", "100%"]),
    st.sampled_from([0, 1, 2, "25%", "50%"]),
    st.data(),
)
def test_a_rolling_update_ends_within_its_limits_whatever_becomes_ready_first(
    replicas: int, surge: int | str, unavailable: int | str, order: "st.DataObject"
) -> None:
    limits = RolloutLimits(surge, unavailable)
    if (surge, unavailable) == (0, 0):
        return  # refused in a file

    deployment, most, fewest = rollout(replicas, limits, order)

    remaining = [pod for pod in deployment.pods if pod.counts]
    assert [(pod.revision, pod.ready) for pod in remaining] == [(1, True)] * replicas
    assert most <= replicas + limits.surge(replicas)
    assert fewest >= replicas - limits.unavailable(replicas)


@pytest.mark.parametrize(
    ("limits", "replicas", "surge", "unavailable"),
    [
        (RolloutLimits(), 3, 1, 0),  # as Kubernetes' documentation has it: surge rounds up, unavailable down
        (RolloutLimits(), 10, 3, 2),
        (RolloutLimits(0, "25%"), 3, 0, 1),  # both would be 0
        (RolloutLimits(2, 1), 3, 2, 1),
    ],
)
def test_shares_are_rounded_as_kubernetes_rounds_them(
    limits: RolloutLimits, replicas: int, surge: int, unavailable: int
) -> None:
    assert (limits.surge(replicas), limits.unavailable(replicas)) == (surge, unavailable)


def test_an_old_pod_that_is_not_ready_is_replaced_before_one_that_serves() -> None:
    deployment = Deployment(3, [*pods("a", "b", "c"), Pod("n", "127.0.2.1", 0.0, ready=True, revision=1)])
    deployment.revision = 1
    deployment.pods[0].ready = False

    assert [pod.name for pod in deployment.surplus()] == ["a"]
