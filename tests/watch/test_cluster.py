"""What a Service's watches make of what the API tells."""

import time
from typing import cast

from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.api import Cluster
from lbstudy.platform.kubernetes.watch import WatchReport
from lbstudy.watch.cluster import ServiceWatch
from lbstudy.watch.evidence import Evidence, PodGone, PodSeen


def a_pod(name: str, uid: str, phase: str = "Running") -> wire.Pod:
    return wire.Pod(wire.Metadata(name=name, uid=uid), status=wire.PodStatus(phase=phase, pod_ip="10.0.0.1"))


def told(*seen: WatchReport[wire.Pod]) -> list[str]:
    """What it told of pods, as "+a" and "-a"."""
    found: list[Evidence] = []
    watch = ServiceWatch(cast("Cluster", None), "shop/orders", found.append)
    for one in seen:
        watch._saw_pods(one)
    return [
        f"{'+' if isinstance(one, PodSeen) else '-'}{one.name}"
        for one in found
        if isinstance(one, PodSeen | PodGone)
    ]


def seen(*pods: wire.Pod, complete: bool = False) -> WatchReport[wire.Pod]:
    now = time.monotonic_ns()
    return WatchReport(now, now, pods, complete=complete)


def test_what_a_new_list_does_not_have_is_gone() -> None:
    first = seen(a_pod("a", "1"), a_pod("b", "2"), complete=True)
    assert told(first, seen(a_pod("b", "2"), complete=True)) == ["+a", "+b", "+b", "-a"]


def test_a_name_that_is_given_again_is_another_pod() -> None:
    assert told(seen(a_pod("orders-0", "1")), seen(a_pod("orders-0", "2"))) == [
        "+orders-0",
        "-orders-0",
        "+orders-0",
    ]


def test_a_pod_that_has_ended_is_gone_once() -> None:
    assert told(seen(a_pod("a", "1")), seen(a_pod("a", "1", "Failed")), seen(a_pod("a", "1", "Failed"))) == [
        "+a",
        "-a",
    ]
