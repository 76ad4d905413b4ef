import re

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
