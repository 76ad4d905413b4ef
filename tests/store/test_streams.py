"""Streams and their messages out of a run's store."""

import json

import numpy as np
import pytest
from grpc_lb_instrumentor import names
from lbstudy.observation.tallies import ClientTally, ServerTally, StreamTally
from lbstudy.store.database import RunStore
from lbstudy.store.rows import MetricRow

from tests.store.described import SECOND, describe, lane, pods
from tests.store.rows_by_hand import ZERO, span

EXCHANGE = "greeter.v1.StreamService/Exchange"


def kind(of: str) -> str:
    return json.dumps({names.STREAM_KIND: of})


def first_message(at: float) -> str:
    return json.dumps(
        [
            {"name": "another", "time_unix_nano": ZERO, "attributes": {}},
            {
                "name": names.EVENT_FIRST_MESSAGE,
                "time_unix_nano": ZERO + round(at * SECOND),
                "attributes": {},
            },
        ]
    )


def point(at: float, value: float, server: str | None = "a", **others: object) -> MetricRow:
    told = {names.RPC_METHOD: EXCHANGE} | ({names.SERVER_POD: server} if server else {})
    fields: dict[str, object] = {
        **dict.fromkeys(MetricRow._fields),
        "name": names.METRIC_CLIENT_MESSAGES,
        "kind": "sum",
        "start_unix_nano": 1,
        "time_unix_nano": ZERO + round(at * SECOND),
        "service": "greeter-client",
        "setting": "stock",
        "resource": 1,
        "scope": "",
        "attributes": json.dumps(told),
        "cumulative": True,
        "value": value,
        **others,
    }
    return MetricRow(**fields)  # type: ignore[arg-type]  # MetricRow's own fields


def test_which_rpcs_are_streams_and_when_they_were_answered(store: RunStore) -> None:
    describe(store)
    pods(store, "a", "b")
    store.add_telemetry(
        spans=[
            span(3000, attributes=kind("bidi"), events=first_message(3.5), server_pod="b", grpc_code=14),
            span(1000),
            span(2000, attributes=kind("client")),
            span(4, kind="server", attributes=kind("bidi"), pod="a"),
            span(5, setting="max-age", attributes=kind("bidi")),
            span(6, rpc_method="grpc.health.v1.Health/Watch", attributes=kind("server")),
        ]
    )
    found = lane(store)

    assert found.streams.row.tolist() == [1, 2]
    assert found.streams.kind == ("client", "bidi")
    assert np.array_equal(found.streams.first, [np.nan, 3.5], equal_nan=True)
    # The stream was b's first answer, though it failed in the end: a report links to its span.
    assert f"{3000:016x}" in {ref.span_id for ref in found.span_refs.values()}


def test_messages_are_told_export_by_export(store: RunStore) -> None:
    describe(store)
    pods(store, "a", "b")
    store.add_telemetry(
        metrics=[
            point(1, 3),
            point(2, 3),
            point(3, 8),
            point(3, 2, "b"),
            point(4, 1, start_unix_nano=2),  # the client began anew
            point(5, 4, None),
            point(5, 9, setting="max-age"),
            point(5, 9, name=names.METRIC_SERVER_MESSAGES),
        ]
    )
    found = lane(store).delivered

    assert list(zip(found.at.tolist(), found.server.tolist(), found.messages.tolist(), strict=True)) == [
        (1.0, 0, 3),
        (3.0, 0, 5),
        (3.0, 1, 2),
        (4.0, 0, 1),
        (5.0, -1, 4),
    ]
    assert lane(store).given == {"a": 9}


@pytest.mark.parametrize("streams", [None, StreamTally(2, 1, 9, {"a": 4}, {"a": 7}, {"a": 4})])
def test_what_the_programs_counted(store: RunStore, streams: StreamTally | None) -> None:
    describe(store)
    pods(store, "a")
    client = ClientTally("c", 3, 2, 1, {"OK": 2}, {"a": 2}, 3.0, 2.0, 0.1, 0.2, 0.3, streams)
    server = ServerTally("a", {"OK": 2}, None if streams is None else {"received": 8, "sent": 7})
    store.add_client_tallies("stock", [client])
    store.add_server_tallies("stock", [server])

    assert lane(store).client_tallies == (client,)
    assert lane(store).server_tallies == (server,)


def test_a_file_of_before_there_were_streams(store: RunStore) -> None:
    describe(store)
    pods(store, "a")
    store.add_client_tallies("stock", [ClientTally("c", 3, 2, 1, {"OK": 2}, {}, 3.0, 2.0, 0.1, 0.2, 0.3)])
    store.add_server_tallies("stock", [ServerTally("a", {"OK": 2})])
    store.query("ALTER TABLE client_tallies DROP COLUMN streams")
    store.query("ALTER TABLE server_tallies DROP COLUMN messages")

    found = lane(store)
    assert (found.client_tallies[0].streams, found.client_tallies[0].lateness_max) == (None, 0.3)
    assert found.server_tallies == (ServerTally("a", {"OK": 2}),)
