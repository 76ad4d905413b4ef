import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from lbstudy.observation.records import Lane
from lbstudy.store.database import RunStore
from lbstudy.store.errors import StoreError
from lbstudy.store.receiver import Receiver
from lbstudy.traces.send_changes import send_changes

from tests.making.source import Observations
from tests.measures.lanes import Rpc, connected, lane, pod, update

ZERO = 1_790_000_000_000_000_000


def grown(setting: str, servers: int = 1) -> Lane:
    names = [chr(ord("b") + i) for i in range(servers)]
    return lane(
        end=80,
        commands=[(-5, 1), (20, 1 + servers)],
        pods=[pod("a"), *(pod(name, commanded=20, ready=22.123456789, published=22.5) for name in names)],
        updates=[update(-1, "a"), update(30, "ab")],
        transitions=[connected(30.1, "b")],
        rpcs=[Rpc(30.5, "b", took=0.02)],
        setting=setting,
    )


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


SPANS = """
SELECT name, trace_id, span_id, parent_span_id, start_unix_nano - 1790000000000000000 AS start,
    end_unix_nano - 1790000000000000000 AS ended, setting, server_pod, attributes, links
FROM spans WHERE service = 'lbstudy' ORDER BY setting, start, ended
"""


def test_a_change_is_one_trace_in_the_store(store: RunStore, endpoint: str) -> None:
    assert (
        send_changes(Observations(grown("stock"), grown("max-age"), time_zero_unix_nano=ZERO), endpoint) == 2
    )
    spans = store.columns(SPANS)
    assert len(set(spans["trace_id"])) == 2
    rows = [dict(zip(spans, row, strict=True)) for row in store.query(SPANS)]
    stock = [row for row in rows if row["setting"] == "stock"]
    (root,) = (row for row in stock if row["parent_span_id"] is None)
    assert (root["name"], root["start"], root["ended"]) == ("server added", 20_000_000_000, 80_000_000_000)
    assert {row["parent_span_id"] for row in stock if row is not root} == {root["span_id"]}
    assert {row["server_pod"] for row in stock} == {"b"}
    assert {json.loads(row["attributes"])["lbstudy.run.id"] for row in stock} == {"r1"}
    assert {json.loads(row["attributes"])["lbstudy.setting"] for row in stock} == {"stock"}

    by_name = {row["name"]: row for row in stock}
    assert set(by_name) == {
        "server added",
        "ready",
        "in DNS",
        "resolver update",
        "connected",
        "first RPC",
        "fair share",
    }
    assert (by_name["ready"]["start"], by_name["ready"]["ended"]) == (20_000_000_000, 22_123_456_789)
    (link,) = json.loads(by_name["resolver update"]["links"])
    assert (link["trace_id"], link["span_id"]) == (f"{0:031x}1", f"{30_000:016x}")
    (link,) = json.loads(by_name["first RPC"]["links"])
    assert link["span_id"] == f"{1:016x}"
    update_of = json.loads(by_name["resolver update"]["attributes"])
    assert (update_of["lbstudy.stage"], update_of["lbstudy.client"]) == ("resolver update", "client-0")
    assert update_of["lbstudy.censored"] is False
    # One RPC makes no fair share: censored, and so the whole.
    assert json.loads(by_name["fair share"]["attributes"])["lbstudy.censored"] is True
    assert by_name["fair share"]["ended"] == 80_000_000_000
    assert json.loads(root["attributes"])["lbstudy.censored"] is True


def test_many_changes_all_arrive(store: RunStore, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More spans than a request holds, and a sampler in the environment that would drop them all."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    assert send_changes(Observations(grown("stock", servers=200), time_zero_unix_nano=ZERO), endpoint) == 200
    assert store.query("SELECT count(*), count(DISTINCT trace_id) FROM spans") == [(200 * 7, 200)]


def test_without_changes_nothing_is_sent(store: RunStore, endpoint: str) -> None:
    assert send_changes(Observations(lane(end=80, pods=[pod("a")]), time_zero_unix_nano=ZERO), endpoint) == 0
    assert store.query("SELECT count(*) FROM spans") == [(0,)]


def test_a_receiver_that_does_not_take_them_is_one_clear_line() -> None:
    server = grpc.server(ThreadPoolExecutor(1))  # which knows no OTLP: the answer is UNIMPLEMENTED
    endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    with pytest.raises(StoreError, match=f"^{endpoint}: the traces of the changes could not be sent there$"):
        send_changes(Observations(grown("stock"), time_zero_unix_nano=ZERO), endpoint)
    server.stop(None).wait()
