"""Which pods are told to start wrongly, and how they are held until then."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx2
from lbstudy.platform.interface import ChangeKind, Fault
from lbstudy.platform.kubernetes import objects, outside
from lbstudy.platform.kubernetes.api import Cluster
from lbstudy.platform.kubernetes.gates import ReadyGates
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

    def __init__(self, *, is_gated: bool = False) -> None:
        self.sent: dict[str, list[dict[str, Any]]] = {}
        self.told: list[str] = []
        self.news = asyncio.Event()  # something was sent or told
        self._doing: list[Coroutine[Any, Any, None]] = []
        config = KubeConfig.from_one(cluster=Server(server="http://fake"), user=User(token="x")).get()
        transport = httpx2.MockTransport(self._answer)
        objects_client = AsyncClient(config, namespace="lab", transport=transport)
        http = httpx2.AsyncClient(base_url="http://fake", transport=transport)
        cluster = Cluster("", "", "lab", objects_client, http)
        self.gates = ReadyGates(cluster, self._doing.append)
        self.starts = Starts(cluster, self._tell, self._doing.append, self.gates, lambda _: is_gated)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        name = request.url.path.removesuffix("/status").rpartition("/")[2]
        self.sent.setdefault(name, []).append(json.loads(request.content))
        self.news.set()
        return httpx2.Response(200, json={"kind": "Pod", "metadata": {"name": name}})

    def _tell(self, kind: ChangeKind, deployment: str, pod: KnownPod | None, begun: int, label: str) -> None:
        self.told.append(f"{kind} {label} {'' if pod is None else pod.name}".strip())
        self.news.set()

    async def create(self, *names: str) -> list[KnownPod]:
        pods = [KnownPod(name, name, SERVICE) for name in names]
        for pod in pods:
            self.starts.on_created(pod)
        await asyncio.gather(*self._doing)
        self._doing.clear()
        return pods

    async def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await self.news.wait()
            self.news.clear()

    async def next(self) -> None:
        """Do what was begun besides."""
        await self._doing.pop()

    def is_open(self, pod: str) -> list[bool]:
        """What the pod's readiness gate was set to, one after the other."""
        conditions = [condition for patch in self.sent[pod] for condition in patch["status"]["conditions"]]
        assert {condition["type"] for condition in conditions} == {outside.CONDITION}
        return [condition["status"] == "True" for condition in conditions]

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


async def test_a_pod_of_somebody_elses_becomes_ready_later_by_its_gate() -> None:
    lab = Lab(is_gated=True)
    await lab.create("before")
    assert lab.is_open("before") == [True]  # at once, and nothing else of the pod is changed

    lab.starts.inject(SERVICE, Fault("slow", "slow-start", 1, {"seconds": 3600.0}))
    pod = KnownPod("a", "a", SERVICE)
    lab.starts.on_created(pod)
    starting = asyncio.create_task(lab.next())
    await lab.until(lambda: "fault slow a" in lab.told)
    assert "a" not in lab.sent
    starting.cancel()


async def test_a_pod_that_is_made_not_ready_stays_so_until_all_that_keeps_it_is_lifted() -> None:
    lab = Lab(is_gated=True)
    pod = KnownPod("a", "a", SERVICE)
    first, second = Fault("one", "not-ready", 1), Fault("two", "not-ready", 1)
    await lab.gates.begin(pod, first)
    await lab.gates.begin(pod, second)
    await lab.gates.open(pod)  # it was created only now
    await lab.gates.end(pod, first)
    assert lab.is_open("a") == [False, False]
    await lab.gates.end(pod, second)
    await lab.gates.end(pod, second)
    assert lab.is_open("a") == [False, False, True]


async def test_a_pod_flaps_until_that_is_lifted() -> None:
    lab = Lab(is_gated=True)
    pod = KnownPod("a", "a", SERVICE)
    flap = Fault("flap", "flap", 1, {"period": 0.02})
    await lab.gates.begin(pod, flap)
    flapping = asyncio.create_task(lab.next())
    await lab.until(lambda: len(lab.sent["a"]) >= 5)
    await lab.gates.end(pod, flap)
    await asyncio.wait_for(flapping, 120)
    told = lab.is_open("a")
    assert told[:5] == [False, True, False, True, False]
    assert told[-1] is True
