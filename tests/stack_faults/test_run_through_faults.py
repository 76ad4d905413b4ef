"""A run during which its Collector, its Jaeger and its Prometheus go away and come back."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from lbstudy.config import load_scenario, load_setting
from lbstudy.live.quiet import Quiet
from lbstudy.observation.records import Lane
from lbstudy.result.model import Result
from lbstudy.run.plan import STORE_FILE, Collector, RunPlan
from lbstudy.run.study import run_study
from lbstudy.store.database import RunStore
from lbstudy.store.source import StoreSource
from lbstudy.traces.names import SPAN_FORWARDED
from lbstudy.venues.local import Local

from tests.stack.parts import Stack
from tests.stack.sent import eventually, value
from tests.stack_faults.conftest import SpanId, spans_in

CALM = 4.0  # s without a fault, to compare with
SLOW = 1.0  # s
RATE = 50  # RPC/s of both clients
RESTARTS = 5.0  # s, in which Jaeger and Prometheus are restarted
SCENARIO = """
name = "faults"
duration = {duration}
[load]
clients = 2
rate = 25
timeout = 2
[server]
work = 0.01
[dns]
propagation = 0.2
[[step]]
at = 0
servers = 2
[[step]]
at = {grows}
servers = 3
"""
COUNTED = ("process.memory.usage", "grpc_lb.resolver.addresses", "lbstudy.servers.ready")
"""Gauges: each point of theirs is a sample in Prometheus."""


class Clock(Quiet):
    """Tells a thread that waits for it how long the load has run."""

    def __init__(self) -> None:
        self._elapsed = -1e9
        self._ticked = threading.Condition()

    def clock(self, elapsed: float) -> None:
        with self._ticked:
            self._elapsed = elapsed
            self._ticked.notify_all()

    def wait(self, at: float) -> None:
        with self._ticked:
            assert self._ticked.wait_for(lambda: self._elapsed >= at, 120), "guard"


@dataclass(frozen=True)
class Done:
    """The run, and what there is of it."""

    result: Result
    lane: Lane
    faults: list[tuple[float, float]]  # from when to when something was away, s since the load's start
    stored: set[SpanId]
    points: dict[str, int]  # metric → points stored
    stack: Stack
    started: float  # s since the epoch

    def has_all_spans(self) -> bool:
        return self.spans() >= self.stored

    def spans(self) -> set[SpanId]:
        return spans_in(self.stack, self.started - 60, self.started + 200, but=SPAN_FORWARDED)

    def samples(self, metric: str) -> float:
        name = metric.replace(".", "_") + ("_bytes" if metric.startswith("process.memory") else "")
        run = f'lbstudy_run_id="{self.result.provenance.run_id}"'
        return value(self.stack, f"sum(count_over_time({name}{{{run}}}[10m]))", time.time()) or 0.0


def run_through(stack: Stack, folder: Path, outage: float) -> Done:
    """Run with no Collector at first, then some calm, an outage of it, and the others' restarts."""
    present = 3.0
    stops = present + CALM
    back = stops + outage
    duration = back + 2 + RESTARTS
    scenario, run_dir = folder / "faults.toml", folder / "run"
    scenario.write_text(SCENARIO.format(duration=duration, grows=stops + 2))
    run_dir.mkdir()
    plan = RunPlan(
        scenario=load_scenario(str(scenario)),
        settings=[load_setting("max-age")],
        run_dir=run_dir,
        run_id=f"faults-{time.time_ns()}",
        seed=1,
        command="lbstudy run",
        venue=Local(),
        collector=Collector(stack.otlp_grpc),
    )
    clock = Clock()

    def faults() -> None:
        clock.wait(present)
        stack.start(["otel-collector"])
        clock.wait(stops)
        stack.stop("otel-collector")
        clock.wait(back)
        stack.start(["otel-collector"])
        clock.wait(back + 2)
        stack.stop("jaeger")
        stack.stop("prometheus")
        clock.wait(back + 2 + RESTARTS / 2)
        stack.start(["jaeger", "prometheus"])

    stack.start(["jaeger", "prometheus"])
    # The run in another thread: a part ends with the thread that started it.
    with ThreadPoolExecutor(1) as elsewhere:
        running = elsewhere.submit(run_study, plan, clock)
        running.add_done_callback(lambda _: clock.clock(1e9))  # wakes up who waits for a run that failed
        faults()
        result = running.result()
    with closing(StoreSource(run_dir / STORE_FILE)) as source:
        (lane,) = source.lanes()
        zero = source.time_zero_unix_nano / 1e9
    store = RunStore.open(run_dir / STORE_FILE)
    with closing(store):
        stored = {(trace, span) for trace, span in store.query("SELECT trace_id, span_id FROM spans")}
        counted = dict(store.query("SELECT name, count(*) FROM metric_points GROUP BY name"))
    away = [(0.0, present), (stops, back), (back + 2, duration)]
    return Done(result, lane, away, stored, counted, stack, zero)


@pytest.fixture(
    scope="module",
    params=[
        8.0,
        pytest.param(
            30.0,
            marks=pytest.mark.skipif(
                not os.environ.get("LBSTUDY_SLOW"), reason="takes a minute more: only with LBSTUDY_SLOW=1"
            ),
        ),
    ],
    ids=lambda outage: f"away for {outage:.0f} s",
)
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    from tests.stack.parts import need

    need("otelcol", "jaeger", "prometheus")
    folder = tmp_path_factory.mktemp("faults")
    # Only what is on disk outlives a restart of Jaeger.
    stack = Stack(folder / "stack", storage="badger")
    try:
        yield run_through(stack, folder, request.param)
    finally:
        stack.close()


def latencies(done: Done, windows: Sequence[tuple[float, float]]) -> "np.typing.NDArray[np.float64]":
    rpcs = done.lane.rpcs
    within = np.zeros(len(rpcs), dtype=bool)
    for start, end in windows:
        within |= (rpcs.scheduled >= start) & (rpcs.scheduled < end)
    found: np.typing.NDArray[np.float64] = (rpcs.ended - rpcs.scheduled)[within]
    return found


def test_rpcs_feel_nothing(done: Done) -> None:
    assert set(done.result.settings[0].errors.client_by_code) == {"OK"}
    (_, present), (stops, _), _ = done.faults
    calm = latencies(done, [(present, stops)])
    assert len(calm) > RATE * CALM / 2  # fewer than were due only where the client itself found no time
    for window in done.faults:
        found = latencies(done, [window])
        assert len(found) > RATE * (window[1] - window[0]) / 2
        # Generous: other work shares these cores, and the parts themselves start here. What waited for an
        # export would wait for a time-out of seconds.
        assert np.median(found) <= 2 * np.median(calm) + 0.05
        assert np.mean(found > SLOW) <= np.mean(calm > SLOW) + 0.05


def test_everything_is_sent_in_the_end_and_the_ledger_closes(done: Done) -> None:
    entries = {entry.name: entry for entry in done.result.settings[0].ledger.entries}
    spans = entries["spans to the Collector"]
    assert spans.left_count == spans.right_count == len(done.stored)
    points = entries["metric points to the Collector"]
    assert points.left_count == points.right_count == sum(done.points.values())
    assert (spans.note, points.note) == ("", "")
    assert done.result.ledger_closes


def test_every_span_is_in_jaeger(done: Done) -> None:
    eventually(done.has_all_spans)
    assert done.spans() == done.stored


@pytest.mark.parametrize("metric", COUNTED)
def test_every_point_is_in_prometheus(done: Done, metric: str) -> None:
    eventually(lambda: done.samples(metric) >= done.points[metric])
    assert done.samples(metric) == done.points[metric] > 0
