"""Which pods are told to start wrongly, and how they are held until then."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import httpx2
from lbstudy.platform.interface import ChangeKind, Fault
from lbstudy.platform.kubernetes import objects
from lbstudy.platform.kubernetes.api import Cluster
from lbstudy.platform.kubernetes.pods import KnownPod
from lbstudy.platform.kubernetes.starts import GATE, Starts
from lightkube import AsyncClient, KubeConfig
from lightkube.config.models import Cluster as Server
from lightkube.config.models import User

from tests.kubernetes.objects import SERVICE
from tests.kubernetes.test_objects import OWNER, applied, container_of, server

SLOW = Fault("slow", "slow-start", 1, {"seconds": 7.0})
CRASH = Fault("crash", "crash-at-start", 2)


class Lab:
    """Starts, and what the API was sent: pod → its patches."""

    def __init__(self) -> None:
        self.sent: dict[str, list[dict[str, Any]]] = {}
        self.told: list[str] = []
        self._doing: list[Coroutine[Any, Any, None]] = []
        config = KubeConfig.from_one(cluster=Server(server="http://fake"), user=User(token="x")).get()
        transport = httpx2.MockTransport(self._answer)
        objects_client = AsyncClient(config, namespace="lab", transport=transport)
        http = httpx2.AsyncClient(base_url="http://fake", transport=transport)
        self.starts = Starts(Cluster("", "", "lab", objects_client, http), self._tell, self._doing.append)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        name = request.url.path.rpartition("/")[2]
        self.sent.setdefault(name, []).append(json.loads(request.content))
        return httpx2.Response(200, json={"kind": "Pod", "metadata": {"name": name}})

    def _tell(self, kind: ChangeKind, deployment: str, pod: KnownPod | None, begun: int, label: str) -> None:
        self.told.append(f"{kind} {label} {'' if pod is None else pod.name}".strip())

    async def create(self, *names: str) -> list[KnownPod]:
        pods = [KnownPod(name, name, SERVICE) for name in names]
        for pod in pods:
            self.starts.on_created(pod)
        await asyncio.gather(*self._doing)
        self._doing.clear()
        return pods

    def arguments(self, pod: str) -> list[str]:
        """What the pod's container is given when it is started now."""
        return list(self.sent[pod][-1]["metadata"]["annotations"].values())


async def test_as_many_as_the_fault_names_and_no_more() -> None:
    lab = Lab()
    await lab.create("before")
    lab.starts.inject(SERVICE, SLOW)
    lab.starts.inject(SERVICE, CRASH)
    await lab.create("a", "b", "c")

    assert lab.arguments("before") == ["--start-delay=0.0", "--start-delay=0.0"]
    assert lab.arguments("a") == ["--start-delay=7.0", "--start-crash"]
    assert lab.arguments("b") == ["--start-delay=0.0", "--start-crash"]
    assert lab.arguments("c") == lab.arguments("before")
    assert all(patches[0]["spec"] == {"schedulingGates": None} for patches in lab.sent.values())
    assert lab.told == ["fault slow", "fault crash", "fault slow a", "fault crash a", "fault crash b"]


async def test_another_deployment_starts_as_it_should() -> None:
    lab = Lab()
    lab.starts.inject("greeter-max-age", CRASH)
    await lab.create("a")
    assert "--start-crash" not in lab.arguments("a")


async def test_what_is_lifted_does_not_take_the_other_fault_along() -> None:
    lab = Lab()
    lab.starts.inject(SERVICE, SLOW)
    lab.starts.inject(SERVICE, CRASH)
    await lab.create("a")
    lab.told.clear()

    await lab.starts.lift(SERVICE, CRASH)

    assert lab.arguments("a") == ["--start-delay=7.0", "--start-delay=7.0"]
    assert lab.told == ["lifted crash a", "lifted crash"]


async def test_a_start_that_is_over_is_told_once() -> None:
    lab = Lab()
    lab.starts.inject(SERVICE, SLOW)
    (pod,) = await lab.create("a")
    lab.starts.on_started(pod)
    lab.starts.on_started(pod)
    await lab.starts.lift(SERVICE, SLOW)
    assert lab.told == ["fault slow", "fault slow a", "lifted slow a", "lifted slow"]
    assert len(lab.sent["a"]) == 1


def test_pods_are_held_only_where_starts_may_go_wrong() -> None:
    template = applied("server")
    template["spec"]["template"]["spec"]["containers"][0]["startupProbe"] = {"failureThreshold": 60}

    plain = objects.deployment(template, server(), OWNER)
    held = objects.deployment(template, server(held=True), OWNER)

    assert "schedulingGates" not in plain["spec"]["template"]["spec"]
    assert container_of(plain)["startupProbe"] == {"failureThreshold": 60}
    assert held["spec"]["template"]["spec"]["schedulingGates"] == [{"name": GATE}]
    container = container_of(held)
    variables = {one["name"] for one in container["env"]}
    assert [one[2:-1] in variables for one in container["args"] if one.startswith("$(")] == [True, True]
    # An hour, the longest delay, must not be taken for a server that hangs.
    assert container["startupProbe"]["failureThreshold"] * 10 >= 3600
