"""Facts and gauges, sent to a run's own receiver."""

import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from lbstudy.platform.interface import Change, ChangeKind
from lbstudy.run.gauges import Gauges, ServerGauges
from lbstudy.store.database import RunStore
from lbstudy.store.errors import StoreError
from lbstudy.store.receiver import Receiver
from lbstudy.traces.encode import encode
from lbstudy.traces.facts import FactSpan, RunFacts
from lbstudy.traces.send_facts import send_facts

from tests.traces.test_facts import DESCRIPTION, FACTS, ZERO

READY = ZERO / 1e9


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    made = RunStore.create(tmp_path / "run.duckdb")
    yield made
    made.close()


@pytest.fixture
def endpoint(store: RunStore) -> Iterator[str]:
    receiver = Receiver(store)
    yield receiver.start()
    receiver.stop()


def test_facts_arrive_as_they_were_sent(store: RunStore, endpoint: str) -> None:
    assert send_facts(FACTS, endpoint) == 9
    rows = store.query(
        "SELECT trace_id, span_id, parent_span_id, name, start_unix_nano, end_unix_nano, attributes, service,"
        " scope FROM spans"
    )
    assert {(service, scope) for *_, service, scope in rows} == {("lbstudy", "lbstudy.facts")}
    found = {
        row[1]: FactSpan(row[3], row[0], row[1], row[2], row[4], row[5], json.loads(row[6])) for row in rows
    }
    assert found == {span.span_id: span for span in encode(FACTS)}
    assert store.query("SELECT DISTINCT run_id FROM resources") == [("r1",)]


def test_more_facts_than_a_request_holds(
    store: RunStore, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "10")
    many = RunFacts(DESCRIPTION, FACTS.changes * 500)
    assert send_facts(many, endpoint) == 1501
    assert store.query("SELECT count(*), count(DISTINCT span_id) FROM spans") == [(1501, 1501)]
    (told,) = store.query(
        "SELECT attributes->>'$.\"lbstudy.run.description\"' FROM spans WHERE parent_span_id IS NULL"
    )
    assert told == (DESCRIPTION.model_dump_json(),)


def test_a_receiver_that_does_not_take_the_facts(store: RunStore, endpoint: str) -> None:
    store.close()  # nothing can be written any more
    with pytest.raises(StoreError, match="did not take the run's facts"):
        send_facts(FACTS, endpoint)


def test_nobody_there_is_one_line() -> None:
    with pytest.raises(StoreError) as raised:
        send_facts(RunFacts(DESCRIPTION), "http://127.0.0.1:1")
    assert str(raised.value).startswith("http://127.0.0.1:1: the run's facts could not be sent there: ")
    assert isinstance(raised.value.__cause__, grpc.RpcError)


def change(kind: ChangeKind, pod: str | None = None, at: int = ZERO, detail: str = "") -> Change:
    return Change(at, 0.0, kind, "greeter-stock", pod, None, detail)


def test_what_the_gauges_show() -> None:
    servers = ServerGauges()
    servers.take(change(ChangeKind.SCALE, detail="2"))
    servers.take(change(ChangeKind.CREATED, "a"))
    assert (servers.wanted, servers.ready, servers.changed) == (2, {"a": False}, None)
    servers.take(change(ChangeKind.READY, "a"))
    servers.take(change(ChangeKind.READY, "b"))
    servers.take(change(ChangeKind.PUBLISHED, "a", at=1_500_000_000))
    assert (servers.ready, servers.changed) == ({"a": True, "b": True}, 1.5)
    servers.take(change(ChangeKind.UNREADY, "a"))
    assert servers.ready == {"a": False, "b": True}
    servers.take(change(ChangeKind.TERMINATING, "b"))
    servers.take(change(ChangeKind.UNPUBLISHED, "b", at=2_500_000_000))
    servers.take(change(ChangeKind.EXITED, "b"))
    # A server that is gone is not Ready; a series that just ended would go on showing its last value.
    assert (servers.ready, servers.changed) == ({"a": False, "b": False}, 2.5)


def test_gauges_are_exported_a_last_time_when_they_are_closed(store: RunStore, endpoint: str) -> None:
    services = {"greeter-stock": "greeter-server"}
    gauges = Gauges(endpoint, "r1", {"greeter-stock": "stock"}, services, "here")
    gauges.changed(change(ChangeKind.SCALE, detail="2"))
    for pod in "ab":
        gauges.changed(change(ChangeKind.READY, pod))
    gauges.changed(change(ChangeKind.PUBLISHED, "a", at=1_500_000_000))
    gauges.changed(Change(ZERO, 0.0, ChangeKind.READY, "client-stock", "client"))
    gauges.changed(change(ChangeKind.UNREADY, "b"))
    for pod in "ab":
        gauges.changed(change(ChangeKind.FAULT, pod, detail="slow"))
    gauges.changed(change(ChangeKind.LIFTED, "a", detail="slow"))
    gauges.changed(change(ChangeKind.FAULT, detail="dns"))
    gauges.changed(change(ChangeKind.LIFTED, detail="dns"))
    gauges.busy("stock", "a", 0.25)
    gauges.busy("stock", "b", 0.75)
    gauges.changed(change(ChangeKind.TERMINATING, "b"))
    gauges.close()
    gauges.close()
    rows = store.query(
        "SELECT name, kind, attributes, last(value ORDER BY time_unix_nano) FROM metric_points"
        " WHERE service = 'lbstudy' GROUP BY ALL ORDER BY ALL"
    )
    greeter = {"lbstudy.setting": "stock", "lbstudy.server.service.name": "greeter-server"}
    assert [(name, kind, json.loads(values), value) for name, kind, values, value in rows] == [
        ("lbstudy.change.time", "gauge", {"lbstudy.setting": "stock"}, 1.5),
        ("lbstudy.fault.active", "gauge", {"lbstudy.fault.label": "dns", "lbstudy.setting": "stock"}, 0.0),
        ("lbstudy.fault.active", "gauge", {"lbstudy.fault.label": "slow", "lbstudy.setting": "stock"}, 1.0),
        ("lbstudy.scale.commanded", "gauge", {"lbstudy.setting": "stock"}, 2.0),
        ("lbstudy.server.ready", "gauge", greeter | {"server.k8s.pod.name": "a"}, 1.0),
        ("lbstudy.server.ready", "gauge", greeter | {"server.k8s.pod.name": "b"}, 0.0),
        (
            "lbstudy.server.ready.time",
            "gauge",
            {"lbstudy.setting": "stock", "server.k8s.pod.name": "a"},
            READY,
        ),
        (
            "lbstudy.server.ready.time",
            "gauge",
            {"lbstudy.setting": "stock", "server.k8s.pod.name": "b"},
            READY,
        ),
        (
            "lbstudy.server.utilization",
            "gauge",
            {"lbstudy.setting": "stock", "server.k8s.pod.name": "a"},
            0.25,
        ),
        (
            "lbstudy.server.utilization",
            "gauge",
            {"lbstudy.setting": "stock", "server.k8s.pod.name": "b"},
            0.0,  # it ends: a series that just ended would go on showing its last value
        ),
        ("lbstudy.servers.ready", "gauge", {"lbstudy.setting": "stock"}, 1.0),
    ]
