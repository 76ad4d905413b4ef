"""Performance: latency and throughput, and single RPCs that lead to their traces."""

from grafana_foundation_sdk.models.dashboard import Dashboard
from lbstudy.searches import promql

from grafana.dashboards import panels
from grafana.dashboards.frame import SCOPE, dashboard
from grafana.dashboards.panels import BY_SERVER, Query


def build() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "grpc-lb-performance",
        "gRPC load balancing / 2 Performance",
        "Latency of the RPCs, as their clients and as their servers measured it.",
        [
            panels.lines(
                "Latency of clients",
                "From the send to the end, interpolated between the histogram's bounds. The dots are single"
                " RPCs: each has a link to its trace in Jaeger.",
                panels.SECONDS,
                Query(promql.latency_quantile(SCOPE, 0.5), "p50, {{lbstudy_setting}}"),
                Query(promql.latency_quantile(SCOPE, 0.9), "p90, {{lbstudy_setting}}"),
                Query(promql.latency_quantile(SCOPE, 0.99), "p99, {{lbstudy_setting}}", exemplars=True),
                span=panels.WHOLE,
            ),
            panels.lines(
                "p99 by server",
                "The clients' latency, by the server that answered.",
                panels.SECONDS,
                Query(promql.latency_quantile_by_server(SCOPE, 0.99), BY_SERVER, exemplars=True),
            ),
            panels.lines(
                "Mean latency, clients and servers",
                "What lies between the two is the network, the queue and the channel.",
                panels.SECONDS,
                Query(promql.latency_mean(SCOPE), "clients, {{lbstudy_setting}}"),
                Query(promql.latency_mean(SCOPE, promql.SERVER), "servers, {{lbstudy_setting}}"),
            ),
            panels.heatmap(
                "Latency, all RPCs",
                "RPC/s in each bucket of the clients' histogram, of all chosen settings together.",
                promql.latency_buckets(SCOPE),
            ),
            panels.lines(
                "Throughput",
                "RPCs that ended, with any code.",
                panels.PER_SECOND,
                Query(promql.throughput(SCOPE)),
                span=panels.WHOLE,
            ),
        ],
    )
