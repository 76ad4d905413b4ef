"""One real run, read from its own store and from Jaeger and Prometheus: the same figures."""

import math
from collections.abc import Iterator

import numpy as np
from lbstudy.measures.codes import code_name
from lbstudy.observation.records import NO_SERVER, Lane
from lbstudy.result.model import Delay, SettingResult

from tests.backends.conftest import Found
from tests.stack.sent import ABRUPT, SWIFT, SentRun, get

WITHIN = 1e-3
"""s: what instants and durations may differ by."""
CPU_WITHIN = 0.01
"""Of a CPU figure: Prometheus keeps milliseconds of the second between two exports."""


def test_counts_by_code_and_server_are_identical(sent_run: SentRun, found: Found) -> None:
    for stored, read in zip(sent_run.result.settings, found.result.settings, strict=True):
        assert read.errors == stored.errors
        assert read.distribution == stored.distribution
    codes = [setting.errors.client_by_code for setting in sent_run.result.settings]
    assert all(counts["OK"] > 100 for counts in codes)
    assert any(set(counts) - {"OK"} for counts in codes), "a run without errors shows nothing of them"


def test_every_figure_is_the_same(sent_run: SentRun, found: Found) -> None:
    stored, read = sent_run.result.model_dump(), found.result.model_dump()
    for result in (stored, read):
        del result["provenance"]["jaeger_url"], result["provenance"]["prometheus_url"]

    assert list(_differences("", stored, read)) == []
    for setting in found.result.settings:  # or this shows nothing of them
        assert setting.streams is not None
        assert sum(phase.requests for phase in setting.streams.phases) > 0
        assert "messages read" in {entry.name for entry in setting.ledger.entries}


def test_discovery_from_jaeger_is_within_a_millisecond(sent_run: SentRun, found: Found) -> None:
    told = 0
    for stored, read in zip(sent_run.result.settings, found.result.settings, strict=True):
        for ours, theirs in zip(_delays(stored), _delays(read), strict=True):
            told += ours.seconds is not None
            assert (ours.seconds is None) == (theirs.seconds is None)
            left, right = (one.seconds or one.censored_after or 0.0 for one in (ours, theirs))
            assert abs(left - right) <= WITHIN
    assert told, "nothing was discovered: this shows nothing"


def test_the_ledger_closes_in_both_and_prometheus_counts_are_in_it(sent_run: SentRun, found: Found) -> None:
    for result in (sent_run.result, found.result):
        assert result.ledger_closes
        for setting in result.settings:
            (entry,) = (entry for entry in setting.ledger.entries if entry.name == "RPC metrics")
            assert entry.left_count == sum(setting.errors.client_by_code.values())
    assert found.result.provenance.jaeger_url == sent_run.stack.jaeger
    assert found.result.provenance.prometheus_url == sent_run.stack.prometheus


def test_prometheus_alone_counts_the_same_by_server_and_code(found: Found) -> None:
    for lane in found.lanes:
        spans: dict[tuple[str, str], int] = {}
        for server, code in zip(lane.rpcs.server.tolist(), lane.rpcs.code.tolist(), strict=True):
            key = (lane.servers[server] if server != NO_SERVER else "", code_name(code))
            spans[key] = spans.get(key, 0) + 1
        assert lane.metered == spans


def test_discovery_from_prometheus_is_within_the_export_interval(sent_run: SentRun, found: Found) -> None:
    """The first answer falls between two exports: of the earlier one the server is not yet in the counts."""
    discovered = 0
    for lane in found.lanes:
        for index, server in enumerate(lane.servers):
            answers = lane.rpcs.ended[(lane.rpcs.server == index) & (lane.rpcs.code == 0)]
            if not len(answers):
                assert _exports(sent_run, lane, f'server_k8s_pod_name="{server}"') == []
                continue
            told = _exports(sent_run, lane, f'server_k8s_pod_name="{server}",rpc_status_code="OK"')
            before = [at for at in _exports(sent_run, lane, "") if at < told[0]]
            assert max(before, default=-math.inf) - WITHIN <= answers.min() <= told[0] + WITHIN
            discovered += index >= 2
    assert discovered


def test_the_recorded_time_to_discovery_is_within_the_export_intervals(
    sent_run: SentRun, found: Found
) -> None:
    """Prometheus' own rule: both of its instants are of exports, so that each may be an interval late."""
    (swift,) = (setting for setting in found.result.settings if setting.name == SWIFT)
    (lane,) = (lane for lane in found.lanes if lane.setting == SWIFT)
    (added,) = swift.adaptability.added
    first = min(view.discovery.seconds for view in added.clients if view.discovery and view.discovery.seconds)

    recorded = _recorded(sent_run, "server:time_to_discovery:seconds", added.server)

    exports = _exports(sent_run, lane, "")
    # The study's own gauges, the rule and the client's exports: each second, on a machine that may be late.
    slack = 2 * float(np.diff(np.array(exports)).max()) + 1
    assert recorded
    assert all(abs(value - first) <= slack for value in recorded)
    (abrupt,) = (setting for setting in found.result.settings if setting.name == ABRUPT)
    (unseen,) = abrupt.adaptability.added
    if unseen.discovery.censored == unseen.discovery.count:
        assert _recorded(sent_run, "server:time_to_discovery:seconds", unseen.server) == []


def _recorded(run: SentRun, rule: str, server: str) -> list[float]:
    selector = f'{rule}{{lbstudy_run_id="{run.run_id}",server_k8s_pod_name="{server}"}}[10m]'
    at = f"{run.end + 60:.3f}"
    answer = get(f"{run.stack.prometheus}/api/v1/query", query=selector, time=at)
    return [float(value) for series in answer["data"]["result"] for _, value in series["values"]]


def _exports(run: SentRun, lane: Lane, labels: str) -> list[float]:
    """When the client exported the series with these labels, in seconds since time zero."""
    selector = (
        f'rpc_client_call_duration_seconds_count{{lbstudy_run_id="{run.run_id}",'
        f'lbstudy_setting="{lane.setting}",{labels}}}[10m]'
    )
    answer = get(f"{run.stack.prometheus}/api/v1/query", query=selector, time=f"{run.end + 60:.3f}")
    return sorted({at - run.zero for series in answer["data"]["result"] for at, _ in series["values"]})


def _delays(setting: SettingResult) -> Iterator[Delay]:
    for added in setting.adaptability.added:
        for view in added.clients:
            yield view.detect
            if view.discovery is not None:
                yield view.discovery
    for removed in setting.adaptability.removed:
        for view in removed.clients:
            yield view.detect


def _differences(where: str, left: object, right: object) -> Iterator[str]:
    if isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
        for key, value in left.items():
            yield from _differences(f"{where}.{key}", value, right[key])
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from _differences(f"{where}[{index}]", one, other)
    elif isinstance(left, float) and isinstance(right, float):
        is_cpu = ".cpu" in where
        if not math.isclose(left, right, rel_tol=CPU_WITHIN if is_cpu else 1e-6, abs_tol=WITHIN):
            yield f"{where}: {left} against {right}"
    elif left != right:
        yield f"{where}: {left!r} against {right!r}"
