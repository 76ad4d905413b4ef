"""The names of Envoy's API as they are sent; proto/endpoint_push/xds/v3 has the messages."""

from enum import StrEnum
from typing import Final

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

SERVICE: Final = "envoy.service.discovery.v3.AggregatedDiscoveryService"
METHOD: Final = "StreamAggregatedResources"


class ResourceType(StrEnum):
    """The four types of resource, by type URL, in the order in which a client asks for them."""

    LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
    ROUTE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
    CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    ENDPOINTS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"


_EXTENSIONS: Final = "type.googleapis.com/envoy.extensions."
CONNECTION_MANAGER: Final = f"{_EXTENSIONS}filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER: Final = f"{_EXTENSIONS}filters.http.router.v3.Router"
WRR_LOCALITY: Final = f"{_EXTENSIONS}load_balancing_policies.wrr_locality.v3.WrrLocality"
ROUND_ROBIN: Final = f"{_EXTENSIONS}load_balancing_policies.round_robin.v3.RoundRobin"
WEIGHTED_ROUND_ROBIN: Final = (
    f"{_EXTENSIONS}load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin"
)


def packed(type_url: str, message: Message) -> Any:
    """Pack a message in an Any that has Envoy's name for it."""
    return Any(type_url=type_url, value=message.SerializeToString(deterministic=True))
