"""What a store makes of programs that are not ours: spans of other instrumentations, or none."""

import json
from pathlib import Path

import duckdb
import numpy as np
import pytest
from grpc_lb_instrumentor import names
from lbstudy.observation.known import Observer, Seen, Unseen
from lbstudy.observation.records import NO_SERVER, UNKNOWN_SERVER, Side, Transition
from lbstudy.observation.tallies import ClientTally, ServerTally
from lbstudy.platform.interface import Change, ChangeKind
from lbstudy.store.database import RunStore
from lbstudy.store.rows import ConnectionRow, LookupRow, ResourceRow, SpanRow
from lbstudy.store.spans import SeenSpan, span_row

from tests.store.described import SECOND, describe, lane, pods
from tests.store.rows_by_hand import ZERO, span

RESOURCE = ResourceRow(1, "orders-client", "c", "stock", "r1", "{}")
PLAIN = {"server_pod": None, "channel_id": None, "scheduled_unix_nano": None}  # otelgrpc's, Java's, Node's


def child(number: int, of: int, pod: str, **others: object) -> SpanRow:
    """A server's span whose parent is the client's of that number."""
    ids = {"trace_id": f"{of:032x}", "parent_span_id": f"{of:016x}"}
    return span(number, kind="server", pod=pod, server_pod=None, **ids, **others)


def test_who_answered_by_the_servers_span_and_by_the_peers_address(store: RunStore) -> None:
    describe(store)
    pods(store, "a", "b")
    peer = {names.NETWORK_PEER_ADDRESS: "127.0.1.2", names.NETWORK_PEER_PORT: 50051}
    old = {"net.sock.peer.addr": "127.0.1.1", "net.sock.peer.port": "50051"}
    store.add_telemetry(
        spans=[
            span(1, **PLAIN),
            child(101, 1, "b"),
            span(2, **PLAIN, attributes=json.dumps(peer)),
            span(3, **PLAIN, attributes=json.dumps(old)),
            span(4, **PLAIN, attributes=json.dumps({"server.address": "orders", "server.port": 50051})),
            span(5, **PLAIN, grpc_code=14),
            span(6, **PLAIN, grpc_code=5, attributes=json.dumps(peer | {names.NETWORK_PEER_PORT: 1})),
            # Two attempts: the last one's answer is the client's.
            span(7, **PLAIN),
            child(102, 7, "a", grpc_code=14),
            child(103, 7, "b"),
            span(8, **PLAIN, grpc_code=4),
            child(104, 8, "a", grpc_code=4),
            span(9, **PLAIN, attributes=json.dumps({"server.address": "127.0.1.2", "server.port": 50051})),
        ]
    )
    found = lane(store)
    assert found.clients == ("client-0",)  # a process: no channel tells of itself
    assert found.rpcs.server.tolist() == [1, 1, 0, UNKNOWN_SERVER, NO_SERVER, NO_SERVER, 1, NO_SERVER, 1]
    assert found.known.answers == Seen(
        Observer.PEER,
        "of 2 RPCs by the server’s RPC span whose parent is the client’s; of 1 RPCs it is not known",
    )
    assert isinstance(found.known.latency, Seen)
    assert found.known.latency.note.startswith("from the send")
    assert not found.known.instrumented


def test_an_address_is_that_of_the_pod_that_had_it_then(store: RunStore) -> None:
    describe(store)
    address = "127.0.1.1:50051"
    store.add_changes(
        [
            Change(ZERO + at * SECOND, 0.0, ChangeKind.CREATED, "greeter-stock", name, address)
            for name, at in (("first", -5), ("second", 10))
        ]
    )
    peer = {names.NETWORK_PEER_ADDRESS: "127.0.1.1", names.NETWORK_PEER_PORT: 50051}
    store.add_telemetry(spans=[span(at, **PLAIN, attributes=json.dumps(peer)) for at in (5_000, 15_000)])
    assert lane(store).rpcs.server.tolist() == [0, 1]


def test_a_client_without_spans_by_the_servers(store: RunStore) -> None:
    describe(store)
    pods(store, "a", "b")
    store.add_telemetry(
        spans=[span(n, kind="server", pod=pod, **PLAIN) for n, pod in ((2000, "b"), (1000, "a"), (3000, "a"))]
    )
    store.add_client_tallies(
        "stock", [ClientTally("c", 4, 4, 0, {"OK": 3, "UNAVAILABLE": 1}, {}, 1, 1, 0, 0, 0)]
    )
    found = lane(store)
    assert (found.clients, found.rpcs.server.tolist(), found.rpcs.sent.tolist()) == (
        ("client-0",), [0, 1, 0], [1.0, 2.0, 3.0],
    )  # fmt: skip
    assert np.isnan(found.rpcs.scheduled).all()
    by = [found.known.rpcs, found.known.answers, found.known.codes]
    assert [part.by for part in by if isinstance(part, Seen)] == [
        Observer.SERVER_SPANS, Observer.SERVER_SPANS, Observer.CLIENT_COUNTS,
    ]  # fmt: skip
    assert isinstance(found.known.latency, Unseen)


def test_nothing_but_the_servers_counts(store: RunStore) -> None:
    describe(store)
    pods(store, "a")
    store.add_server_tallies("stock", [ServerTally("a", {"OK": 3})])
    found = lane(store)
    assert isinstance(found.known.answers, Unseen)
    assert found.known.codes == Seen(Observer.SERVER_COUNTS, found.known.codes.note)  # type: ignore[union-attr]
    assert isinstance(found.known.counts, Unseen)


def test_resolver_and_connections_from_outside(store: RunStore) -> None:
    describe(store)
    pods(store, "a")
    store.add_telemetry(spans=[span(1, **PLAIN)])
    log = {"qtype": "A", "rcode": "NOERROR", "addresses": ["127.0.1.1"], "peer": "p"}
    store.add_lookups(
        [
            LookupRow.from_log({"time_unix_nano": ZERO + SECOND, "name": f"{name}.lbstudy.svc", **log})
            for name in ("greeter-stock", "greeter-other")
        ]
    )
    where = {"local": "127.0.0.1:4", "remote": "127.0.1.1:50051"}
    store.add_connections(
        [
            ConnectionRow(ZERO, 0.1, "client-stock-x", "watched", "", ""),
            ConnectionRow(ZERO + SECOND, 0.12, "client-stock-x", "open", *where.values()),
            ConnectionRow(ZERO + 2 * SECOND, 0.1, "client-stock-x", "closed", *where.values()),
            ConnectionRow(ZERO + SECOND, 0.1, "client-other-x", "open", *where.values()),
        ]
    )
    found = lane(store)
    assert [(one.client, one.ended, one.addresses) for one in found.updates] == [
        (0, 1.0, frozenset({"127.0.1.1"}))
    ]
    assert found.transitions == (
        Transition(0, 0, "127.0.1.1:50051", "ready", 1.0, None, 0.12),
        Transition(0, 0, "127.0.1.1:50051", "removed", 2.0, None, 0.1),
    )
    assert (found.known.updates, found.known.connections) == (
        Seen(Observer.DNS_LOG, found.known.updates.note, 0.1),  # type: ignore[union-attr]
        Seen(Observer.KERNEL, found.known.connections.note, 0.12),  # type: ignore[union-attr]
    )


def test_status_messages_are_counted(store: RunStore) -> None:
    describe(store)
    store.add_telemetry(
        spans=[
            span(1, grpc_code=14, status_message="gone"),
            span(2, grpc_code=14, status_message="gone"),
            span(3, kind="server", grpc_code=13),
            span(4),
        ]
    )
    told = [(one.side, one.code, one.message, one.count) for one in lane(store).said]
    assert told == [(Side.CLIENT, 14, "gone", 2), (Side.SERVER, 13, "", 1)]


def test_a_store_of_before_has_neither_connections_nor_authorities(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    RunStore.create(path).close()
    with duckdb.connect(path) as connection:
        connection.execute("DROP TABLE connections")
        connection.execute("ALTER TABLE dns_lookups DROP COLUMN authority")
        connection.execute(
            "INSERT INTO dns_lookups VALUES (1, 'greeter-stock.x', 'A', 'NOERROR', ['a'], 'p', 'udp')"
        )
    old = RunStore.open(path, read_only=False)
    describe(old)
    pods(old, "a")
    old.add_telemetry(spans=[span(1)])
    found = lane(old)
    old.close()
    assert (len(found.lookups), found.lookups[0].authority) == (1, "")
    assert found.known.instrumented  # its spans have channels
    assert found.known.connections == Seen(Observer.INSTRUMENTOR)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"rpc.grpc.status_code": 14}, 14),
        ({"rpc.status_code": "UNAVAILABLE"}, 14),
        ({"rpc.status_code": "14"}, 14),
        ({"rpc.response.status_code": "DEADLINE_EXCEEDED"}, 4),
        ({"rpc.response.status_code": "DeadlineExceeded"}, 4),
        ({"rpc.status_code": 0}, 0),
        ({"rpc.status_code": "Whatever"}, None),
        ({}, None),
    ],
)
def test_codes_of_all_conventions(told: dict[str, object], code: int | None) -> None:
    values = {"rpc.system": "grpc", "rpc.service": "orders.v1.Orders", "rpc.method": "Get", **told}
    row = span_row(SeenSpan("t", "s", None, "n", 3, 0, 1, 0, None, values), RESOURCE, "otelgrpc")
    assert (row.grpc_code, row.rpc_method) == (code, "orders.v1.Orders/Get")
