"""What there is to be pushed, and what is never pushed."""

from endpoint_push.catalog import Catalog
from endpoint_push.endpoints import Endpoint
from endpoint_push.policy import Policy
from endpoint_push.records import EndpointsChanged, EndpointsWithheld
from endpoint_push.wire import ResourceType
from endpoint_push.xds.v3.resources_pb2 import ClusterLoadAssignment

A, B = Endpoint("10.0.0.1", 50051), Endpoint("10.0.0.2", 50051)


def assignment(catalog: Catalog, service: str) -> ClusterLoadAssignment:
    resource = catalog.resource(ResourceType.ENDPOINTS, service)
    assert resource is not None
    assert resource.body.type_url == "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
    return ClusterLoadAssignment.FromString(resource.body.value)


def test_a_change_says_what_it_changes() -> None:
    catalog = Catalog(Policy(), first_version=7)

    assert catalog.set_endpoints("greeter", [A], 1) == EndpointsChanged(
        1, "greeter", 7, (str(A),), (str(A),), ()
    )
    assert catalog.set_endpoints("greeter", [B], 2) == EndpointsChanged(
        2, "greeter", 8, (str(B),), (str(B),), (str(A),)
    )
    assert catalog.set_endpoints("greeter", [B, B], 3) is None
    assert catalog.version == 8


def test_a_service_without_endpoints_is_none_until_it_has_one() -> None:
    catalog = Catalog(Policy())

    assert catalog.set_endpoints("greeter", [], 1) is None
    assert all(catalog.resource(kind, "greeter") is None for kind in ResourceType)


def test_the_last_endpoint_stays_listed_when_it_goes() -> None:
    catalog = Catalog(Policy())
    catalog.set_endpoints("greeter", [A], 1)

    assert catalog.set_endpoints("greeter", [], 2) == EndpointsWithheld(2, "greeter", (str(A),))
    assert catalog.set_endpoints("greeter", [], 3) is None
    (locality,) = assignment(catalog, "greeter").endpoints
    assert [one.endpoint.address.socket_address.address for one in locality.lb_endpoints] == [A.host]
    assert catalog.is_kept("greeter", lambda endpoint: endpoint == A)
    assert not catalog.is_listed("greeter", lambda endpoint: endpoint == A)
    # Back again: nothing that clients have to be told.
    assert catalog.set_endpoints("greeter", [A], 4) is None
    assert catalog.is_listed("greeter", lambda endpoint: endpoint == A)


def test_the_locality_has_a_weight_without_which_grpc_ignores_it() -> None:
    catalog = Catalog(Policy())
    catalog.set_endpoints("greeter", [A, B], 1)

    (locality,) = assignment(catalog, "greeter").endpoints
    assert locality.load_balancing_weight.value == 1


def test_whose_an_address_was_is_known_after_it_went() -> None:
    catalog = Catalog(Policy())
    catalog.set_endpoints("one", [A, B], 1)
    catalog.set_endpoints("two", [B], 1)
    catalog.set_endpoints("one", [B], 2)

    assert catalog.services_of(lambda endpoint: endpoint == A) == ["one"]
    assert catalog.services_of(lambda endpoint: endpoint.host == "10.9.9.9") == ["one", "two"]
