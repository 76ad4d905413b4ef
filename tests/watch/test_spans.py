"""Spans of other people's programs: who served, who called, whatever they name themselves."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lbstudy.watch.evidence import ClientUpdate, Connection, EvidenceSource, Failed, Requests
from lbstudy.watch.spans import REMEMBERED, Spans
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.watch.otlp import RPC, Value, client_span, group, request, server_span, span

PODS = {"orders-a", "orders-b", "10.0.0.1"}


def read(*groups: object) -> list[object]:
    spans = Spans(PODS.__contains__)
    return list(spans.read(request(*groups), 9.0))  # type: ignore[arg-type]  # of ResourceSpans


@pytest.mark.parametrize(
    "resource",
    [
        {"k8s.pod.name": "orders-a", "host.name": "node-1"},
        {"service.instance.id": "shop.orders-a.server"},
        {"host.name": "orders-a", "service.instance.id": "5f0c"},
        {"k8s.pod.ip": "10.0.0.1"},
    ],
)
def test_a_server_names_its_pod_in_many_ways(resource: dict[str, Value]) -> None:
    (found,) = read(server_span("", 5.0, "x", resource=resource))
    assert found == Requests(EvidenceSource.SERVER_SPANS, found.pod, 5.0, 5.0, received=9.0)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "attributes",
    [
        {"rpc.system": "grpc", "rpc.service": "grpc.health.v1.Health", "rpc.method": "Check"},
        {"rpc.system.name": "grpc", "rpc.method": "grpc.health.v1.Health/Check"},
        {"rpc.system": "grpc", "rpc.service": "grpc.reflection.v1.ServerReflection"},
        {"http.request.method": "GET"},
    ],
)
def test_probes_and_what_is_no_rpc_do_not_count(attributes: dict[str, Value]) -> None:
    assert not read(server_span("orders-a", 5.0, "x", attributes=attributes))


def test_a_stable_span_counts_as_an_old_one_does() -> None:
    stable = {"rpc.system.name": "grpc", "rpc.method": "shop.Orders/Get"}
    assert read(server_span("orders-a", 5.0, "x", attributes=stable))


@pytest.mark.parametrize("first", ["client", "server"])
def test_the_servers_span_says_whom_a_client_called(first: str) -> None:
    server = server_span("orders-a", 5.0, "s", parent="c")
    client = client_span("checkout", "checkout-1", 4.9, 5.1, "c")
    found = read(*((client, server) if first == "client" else (server, client)))
    assert Requests(EvidenceSource.SERVER_SPANS, "orders-a", 5.0, 5.0, received=9.0) in found
    assert (
        Requests(EvidenceSource.CLIENT_SPANS, "orders-a", 5.0, 5.0, 1, "checkout", "checkout-1", 9.0) in found
    )
    assert len(found) == 2


@pytest.mark.parametrize(
    "attributes",
    [{"server.k8s.pod.name": "orders-b"}, {"network.peer.address": "10.0.0.1"}, {"net.peer.ip": "10.0.0.1"}],
)
def test_a_client_that_names_its_peer_needs_no_other(attributes: dict[str, Value]) -> None:
    (found,) = read(client_span("checkout", "checkout-1", 4.9, 5.1, "c", attributes))
    assert isinstance(found, Requests)
    assert (found.after, found.at, found.workload) == (4.9, 5.1, "checkout")


def test_a_call_that_no_server_answered_is_none() -> None:
    attributes: dict[str, Value] = {"network.peer.address": "10.0.0.1", "grpc_lb.server.answered": False}
    assert not read(client_span("checkout", "checkout-1", 4.9, 5.1, "c", attributes))


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"rpc.status_code": "UNAVAILABLE"}, "UNAVAILABLE"),
        ({"rpc.response.status_code": "DEADLINE_EXCEEDED"}, "DEADLINE_EXCEEDED"),
        ({"rpc.grpc.status_code": 14}, "UNAVAILABLE"),
        ({"rpc.grpc.status_code": "1"}, "CANCELLED"),
    ],
)
def test_a_request_that_ends_with_an_error_is_lost(attributes: dict[str, Value], code: str) -> None:
    more: dict[str, Value] = {"server.address": "orders", "grpc_lb.channel.id": 3}
    lost = client_span("checkout", "checkout-1", 4.9, 5.1, "c", attributes | more)
    assert read(lost) == [Failed("checkout", "checkout-1", 5.1, code, None, "orders", "3")]


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"rpc.status_code": "OK"},
        {"rpc.status_code": "NOT_FOUND"},
        {"rpc.grpc.status_code": 0},
        {"rpc.grpc.status_code": 5},
        {"rpc.grpc.status_code": 99},
        {"rpc.grpc.status_code": "x"},
    ],
)
def test_an_answer_of_the_servers_program_is_no_loss(attributes: dict[str, Value]) -> None:
    assert not read(client_span("checkout", "checkout-1", 4.9, 5.1, "c", attributes))


def test_a_span_that_is_sent_again_counts_once() -> None:
    once = server_span("orders-a", 5.0, "s")
    assert len(read(once, once)) == 1


def test_a_resolver_update_and_a_connection() -> None:
    resource = {"k8s.deployment.name": "checkout", "k8s.pod.name": "checkout-1"}
    update = span(
        "grpc_lb.resolver.update",
        Span.SPAN_KIND_INTERNAL,
        4.0,
        5.0,
        "u",
        {
            "grpc_lb.resolver.target": "dns:///orders:50051",
            "grpc_lb.resolver.addresses": ["10.0.0.1", "[::1]:50051"],
            "grpc_lb.channel.id": 0,
        },
    )
    failed = span("grpc_lb.resolver.update", Span.SPAN_KIND_INTERNAL, 4.0, 5.0, "f", {})
    ready = span(
        "grpc_lb.subchannel",
        Span.SPAN_KIND_INTERNAL,
        5.5,
        5.5,
        "r",
        {"network.peer.address": "10.0.0.1", "grpc_lb.subchannel.id": 7, "grpc_lb.subchannel.state": "ready"},
    )
    good, bad, connection = read(group(resource, update, failed, ready))
    assert isinstance(good, ClientUpdate)
    assert isinstance(bad, ClientUpdate)
    assert replace(good, span=None) == ClientUpdate(
        "checkout",
        "checkout-1",
        "0",
        "dns:///orders:50051",
        5.0,
        frozenset({"10.0.0.1", "::1"}),
        started=4.0,
    )
    assert bad.addresses is None
    assert isinstance(connection, Connection)
    assert replace(connection, span=None) == Connection(
        "checkout", "checkout-1", "7", "10.0.0.1", "READY", 5.5
    )


def test_what_waits_for_its_other_side_is_bounded() -> None:
    spans = Spans(PODS.__contains__)
    for number in range(REMEMBERED + 100):
        name = f"{number:08d}"
        list(spans.read(request(server_span("orders-a", 5.0, name, parent=name)), 9.0))
    assert len(spans._answers._held) == REMEMBERED
    assert len(spans._seen) == REMEMBERED


@given(
    st.dictionaries(
        st.text(max_size=20), st.text(max_size=20) | st.integers(-9, 9) | st.booleans(), max_size=4
    )
)
def test_no_attribute_breaks_it(attributes: dict[str, Value]) -> None:
    read(server_span("orders-a", 5.0, "x", attributes={**RPC, **attributes}, resource=attributes))
    read(client_span("checkout", "checkout-1", 4.9, 5.1, "c", attributes))
