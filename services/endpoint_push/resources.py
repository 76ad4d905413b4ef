"""A service and its endpoints as the four resources of a client's configuration. No I/O."""

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
    ResourceType,
    packed,
)
from endpoint_push.xds.v3 import resources_pb2 as pb

_ADS = pb.ConfigSource(ads=pb.AggregatedConfigSource(), resource_api_version=pb.API_VERSION_V3)

# By default, a client fails RPCs beyond 1024 in flight ("circuit breaker drop"). Over DNS there is no limit.
_UNLIMITED = pb.CircuitBreakers(thresholds=[pb.Thresholds(max_requests=UInt32Value(value=2**32 - 1))])


def listener(service: str) -> Any:
    """Return the listener, the first resource that ``xds:///service`` leads to."""
    manager = pb.HttpConnectionManager(
        rds=pb.Rds(config_source=_ADS, route_config_name=service),
        http_filters=[pb.HttpFilter(name="router", typed_config=packed(ROUTER, pb.Router()))],
    )
    api = pb.ApiListener(api_listener=packed(CONNECTION_MANAGER, manager))
    return packed(ResourceType.LISTENER, pb.Listener(name=service, api_listener=api))


def route(service: str, policy: Policy) -> Any:
    """Return the route: all methods go to the service's one cluster."""
    action = pb.RouteAction(
        cluster=service, retry_policy=None if policy.retry is None else _retry(policy.retry)
    )
    host = pb.VirtualHost(
        name=service, domains=["*"], routes=[pb.Route(match=pb.RouteMatch(prefix=""), route=action)]
    )
    return packed(ResourceType.ROUTE, pb.RouteConfiguration(name=service, virtual_hosts=[host]))


def cluster(service: str, policy: Policy) -> Any:
    """Return the cluster: how to balance among the endpoints."""
    return packed(
        ResourceType.CLUSTER,
        pb.Cluster(
            name=service,
            type=pb.DISCOVERY_TYPE_EDS,
            eds_cluster_config=pb.EdsClusterConfig(eds_config=_ADS, service_name=service),
            circuit_breakers=_UNLIMITED,
            outlier_detection=(
                None if policy.outlier_detection is None else _outliers(policy.outlier_detection)
            ),
            load_balancing_policy=_first_of(
                (WRR_LOCALITY, pb.WrrLocality(endpoint_picking_policy=_picking(policy)))
            ),
        ),
    )


def assignment(service: str, endpoints: Sequence[Endpoint]) -> Any:
    """Return the endpoints, all in one locality; it has a weight, as gRPC ignores a locality without one."""
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
    return packed(
        ResourceType.ENDPOINTS, pb.ClusterLoadAssignment(cluster_name=service, endpoints=[locality])
    )


def _first_of(
    *choices: tuple[str, pb.WrrLocality | pb.RoundRobin | pb.ClientSideWeightedRoundRobin],
) -> pb.LoadBalancingPolicy:
    """Return a list of policies, of which a client takes the first that it knows."""
    extensions = [
        pb.TypedExtensionConfig(name=type_url, typed_config=packed(type_url, message))
        for type_url, message in choices
    ]
    return pb.LoadBalancingPolicy(
        policies=[pb.Policy(typed_extension_config=extension) for extension in extensions]
    )


def _picking(policy: Policy) -> pb.LoadBalancingPolicy:
    round_robin = (ROUND_ROBIN, pb.RoundRobin())
    if policy.balancing is Balancing.ROUND_ROBIN:
        return _first_of(round_robin)
    weights = policy.weights
    weighted = pb.ClientSideWeightedRoundRobin(
        blackout_period=_duration(weights.blackout),
        weight_expiration_period=_duration(weights.expiration),
        weight_update_period=_duration(weights.update),
        error_utilization_penalty=FloatValue(value=weights.error_penalty),
    )
    # grpc-js knows it only if an experiment is enabled, and would refuse a list with no other policy.
    return _first_of((WEIGHTED_ROUND_ROBIN, weighted), round_robin)


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
        # Both are always sent: Envoy's API has a default that ejects for what is left out.
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
