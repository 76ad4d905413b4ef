"""A service and its endpoints as the four resources of which a client's configuration consists. Pure."""

from collections.abc import Sequence

from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import FloatValue, UInt32Value

from endpoint_push.endpoints import Endpoint
from endpoint_push.policy import Balancing, Policy, Retry
from endpoint_push.policy import OutlierDetection as Outliers
from endpoint_push.wire import (
    CONNECTION_MANAGER,
    ROUND_ROBIN,
    ROUTER,
    WEIGHTED_ROUND_ROBIN,
    WRR_LOCALITY,
    Kind,
    packed,
)
from endpoint_push.xds.v3 import resources_pb2 as pb

_ADS = pb.ConfigSource(ads=pb.AggregatedConfigSource(), resource_api_version=pb.API_VERSION_V3)

# By default a client refuses what exceeds 1024 RPCs in flight ("circuit breaker drop"); over DNS none does.
_UNLIMITED = pb.CircuitBreakers(thresholds=[pb.Thresholds(max_requests=UInt32Value(value=2**32 - 1))])


def listener(service: str) -> Any:
    """What ``xds:///service`` leads to first."""
    manager = pb.HttpConnectionManager(
        rds=pb.Rds(config_source=_ADS, route_config_name=service),
        http_filters=[pb.HttpFilter(name="router", typed_config=packed(ROUTER, pb.Router()))],
    )
    api = pb.ApiListener(api_listener=packed(CONNECTION_MANAGER, manager))
    return packed(Kind.LISTENER, pb.Listener(name=service, api_listener=api))


def route(service: str, policy: Policy) -> Any:
    """All methods go to the one cluster."""
    action = pb.RouteAction(
        cluster=service, retry_policy=None if policy.retry is None else _retry(policy.retry)
    )
    host = pb.VirtualHost(
        name=service, domains=["*"], routes=[pb.Route(match=pb.RouteMatch(prefix=""), route=action)]
    )
    return packed(Kind.ROUTE, pb.RouteConfiguration(name=service, virtual_hosts=[host]))


def cluster(service: str, policy: Policy) -> Any:
    """How to balance among the endpoints."""
    return packed(
        Kind.CLUSTER,
        pb.Cluster(
            name=service,
            type=pb.DISCOVERY_TYPE_EDS,
            eds_cluster_config=pb.EdsClusterConfig(eds_config=_ADS, service_name=service),
            circuit_breakers=_UNLIMITED,
            outlier_detection=(
                None if policy.outlier_detection is None else _outliers(policy.outlier_detection)
            ),
            load_balancing_policy=_one(
                WRR_LOCALITY, pb.WrrLocality(endpoint_picking_policy=_picking(policy))
            ),
        ),
    )


def assignment(service: str, endpoints: Sequence[Endpoint]) -> Any:
    """The endpoints, all of one locality: gRPC ignores a locality without a weight."""
    locality = pb.LocalityLbEndpoints(
        locality=pb.Locality(region="default"),
        load_balancing_weight=UInt32Value(value=1),
        lb_endpoints=[
            pb.LbEndpoint(
                endpoint=pb.Endpoint(
                    address=pb.Address(
                        socket_address=pb.SocketAddress(address=endpoint.host, port_value=endpoint.port)
                    )
                )
            )
            for endpoint in endpoints
        ],
    )
    return packed(Kind.ENDPOINTS, pb.ClusterLoadAssignment(cluster_name=service, endpoints=[locality]))


def _one(
    type_url: str, message: pb.WrrLocality | pb.RoundRobin | pb.ClientSideWeightedRoundRobin
) -> pb.LoadBalancingPolicy:
    extension = pb.TypedExtensionConfig(name=type_url, typed_config=packed(type_url, message))
    return pb.LoadBalancingPolicy(policies=[pb.Policy(typed_extension_config=extension)])


def _picking(policy: Policy) -> pb.LoadBalancingPolicy:
    if policy.balancing is Balancing.ROUND_ROBIN:
        return _one(ROUND_ROBIN, pb.RoundRobin())
    weights = policy.weights
    return _one(
        WEIGHTED_ROUND_ROBIN,
        pb.ClientSideWeightedRoundRobin(
            blackout_period=_duration(weights.blackout),
            weight_expiration_period=_duration(weights.expiration),
            weight_update_period=_duration(weights.update),
            error_utilization_penalty=FloatValue(value=weights.error_penalty),
        ),
    )


def _retry(retry: Retry) -> pb.RetryPolicy:
    return pb.RetryPolicy(
        retry_on=",".join(retry.on),
        num_retries=UInt32Value(value=retry.attempts - 1),
        retry_back_off=pb.RetryBackOff(
            base_interval=_duration(retry.backoff), max_interval=_duration(retry.backoff_longest)
        ),
    )


def _outliers(outliers: Outliers) -> pb.OutlierDetection:
    message = pb.OutlierDetection(
        interval=_duration(outliers.interval),
        base_ejection_time=_duration(outliers.base_ejection_time),
        max_ejection_time=_duration(outliers.max_ejection_time),
        max_ejection_percent=_whole(outliers.max_ejection_percent),
        # Both are told always: for what is left out, Envoy's API has a default that ejects.
        enforcing_success_rate=_whole(0),
        enforcing_failure_percentage=_whole(0),
    )
    if (rate := outliers.success_rate) is not None:
        message.success_rate_stdev_factor.value = rate.stdev_factor
        message.enforcing_success_rate.value = rate.enforcing
        message.success_rate_minimum_hosts.value = rate.minimum_hosts
        message.success_rate_request_volume.value = rate.request_volume
    if (percentage := outliers.failure_percentage) is not None:
        message.failure_percentage_threshold.value = percentage.threshold
        message.enforcing_failure_percentage.value = percentage.enforcing
        message.failure_percentage_minimum_hosts.value = percentage.minimum_hosts
        message.failure_percentage_request_volume.value = percentage.request_volume
    return message


def _whole(value: int) -> UInt32Value:
    return UInt32Value(value=value)


def _duration(seconds: float) -> Duration:
    whole, nanos = divmod(round(seconds * 1e9), 1_000_000_000)
    return Duration(seconds=whole, nanos=nanos)
