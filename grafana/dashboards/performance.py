"""Performance: latency and throughput, and single RPCs that lead to their traces."""

from grafana_foundation_sdk.models.dashboard import Dashboard
from lbstudy.searches import promql

from grafana.dashboards import panels
from grafana.dashboards.frame import SCOPE, dashboard
from grafana.dashboards.panels import BY_LANE, BY_SERVER, Query


def build() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "grpc-lb-performance",
        "gRPC load balancing / 2 Performance",
        "Latency of the RPCs, as their clients and as their servers measured it.",
        [
            panels.lines(
                "Latency of clients",
                "From the send to the end, interpolated between the histogram's bounds. The dots are"
                " single RPCs: each has a link to its trace in Jaeger.",
                panels.SECONDS,
                Query(promql.latency_quantile(SCOPE, 0.5), f"p50, {BY_LANE}"),
                Query(promql.latency_quantile(SCOPE, 0.9), f"p90, {BY_LANE}"),
                Query(promql.latency_quantile(SCOPE, 0.99), f"p99, {BY_LANE}", exemplars=True),
                span=panels.WHOLE,
            ),
            panels.lines(
                "p99 by server",
                "The clients' latency, by the server that answered.",
                panels.SECONDS,
                Query(promql.latency_quantile_by_server(SCOPE, 0.99), BY_SERVER, exemplars=True),
            ),
            panels.lines(
                "p99 of servers that are new",
                f"The same of servers that became Ready within the last {promql.YOUNG:.0f} s: what it takes"
                " them to warm up.",
                panels.SECONDS,
                Query(promql.young_latency_quantile(SCOPE, 0.99), BY_SERVER),
            ),
            panels.lines(
                "Mean latency, clients and servers",
                "What lies between the two is the network, the queue and the channel.",
                panels.SECONDS,
                Query(promql.latency_mean(SCOPE), f"clients, {BY_LANE}"),
                Query(promql.server_latency_mean(SCOPE), f"servers, {BY_LANE}"),
                span=panels.WHOLE,
            ),
            panels.lines(
                "Latency of servers",
                "From the request's arrival to the end, as the servers measured it: where clients tell"
                " nothing, the only latency there is.",
                panels.SECONDS,
                Query(promql.server_latency_quantile(SCOPE, 0.5), f"p50, {BY_LANE}"),
                Query(promql.server_latency_quantile(SCOPE, 0.9), f"p90, {BY_LANE}"),
                Query(promql.server_latency_quantile(SCOPE, 0.99), f"p99, {BY_LANE}", exemplars=True),
                span=panels.WHOLE,
            ),
            panels.heatmap(
                "Latency, all RPCs",
                "RPC/s in each bucket of the clients' histogram, of all that is chosen together; of the"
                " servers' histogram where no client tells.",
                promql.latency_buckets(SCOPE),
            ),
            panels.lines(
                "Throughput",
                "RPCs that ended, with any code: a run's at its clients, any other service's at its servers.",
                panels.PER_SECOND,
                Query(promql.throughput(SCOPE)),
                span=panels.WHOLE,
            ),
        ],
    )
