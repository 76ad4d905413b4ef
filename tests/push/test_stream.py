"""The protocol with one client: what is asked for, sent, taken, refused."""

import itertools
from functools import partial

from endpoint_push.catalog import Catalog
from endpoint_push.endpoints import Endpoint
from endpoint_push.policy import Policy
from endpoint_push.records import Acked, ClientConnected, ClientDisconnected, Nacked, Unanswered, VersionSent
from endpoint_push.stream import Stream
from endpoint_push.wire import ResourceType
from endpoint_push.xds.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse, Node, Status
from endpoint_push.xds.v3.resources_pb2 import ClusterLoadAssignment
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

A, B, C = (Endpoint(f"10.0.0.{n}", 50051) for n in (1, 2, 3))


def request(kind: ResourceType, *names: str, nonce: str = "", error: str = "") -> DiscoveryRequest:
    return DiscoveryRequest(
        node=Node(id="client-a"),
        type_url=kind,
        resource_names=names,
        response_nonce=nonce,
        error_detail=Status(code=3, message=error) if error else None,
    )


def follower(catalog: Catalog) -> tuple[Stream, VersionSent]:
    """A stream whose client has taken the endpoints of "greeter" as they are; and what it took."""
    stream = Stream(1, catalog)
    stream.received(request(ResourceType.ENDPOINTS, "greeter"), 1)
    ((response, sent),) = stream.due(2)
    stream.received(request(ResourceType.ENDPOINTS, "greeter", nonce=response.nonce), 3)
    return stream, sent


def catalog_of(*endpoints: Endpoint) -> Catalog:
    catalog = Catalog(Policy())
    catalog.set_endpoints("greeter", endpoints, 0)
    return catalog


def listed(response: DiscoveryResponse) -> dict[str, set[str]]:
    found = {}
    for resource in response.resources:
        assignment = ClusterLoadAssignment.FromString(resource.value)
        found[assignment.cluster_name] = {
            one.endpoint.address.socket_address.address
            for locality in assignment.endpoints
            for one in locality.lb_endpoints
        }
    return found


def test_a_client_is_sent_what_it_asks_for_once() -> None:
    stream = Stream(1, catalog_of(A))

    assert stream.received(request(ResourceType.LISTENER, "greeter"), 5) == [
        ClientConnected(5, 1, "client-a")
    ]
    ((response, sent),) = stream.due(6)
    assert (response.type_url, response.version_info) == (ResourceType.LISTENER, "1")
    assert stream.due(7) == []
    assert stream.received(request(ResourceType.LISTENER, "greeter", nonce=response.nonce), 8) == [
        Acked(8, sent)
    ]
    assert stream.due(9) == []


def test_a_name_that_is_none_is_not_answered_until_it_is_one() -> None:
    catalog = Catalog(Policy())
    stream = Stream(1, catalog)
    stream.received(request(ResourceType.LISTENER, "greeter"), 1)

    assert stream.due(2) == []
    catalog.set_endpoints("greeter", [A], 3)
    assert [sent.resources for _, sent in stream.due(4)] == [("greeter",)]


def test_a_change_is_pushed_to_those_alone_who_follow_the_service() -> None:
    catalog = catalog_of(A)
    stream, _ = follower(catalog)
    catalog.set_endpoints("other", [C], 4)

    assert stream.due(5) == []
    catalog.set_endpoints("greeter", [B], 6)
    ((response, sent),) = stream.due(7)
    assert listed(response) == {"greeter": {B.host}}
    assert (sent.added, sent.removed) == ((str(B),), (str(A),))


def test_a_refusal_is_told_and_not_answered_with_the_same_again() -> None:
    catalog = catalog_of(A)
    stream, _ = follower(catalog)
    catalog.set_endpoints("greeter", [A, B], 4)
    ((response, sent),) = stream.due(5)

    refusal = request(ResourceType.ENDPOINTS, "greeter", nonce=response.nonce, error="bad")
    assert stream.received(refusal, 6) == [Nacked(6, sent, "bad")]
    assert stream.due(7) == []
    catalog.set_endpoints("greeter", [A, C], 8)
    assert len(stream.due(9)) == 1


def test_a_client_that_refused_the_removal_may_use_the_address() -> None:
    catalog = catalog_of(A, B)
    stream, _ = follower(catalog)
    catalog.set_endpoints("greeter", [B], 4)
    ((response, _),) = stream.due(5)
    stream.received(request(ResourceType.ENDPOINTS, "greeter", nonce=response.nonce, error="bad"), 6)

    assert stream.may_use("greeter", lambda endpoint: endpoint == A)


def test_an_address_may_be_used_until_the_list_without_it_is_taken() -> None:
    catalog = catalog_of(A, B)
    stream, _ = follower(catalog)
    assert stream.may_use("greeter", lambda endpoint: endpoint == A)
    catalog.set_endpoints("greeter", [B], 4)
    assert stream.may_use("greeter", lambda endpoint: endpoint == A)
    ((response, _),) = stream.due(5)
    assert stream.may_use("greeter", lambda endpoint: endpoint == A)
    stream.received(request(ResourceType.ENDPOINTS, "greeter", nonce=response.nonce), 6)

    assert not stream.may_use("greeter", lambda endpoint: endpoint == A)
    assert stream.may_use("greeter", lambda endpoint: endpoint == B)
    assert not stream.may_use("other", lambda endpoint: endpoint == B)


def test_a_list_on_its_way_may_be_used_too() -> None:
    catalog = catalog_of(A)
    stream, _ = follower(catalog)
    catalog.set_endpoints("greeter", [A, B], 4)
    stream.due(5)
    catalog.set_endpoints("greeter", [A], 6)
    ((response, _),) = stream.due(7)

    assert stream.may_use("greeter", lambda endpoint: endpoint == B)
    stream.received(request(ResourceType.ENDPOINTS, "greeter", nonce=response.nonce), 8)
    assert not stream.may_use("greeter", lambda endpoint: endpoint == B)


def test_a_client_that_came_back_may_have_an_old_list() -> None:
    stream = Stream(2, catalog_of(B))
    stream.received(request(ResourceType.ENDPOINTS, "greeter"), 1)

    assert stream.may_use("greeter", lambda endpoint: endpoint == A)


def test_an_answer_to_an_earlier_version_takes_that_one_only() -> None:
    catalog = catalog_of(A)
    stream, _ = follower(catalog)
    catalog.set_endpoints("greeter", [A, B], 4)
    ((first, first_sent),) = stream.due(5)
    catalog.set_endpoints("greeter", [B], 6)
    ((second, second_sent),) = stream.due(7)

    assert stream.received(request(ResourceType.ENDPOINTS, "greeter", nonce=first.nonce), 8) == [
        Acked(8, first_sent)
    ]
    assert stream.may_use("greeter", lambda endpoint: endpoint == A)
    assert stream.received(request(ResourceType.ENDPOINTS, "greeter", nonce=first.nonce), 9) == []
    done = stream.received(request(ResourceType.ENDPOINTS, "greeter", nonce=second.nonce), 10)
    assert done == [Acked(10, second_sent)]


def test_what_is_asked_for_with_an_earlier_nonce_is_not_heard() -> None:
    catalog = catalog_of(A)
    stream, _ = follower(catalog)
    catalog.set_endpoints("greeter", [A, B], 4)
    ((response, _),) = stream.due(5)
    catalog.set_endpoints("greeter", [B], 6)
    stream.due(7)
    stream.received(request(ResourceType.ENDPOINTS, nonce=response.nonce), 8)

    assert stream.may_use("greeter", lambda endpoint: endpoint == B)


def test_a_name_that_is_asked_for_again_is_sent_again() -> None:
    catalog = catalog_of(A)
    catalog.set_endpoints("other", [B], 0)
    stream = Stream(1, catalog)
    nonce = ""
    for names, expected in ((("greeter",), 1), (("greeter", "other"), 1), (("other",), 0), (("greeter",), 1)):
        stream.received(request(ResourceType.ENDPOINTS, *names, nonce=nonce), 1)
        found = stream.due(2)
        assert len(found) == expected, names
        for response, _ in found:
            nonce = response.nonce
            stream.received(request(ResourceType.ENDPOINTS, *names, nonce=nonce), 3)


def test_the_end_leaves_what_was_not_answered() -> None:
    stream = Stream(1, catalog_of(A))
    stream.received(request(ResourceType.CLUSTER, "greeter"), 1)
    ((_, sent),) = stream.due(2)

    assert stream.ended(3) == [Unanswered(3, sent), ClientDisconnected(3, 1, "client-a")]


def test_a_type_that_is_not_served_is_passed_over() -> None:
    stream = Stream(1, catalog_of(A))
    stream.received(DiscoveryRequest(type_url="type.googleapis.com/envoy.Other", resource_names=["x"]), 1)

    assert stream.due(2) == []


def is_on(host: str, endpoint: Endpoint) -> bool:
    return endpoint.host == host


SERVICES = st.sampled_from(["greeter", "other"])


class AnyHistory(RuleBasedStateMachine):
    """A client that asks, takes and refuses, while services change: it ends up with what there is."""

    def __init__(self) -> None:
        super().__init__()
        self.catalog = Catalog(Policy())
        self.stream = Stream(1, self.catalog)
        self.there: dict[str, set[str]] = {}  # as the client should come to know it
        self.names: frozenset[str] = frozenset()
        self.client: dict[str, set[str]] = {}
        self.nonce = ""
        self.waiting: list[DiscoveryResponse] = []
        self.instants = itertools.count()

    @rule(service=SERVICES, endpoints=st.sets(st.sampled_from([A, B, C])))
    def change(self, service: str, endpoints: set[Endpoint]) -> None:
        self.catalog.set_endpoints(service, endpoints, next(self.instants))
        if endpoints:
            self.there[service] = {endpoint.host for endpoint in endpoints}
        self._pushed()

    @precondition(lambda self: not self.waiting)  # as gRPC does: what it has got is answered first
    @rule(names=st.frozensets(st.sampled_from(["greeter", "other", "none"])))
    def ask(self, names: frozenset[str]) -> None:
        self.names = names
        self._request()

    @precondition(lambda self: self.waiting)
    @rule(takes=st.booleans())
    def answer(self, takes: bool) -> None:
        response = self.waiting.pop(0)
        self.nonce = response.nonce
        if takes:
            self.client |= {name: hosts for name, hosts in listed(response).items() if name in self.names}
        self._request("" if takes else "bad")

    @invariant()
    def no_list_is_empty(self) -> None:
        assert all(all(listed(response).values()) for response in self.waiting)

    @invariant()
    def what_the_client_has_it_may_use(self) -> None:
        for name, hosts in self.client.items():
            assert all(self.stream.may_use(name, partial(is_on, host)) for host in hosts)

    def teardown(self) -> None:
        # Whatever was refused is followed by another version, and that is taken.
        for service in ("greeter", "other"):
            for endpoints in ({A, B, C}, {B, C}, {A, C}):
                self.change(service, endpoints)
        while self.waiting:
            self.answer(takes=True)
        assert self.client == {name: self.there[name] for name in self.names & self.there.keys()}
        assert not any(self.stream.may_use(name, lambda one: one == B) for name in self.client)

    def _request(self, error: str = "") -> None:
        sent = request(ResourceType.ENDPOINTS, *sorted(self.names), nonce=self.nonce, error=error)
        self.stream.received(sent, next(self.instants))
        self.client = {name: hosts for name, hosts in self.client.items() if name in self.names}
        self._pushed()

    def _pushed(self) -> None:
        self.waiting += [response for response, _ in self.stream.due(next(self.instants))]


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=30, stateful_step_count=30)
