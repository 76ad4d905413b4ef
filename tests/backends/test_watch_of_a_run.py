"""`lbstudy watch --since` over a run, from Prometheus and Jaeger alone: it says what the run says."""

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from lbstudy.backends.jaeger import Jaeger
from lbstudy.backends.prometheus import Prometheus
from lbstudy.result.build import build as build_result
from lbstudy.result.model import ClientView, Result, SettingResult
from lbstudy.watch.build import build
from lbstudy.watch.core import Core
from lbstudy.watch.model import WatchResult
from lbstudy.watch.past import Period, look_back, replay
from lbstudy.watch.recorder import Recorder
from lbstudy.watch.report import WatchSource

from tests.backends.conftest import Found

if TYPE_CHECKING:
    from tests.stack.sent import SentRun

WITHIN = 1e-3
"""s: what instants of spans may differ by."""


def watched(run: "SentRun", *, spans: bool) -> tuple[WatchResult, Result]:
    """What a watch of the time of the run finds: one Service a setting."""
    names = tuple(f"lbstudy/greeter-{setting.name}" for setting in run.result.settings)
    period = Period(run.zero, time.time())
    jaeger = Jaeger(run.stack.jaeger) if spans else None
    evidence = look_back(names, period, Prometheus(run.stack.prometheus), jaeger, lambda _: None)
    core = Core(names, period.start, 10.0)
    replay(core, evidence, period)
    recorders = {name: Recorder(name, period.start, past=True) for name in names}
    for recorder in recorders.values():
        for one in evidence:
            recorder.take(one)
    found = build(core, period.end)
    return found, build_result(WatchSource(recorders, found, "lbstudy watch", "Prometheus", {}, {}))


@pytest.fixture(scope="module")
def by_spans(sent_run: "SentRun", found: Found) -> tuple[WatchResult, Result]:
    assert found.lanes  # all of it has arrived
    return watched(sent_run, spans=True)


@pytest.fixture(scope="module")
def by_counters(sent_run: "SentRun", found: Found) -> tuple[WatchResult, Result]:
    assert found.lanes
    return watched(sent_run, spans=False)


def test_counts_by_server_and_code_are_identical(
    sent_run: "SentRun", by_spans: tuple[WatchResult, Result]
) -> None:
    for ours, theirs in zip(sent_run.result.settings, by_spans[1].settings, strict=True):
        assert theirs.distribution.total == ours.distribution.total
        assert theirs.errors.client_by_code == ours.errors.client_by_code
        assert sum(ours.errors.client_by_code.values()) > 100


def test_what_counters_tell_is_what_the_servers_counted(
    found: Found, by_counters: tuple[WatchResult, Result]
) -> None:
    compared = 0
    for lane, service in zip(found.lanes, by_counters[0].services, strict=True):
        told = {pod.name: pod.requests.get("server metrics", 0) for pod in service.pods}
        for tally in lane.server_tallies:
            if tally.by_code is not None:
                assert told[tally.server] == sum(tally.by_code.values())
                compared += 1
    assert compared


def test_first_requests_are_within_a_millisecond_by_spans(
    sent_run: "SentRun", by_spans: tuple[WatchResult, Result]
) -> None:
    compared = 0
    for ours, theirs in zip(sent_run.result.settings, by_spans[1].settings, strict=True):
        for name, view in views(ours).items():
            other = views(theirs).get(name)
            if other is None or view.discovery is None or other.discovery is None:
                continue
            assert (view.discovery.seconds is None) == (other.discovery.seconds is None), name
            if view.discovery.seconds is not None and other.discovery.seconds is not None:
                assert abs(view.discovery.seconds - other.discovery.seconds) <= WITHIN
                compared += 1
    assert compared


def test_counters_tell_a_first_request_once_it_has_been(
    sent_run: "SentRun", found: Found, by_counters: tuple[WatchResult, Result]
) -> None:
    compared = 0
    for lane, service in zip(found.lanes, by_counters[0].services, strict=True):
        served = lane.served
        firsts = {
            name: float(np.min(served.ended[served.server == index], initial=np.inf)) + sent_run.zero
            for index, name in enumerate(lane.servers)
        }
        for pod in service.pods:
            if pod.first_request is not None:
                assert firsts[pod.name] <= pod.first_request.at
                ready = pod.stages["ready"].at
                assert pod.first_request.at - pod.first_request.error >= ready
                compared += 1
    assert compared


def views(setting: SettingResult) -> dict[tuple[str, int], ClientView]:
    """(server, number of the client) → its view; clients are numbered by their pod and channel."""
    clients = {name: number for number, name in enumerate(sorted(setting.clients))}
    return {
        (added.server, clients[view.client]): view
        for added in setting.adaptability.added
        for view in added.clients
    }
