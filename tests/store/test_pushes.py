"""What a control plane told clients, as their resolver updates."""

import json
from collections.abc import Mapping

from grpc_lb_instrumentor import names
from lbstudy.observation.records import SpanRef, Update
from lbstudy.store.database import RunStore
from lbstudy.store.rows import SpanRow

from tests.store.described import describe, lane, pods
from tests.store.rows_by_hand import span

A, B = "127.0.1.1:50051", "127.0.1.2:50051"


def push(number: int, outcome: str = "acked", others: Mapping[str, object] | None = None) -> SpanRow:
    attributes = {
        names.PUSH_NODE: "client-stock-x",
        names.PUSH_TYPE: "endpoints",
        names.PUSH_OUTCOME: outcome,
        names.RESOLVER_ADDRESSES: [A, B],
        names.RESOLVER_ADDED: [B],
        names.RESOLVER_REMOVED: [],
        **(others or {}),
    }
    return span(
        number,
        name=names.SPAN_PUSH,
        kind="internal",
        pod="push-greeter-stock-x",
        service="endpoint-push",
        rpc_method=None,
        grpc_code=None,
        server_pod=None,
        channel_id=None,
        scheduled_unix_nano=None,
        attributes=json.dumps(attributes),
    )


def updates(store: RunStore, *pushes: SpanRow) -> tuple[Update, ...]:
    describe(store)
    pods(store, "a")
    rpcs = [span(1, channel_id=0), span(2, channel_id=1)]
    store.add_telemetry(spans=[*rpcs, *pushes])
    return lane(store).updates


def test_an_ack_is_an_update_of_every_channel_of_the_process(store: RunStore) -> None:
    found = updates(store, push(1000))

    assert [update.client for update in found] == [0, 1]
    assert found[0] == Update(
        client=0,
        started=1.0,
        ended=1.02,
        outcome="changed",
        cause="push",
        addresses=frozenset({A, B}),
        added=frozenset({B}),
        removed=frozenset(),
        ref=SpanRef(f"{1000:032x}", f"{1000:016x}"),
    )


def test_a_list_that_the_client_had_already_is_told_so(store: RunStore) -> None:
    found = updates(store, push(1000, others={names.RESOLVER_ADDED: []}))

    assert {update.outcome for update in found} == {"unchanged"}


def test_a_refused_list_is_no_good_update_and_an_unanswered_one_is_none(store: RunStore) -> None:
    found = updates(store, push(1000, "nacked"), push(2000, "unanswered"))

    assert [(update.outcome, update.started) for update in found] == [("refused", 1.0), ("refused", 1.0)]


def test_other_resources_and_other_clients_are_passed_over(store: RunStore) -> None:
    found = updates(
        store,
        push(1000, others={names.PUSH_TYPE: "cluster"}),
        push(2000, others={names.PUSH_NODE: "client-other-x"}),
    )

    assert found == ()
