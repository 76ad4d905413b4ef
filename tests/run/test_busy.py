"""How busy servers are: from their answers to metrics, from changes to the states of pods, and the loop."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from lbstudy.autoscaler.pods import PodState
from lbstudy.config.autoscaler import Autoscaler
from lbstudy.platform.control import ServerBusy
from lbstudy.platform.interface import Change, ChangeKind, Platform, PlatformError
from lbstudy.run import busy as busy_module
from lbstudy.run.autoscaling import Autoscaling, measure
from lbstudy.run.busy import BusyWatch, LoadLog, Reading, follow, metric, utilization
from lbstudy.run.changes import ChangeLog


def said(uptime: float, busy: float, concurrency: int = 2) -> ServerBusy:
    return ServerBusy(uptime, busy, concurrency, waiting=0, ended=0)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (said(10, 4), said(12, 7), 0.75),  # 3 s of work in 2 s, of 2 at a time
        (said(10, 4), said(12, 8.0001), 1.0),  # a hair more than there can be: the clock is read twice
        (said(10, 4), said(12, 4), 0.0),
        (said(10, 4), said(10, 4), None),
        (said(10, 4, concurrency=0), said(12, 4, concurrency=0), None),
    ],
)
def test_utilisation_between_two_answers(
    before: ServerBusy, after: ServerBusy, expected: float | None
) -> None:
    assert utilization(before, after) == expected


def test_a_metric_is_the_mean_over_a_whole_window() -> None:
    # Busy for 1 s of each: 0.5 until 10 s, then 2 s of each: 1.0.
    readings = deque(Reading(100.0 + s, said(s, s if s <= 10 else 10 + 2 * (s - 10))) for s in range(16))
    found = metric(readings, 5, now=115.0)
    assert found is not None
    assert (found.utilization, found.at, found.window) == (1.0, 115.0, 5)
    longer = metric(readings, 10, now=115.0)
    assert longer is not None
    assert longer.utilization == pytest.approx(0.75)  # 5 s at 0.5, 5 s at 1
    assert metric(readings, 16, now=115.0) is None  # it does not go back so far
    assert metric(readings, 5, now=115 + 6.1) is None  # it has not answered for a window
    assert metric(deque(), 5, now=115.0) is None


def change(kind: ChangeKind, at: float, pod: str = "p", deployment: str = "d") -> Change:
    return Change(round(at * 1e9), 0.0, kind, deployment, pod)


def test_the_states_of_a_pod_as_the_hpa_sees_them() -> None:
    pods: dict[str, PodState] = {}
    follow(pods, change(ChangeKind.CREATED, 1))
    assert pods["p"] == PodState("p", None, ready=False, changed=1.0)
    follow(pods, change(ChangeKind.STARTED, 2))
    assert pods["p"] == PodState("p", 2.0, ready=False, changed=2.0)  # never Ready: as old as its start
    follow(pods, change(ChangeKind.READY, 4))
    assert pods["p"] == PodState("p", 2.0, ready=True, changed=4.0)
    follow(pods, change(ChangeKind.PUBLISHED, 5))
    follow(pods, change(ChangeKind.UNREADY, 7))
    assert pods["p"] == PodState("p", 2.0, ready=False, changed=7.0)
    follow(pods, change(ChangeKind.TERMINATING, 8))
    assert pods["p"].ends
    follow(pods, change(ChangeKind.EXITED, 9))
    assert pods == {}


class Servers:
    """A platform whose servers' control services are the test's own, and their answers too."""

    def __init__(self, load: dict[str, float | None]) -> None:
        self.load = load  # pod → utilisation; None: it does not answer
        self.open: set[str] = set()
        self.uptime = 0.0
        self.busy = dict.fromkeys(load, 0.0)

    @asynccontextmanager
    async def control(self, pod: str) -> AsyncIterator[str]:
        if self.load.get(pod) is None:
            raise PlatformError(f"{pod}: no such server")
        self.open.add(pod)
        try:
            yield pod
        finally:
            self.open.discard(pod)

    def pass_on(self, seconds: float) -> None:
        self.uptime += seconds
        for pod, load in self.load.items():
            self.busy[pod] = self.busy.get(pod, 0.0) + (load or 0.0) * seconds * 2


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    servers = Servers({"a": 1.0, "b": 1.0})

    class Meter:
        def __init__(self, address: str) -> None:
            self._pod = address

        async def read(self, within: float) -> ServerBusy | None:
            assert within < 1
            return said(servers.uptime, servers.busy[self._pod])

        async def aclose(self) -> None:
            pass

    monkeypatch.setattr(busy_module, "Meter", Meter)
    return servers


def watch_of(servers: Servers, log: LoadLog) -> tuple[BusyWatch, ChangeLog]:
    changes = ChangeLog(lambda _: None)
    for pod in servers.load:
        changes.seen += [change(kind, -100, pod) for kind in (ChangeKind.CREATED, ChangeKind.STARTED)]
        changes.seen.append(change(ChangeKind.READY, -99, pod))
    changes.seen.append(change(ChangeKind.STARTED, -100, "other", "e"))
    return BusyWatch("stock", "d", cast("Platform", servers), changes, log), changes


async def test_each_running_server_is_asked_and_one_that_ended_is_let_go(servers: Servers) -> None:
    told: list[tuple[Any, ...]] = []
    log = LoadLog(lambda *one: told.append(one))
    watch, changes = watch_of(servers, log)
    servers.load["b"] = 0.5
    for now in range(3):
        await watch.look(now)
        servers.pass_on(1.0)
    assert [(row.at_unix_nano, row.pod, row.uptime, row.busy) for row in log.busy] == [
        (round(now * 1e9), pod, float(now), busy * now)
        for now in range(3)
        for pod, busy in (("a", 2.0), ("b", 1.0))
    ]
    assert told == [("stock", "a", 1.0), ("stock", "b", 0.5)] * 2
    assert servers.open == {"a", "b"}
    changes.seen.append(change(ChangeKind.TERMINATING, 3, "b"))
    await watch.look(3)
    assert [row.pod for row in log.busy[6:]] == ["a"]
    assert servers.open == {"a"}  # before the server ends: it would end the connection with an error
    changes.seen.append(change(ChangeKind.EXITED, 4, "b"))
    await watch.look(4)
    assert servers.open == {"a"}
    assert set(watch.metrics(2, 4)) == {"a"}
    await watch.aclose()
    assert servers.open == set()


async def test_the_loop_scales_by_the_mean_and_keeps_each_decision(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    async def until(instant: float, clock: Any) -> None:  # noqa: ANN401 - as run.clock.until
        nonlocal now
        assert clock() == now
        servers.pass_on(max(0.0, instant - now))
        now = max(now, instant)
        await asyncio.sleep(0)

    monkeypatch.setattr("lbstudy.run.autoscaling.until", until)
    log, scaled = LoadLog(), list[tuple[float, int]]()
    watch, changes = watch_of(servers, log)

    async def scale(replicas: int) -> None:
        scaled.append((now, replicas))
        for pod in ("c", "d"):
            servers.load[pod] = 0.0
            servers.busy[pod] = 0.0
            changes.seen += [change(kind, now, pod) for kind in (ChangeKind.CREATED, ChangeKind.STARTED)]
            changes.seen.append(change(ChangeKind.READY, now + 0.1, pod))

    rules = Autoscaler.model_validate(
        {"max_replicas": 8, "target": 0.6, "sync_period": 5, "metric_window": 5, "initialization_period": 0}
    )
    await measure(watch, Autoscaling(rules, 2, watch, scale), 0.0, 22.0, lambda: now)
    # At 5 s both are at 100 %: 2 × 100 ÷ 60 → 4. At 10 s the new ones have no whole window yet: taken as 0 %,
    # they turn the wish for more around, and nothing changes. From then on the mean is 50 %, of wanted 60 %.
    assert scaled == [(5.0, 4)]
    assert [
        (one.at_unix_nano, one.current, one.desired, one.utilization, one.missing) for one in log.decisions
    ] == [
        (5_000_000_000, 2, 4, 100, 0),
        (10_000_000_000, 4, 4, 100, 2),
        (15_000_000_000, 4, 4, 50, 0),
        (20_000_000_000, 4, 4, 50, 0),
    ]
    looks = sorted({row.at_unix_nano for row in log.busy})
    assert looks == [second * 1_000_000_000 for second in range(23)]
