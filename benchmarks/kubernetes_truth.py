"""How late a watch is on a real cluster, by a referee: the scheduler's own events, which have microseconds.

    .venv/bin/python benchmarks/kubernetes_truth.py [--pods 30] [--namespace default]

Pods that never start (their image does not exist) are created one after the other. For each, the scheduler
writes an Event, stamped once it has bound the pod; the platform's watch tells when it heard of that. Printed
is the difference: where the scheduler is slow to stamp, it may be negative. Both clocks must be one.

The target: at most 50 ms.
"""

import argparse
import asyncio
import time
from datetime import datetime

from lbstudy.platform.interface import ChangeKind
from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.api import Cluster, connect
from lbstudy.platform.kubernetes.names import RUN, WORKLOAD
from lbstudy.platform.kubernetes.pods import Pods, Receipt
from lbstudy.platform.kubernetes.watch import Watch, WatchReport
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

LABEL = "truth"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pods", type=int, default=30)
    parser.add_argument("--namespace", default="default")
    args = parser.parse_args()
    asyncio.run(measure(args.pods, args.namespace))


async def measure(pods: int, namespace: str) -> None:
    """Create pods, and compare what the watch says with what the scheduler says."""
    cluster = connect(None, namespace)
    state = Pods(lambda _: False)
    heard: dict[str, int] = {}
    more = asyncio.Event()

    def take(seen: WatchReport[wire.Pod]) -> None:
        receipt = Receipt(time.time_ns(), 0.0)
        for change in state.see_pods(seen.changed, seen.deleted, receipt, complete=seen.complete):
            if change.kind is ChangeKind.SCHEDULED and change.pod is not None:
                heard[change.pod] = change.at
                more.set()

    watching = asyncio.create_task(Watch(cluster, ("api/v1", "pods"), wire.Pod, f"{RUN}={LABEL}", take).run())
    names = [f"truth-{number}" for number in range(pods)]
    try:
        for name in names:
            more.clear()
            await cluster.objects.create(pod(name))
            while name not in heard:
                await more.wait()
                more.clear()
        scheduled = await events(cluster, names)
    finally:
        watching.cancel()
        for name in names:
            await cluster.objects.delete(Pod, name, grace_period=0)
        await cluster.aclose()
    late = sorted((heard[name] - at) / 1e6 for name, at in scheduled.items())
    print(f"{len(late)} of {pods} pods: the watch was late by", end=" ")
    print(f"{late[len(late) // 2]:.1f} ms (median), {late[-1]:.1f} ms (most), {late[0]:.1f} ms (least)")


async def events(cluster: Cluster, names: list[str]) -> dict[str, int]:
    """When the scheduler chose a node, by pod: ns since the Unix epoch."""
    url = f"/apis/events.k8s.io/v1/namespaces/{cluster.namespace}/events"
    answer = await cluster.http.get(url, params={"fieldSelector": "reason=Scheduled"})
    return {
        one["regarding"]["name"]: round(datetime.fromisoformat(one["eventTime"]).timestamp() * 1e9)
        for one in answer.json()["items"]
        if one["regarding"]["name"] in names and one.get("eventTime")
    }


def pod(name: str) -> Pod:
    """A pod that gets a node, and nothing more."""
    labels = {RUN: LABEL, WORKLOAD: "truth"}
    container = Container(name="none", image="localhost/there-is-none:1", imagePullPolicy="Never")
    return Pod(
        metadata=ObjectMeta(name=name, labels=labels),
        spec=PodSpec(containers=[container], automountServiceAccountToken=False),
    )


if __name__ == "__main__":
    main()
