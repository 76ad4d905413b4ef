import json
from pathlib import Path

import numpy as np
import pytest
from grpc_lb_instrumentor import names
from lbstudy.observation.records import NO_SERVER, SpanRef
from lbstudy.observation.tallies import ClientTally, ServerTally
from lbstudy.result.source import Expected, SettingInfo
from lbstudy.store.database import RunStore
from lbstudy.store.errors import StoreError
from lbstudy.store.rows import LookupRow, SpanRow
from lbstudy.store.source import StoreSource

from tests.making.results import PROVENANCE
from tests.store.described import SECOND, describe, lane, pods
from tests.store.rows_by_hand import ZERO, span


def test_client_rpcs(store: RunStore) -> None:
    describe(store)
    pods(store, "a", "b")
    store.add_telemetry(
        spans=[
            span(3000, server_pod="b", channel_id=1, grpc_code=13),
            span(1000, scheduled_unix_nano=ZERO + 900_000_000),
            span(2000, server_pod=None, grpc_code=None, scheduled_unix_nano=None),
            span(4, kind="server", pod="a"),
            span(5, setting="max-age"),
            span(6, rpc_method="grpc.health.v1.Health/Check"),
            span(7, rpc_method=None),
        ]
    )
    found = lane(store)
    assert (found.setting, found.end, found.servers) == ("stock", 80.0, ("a", "b"))
    assert found.clients == ("client-0", "client-1")
    rpcs = found.rpcs
    assert rpcs.sent.tolist() == [1.0, 2.0, 3.0]
    assert rpcs.ended.tolist() == [1.02, 2.02, 3.02]
    assert np.array_equal(rpcs.scheduled, [0.9, np.nan, 3.0], equal_nan=True)
    assert rpcs.code.tolist() == [0, -1, 13]
    assert rpcs.server.tolist() == [0, NO_SERVER, 1]
    assert rpcs.client.tolist() == [0, 0, 1]
    # The failures' and each first answer's spans.
    assert {found.span_refs[int(row)].span_id for row in rpcs.ref} == {
        f"{n:016x}" for n in (1000, 2000, 3000)
    }


def test_who_worked_on_an_rpc_that_its_client_gave_up(store: RunStore) -> None:
    """Nobody told the client. A server's span tells, if it began while the client waited and was given up."""
    describe(store)
    pods(store, "a", "b")
    given_up = {"server_pod": None, "grpc_code": 4}
    store.add_telemetry(
        spans=[
            span(1000, **given_up),  # ends 20 ms later
            *_server_spans(1000, ("a", 1001, 14), ("b", 1002, 1)),  # the second attempt's counts
            span(2000, **given_up),
            *_server_spans(2000, ("a", 2030, 4)),  # it was stopped, and found the request when it went on
            span(3000, **given_up),
            *_server_spans(3000, ("a", 3001, 14)),  # who had the other attempt is not known
            span(4000, server_pod=None, grpc_code=14),
            *_server_spans(4000, ("a", 4001, 1)),
            span(5000),
        ]
    )
    rpcs = lane(store).rpcs
    assert rpcs.server.tolist() == [1, NO_SERVER, NO_SERVER, NO_SERVER, 0]
    assert rpcs.told.tolist() == [False, False, False, False, True]


def _server_spans(client: int, *attempts: tuple[str, int, int]) -> list[SpanRow]:
    of = {"trace_id": f"{client:032x}", "parent_span_id": f"{client:016x}", "kind": "server"}
    return [span(at, pod=pod, server_pod=pod, grpc_code=code, **of) for pod, at, code in attempts]


def test_nanoseconds_are_kept(store: RunStore) -> None:
    describe(store)
    pods(store, "a")
    store.add_telemetry(
        spans=[span(0, start_unix_nano=ZERO + 79 * SECOND + 1, end_unix_nano=ZERO + 79 * SECOND + 3)]
    )
    rpcs = lane(store).rpcs
    assert round((rpcs.sent[0] - 79) * 1e9) == 1
    assert round((rpcs.ended[0] - rpcs.sent[0]) * 1e9) == 2


def test_clients_are_channels_of_pods(store: RunStore) -> None:
    """Also a channel that sent nothing but resolved its target is a client."""
    describe(store)
    store.add_telemetry(
        spans=[
            span(1, pod="client-y", channel_id=0),
            span(2, pod="client-x", channel_id=0),
            span(3, pod="client-x", channel_id=2, name=names.SPAN_RESOLVER_UPDATE, rpc_method=None),
        ]
    )
    found = lane(store)
    assert found.clients == ("client-0", "client-1", "client-2")
    assert found.rpcs.client.tolist() == [2, 0]
    assert found.updates[0].client == 1


def test_server_rpcs(store: RunStore) -> None:
    describe(store)
    pods(store, "a", "b")
    store.add_telemetry(
        spans=[
            span(1, kind="server", pod="a", server_pod="a"),
            span(2, kind="server", pod="b", server_pod=None, grpc_code=5),
            span(3, kind="server", pod="b", server_pod="b", rpc_method="grpc.health.v1.Health/Watch"),
        ]
    )
    served = lane(store).served
    assert sorted(zip(served.server.tolist(), served.code.tolist(), strict=True)) == [(0, 0), (1, 5)]


def test_of_the_attempts_at_an_rpc_all_but_the_last_are_superseded(store: RunStore) -> None:
    describe(store)
    pods(store, "a", "b")
    rpc = {"trace_id": "f" * 32, "parent_span_id": "e" * 16}
    store.add_telemetry(
        spans=[
            span(2, kind="server", pod="b", server_pod="b", **rpc),
            span(1, kind="server", pod="a", server_pod="a", grpc_code=14, **rpc),
            span(3, kind="server", pod="a", server_pod="a", grpc_code=5),  # of clients without telemetry
            span(4, kind="server", pod="b", server_pod="b", grpc_code=5, trace_id=f"{3:032x}"),
        ]
    )
    served = lane(store).served
    assert served.code[served.superseded].tolist() == [14]


def test_only_linked_rows_have_their_spans(store: RunStore) -> None:
    describe(store)
    pods(store, "a")
    store.add_telemetry(
        spans=[span(i) for i in range(100)]
        + [span(1000 + i, grpc_code=14, server_pod=None) for i in range(80)]
    )
    found = lane(store)
    assert len(found.span_refs) == 51  # a's first answer, and the first 50 failures
    assert found.span_refs[int(found.rpcs.ref[0])] == SpanRef(f"{0:032x}", f"{0:016x}")


def test_resolver_updates_and_subchannels(store: RunStore) -> None:
    describe(store)
    update = {
        names.RESOLVER_OUTCOME: "changed",
        names.RESOLVER_CAUSE: "first",
        names.RESOLVER_ADDRESSES: ["127.0.1.1", "127.0.1.2"],
        names.RESOLVER_ADDED: ["127.0.1.2"],
        names.RESOLVER_REMOVED: [],
    }
    subchannel = {
        names.SUBCHANNEL_ID: 7,
        names.SUBCHANNEL_STATE: "ready",
        names.NETWORK_PEER_ADDRESS: "127.0.1.2",
        names.NETWORK_PEER_PORT: 50051,
    }
    plain = {"rpc_method": None, "kind": "internal"}
    store.add_telemetry(
        spans=[
            span(9, name=names.SPAN_SUBCHANNEL, attributes=json.dumps(subchannel), **plain),
            span(
                8,
                name=names.SPAN_SUBCHANNEL,
                attributes=json.dumps({**subchannel, names.NETWORK_PEER_ADDRESS: "::1"}),
                **plain,
            ),
            span(5, name=names.SPAN_RESOLVER_UPDATE, attributes=json.dumps(update), **plain),
            span(1, name=names.SPAN_RESOLVER_UPDATE, attributes="{}", **plain),
        ]
    )
    found = lane(store)
    empty, changed = found.updates
    assert (empty.addresses, empty.outcome) == (frozenset(), "")
    assert (changed.started, changed.ended, changed.outcome, changed.cause) == (
        0.005,
        0.025,
        "changed",
        "first",
    )
    assert changed.addresses == {"127.0.1.1", "127.0.1.2"}
    assert (changed.added, changed.removed) == (frozenset({"127.0.1.2"}), frozenset())
    assert changed.ref == SpanRef(f"{5:032x}", f"{5:016x}")
    assert [(t.at, t.address, t.state, t.subchannel) for t in found.transitions] == [
        (0.008, "[::1]:50051", "ready", 7),
        (0.009, "127.0.1.2:50051", "ready", 7),
    ]


def test_tallies_and_lookups_of_the_setting(store: RunStore) -> None:
    describe(store)
    tally = ClientTally("c", 3, 2, 1, {"OK": 2}, {"a": 2}, 30.0, 29.5, 0.001, 0.002, 1.0)
    store.add_client_tallies("stock", [tally])
    store.add_client_tallies("max-age", [tally])
    store.add_server_tallies("stock", [ServerTally("a", {"OK": 2}), ServerTally("b", None)])
    line = {
        "time_unix_nano": ZERO + SECOND, "peer": "127.0.0.1:4000", "transport": "udp", "qtype": "A",
        "name": "Greeter-Stock.lbstudy.svc.cluster.local.", "rcode": "NOERROR", "addresses": ["127.0.1.1"],
    }  # fmt: skip
    store.add_lookups(
        LookupRow.from_log({**line, "name": name})
        for name in (line["name"], "greeter-stock-2.lbstudy.svc.cluster.local", "greeter-max-age.lbstudy")
    )
    found = lane(store)
    assert found.client_tallies == (tally,)
    assert found.server_tallies == (ServerTally("a", {"OK": 2}), ServerTally("b", None))
    (lookup,) = found.lookups
    assert (lookup.at, lookup.name, lookup.qtype, lookup.addresses) == (
        1.0,
        "greeter-stock.lbstudy.svc.cluster.local",
        "A",
        frozenset({"127.0.1.1"}),
    )


def test_what_the_run_says_of_itself(store: RunStore) -> None:
    describe(store)
    source = StoreSource.of(store)
    assert source.provenance() == PROVENANCE
    assert source.settings() == [SettingInfo("stock", "as it is", {"channel": {"a": 1}})]
    assert source.expectations() == [Expected("stock", "errors.ratio", at_most=0.1)]
    assert source.time_zero_unix_nano == ZERO


def test_an_empty_run_has_an_empty_lane(store: RunStore) -> None:
    describe(store)
    found = lane(store)
    assert (found.servers, found.clients, len(found.rpcs), len(found.served)) == ((), (), 0, 0)


def test_a_run_that_never_began_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "run.duckdb"
    RunStore.create(path).close()
    with pytest.raises(
        StoreError, match=f"^{path}: the run ended before its load began, so there is nothing to report$"
    ):
        StoreSource(path)


def test_a_description_that_does_not_fit_is_one_clear_line(store: RunStore) -> None:
    store.put_meta("run", {"time_zero_unix_nano": "soon"})
    with pytest.raises(StoreError, match=r"meta 'run', time_zero_unix_nano: [^\n]+$"):
        StoreSource.of(store)
