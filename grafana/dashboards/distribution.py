"""Request Distribution: which server got how many of the RPCs."""

from grafana_foundation_sdk.models.dashboard import Dashboard
from lbstudy.searches import promql

from grafana.dashboards import panels
from grafana.dashboards.frame import SCOPE, dashboard
from grafana.dashboards.panels import BY_SERVER, Query


def build() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "grpc-lb-distribution",
        "gRPC load balancing / 1 Request Distribution",
        "How evenly the RPCs are spread among the servers.",
        [
            panels.bars(
                "RPCs by server",
                "RPCs that each server answered until the end of the time range. A server without a bar"
                " never answered one.",
                promql.requests_total(SCOPE),
                "server_k8s_pod_name",
                "lbstudy_setting",
                span=panels.WHOLE,
            ),
            panels.lines(
                "RPC/s by server",
                "RPCs that each server answered, stacked: the outline is the answered load.",
                panels.PER_SECOND,
                Query(promql.request_rate(SCOPE), BY_SERVER),
                stacked=True,
            ),
            panels.lines(
                "Share by server, and the fair share",
                "Each server's part of its setting's answered RPCs. The fair share is 1 ÷ Ready servers: with"
                " round_robin every line should lie on it.",
                panels.RATIO,
                Query(promql.request_share(SCOPE), BY_SERVER),
                Query(promql.fair_share(SCOPE), "fair share, {{lbstudy_setting}}"),
            ),
            panels.lines(
                "Largest deviation from the fair share",
                "Largest |share − fair share| ÷ fair share among the Ready servers. 0 % is even; a Ready"
                " server without requests makes it at least 100 %.",
                panels.RATIO,
                Query(promql.largest_deviation(SCOPE)),
            ),
            panels.lines(
                "Coverage, and Jain's index",
                "Coverage: Ready servers that answer RPCs ÷ Ready servers; below 100 % some run for nothing."
                " Jain's index of the Ready servers' shares: 100 % is even, 1/n is one server only.",
                panels.RATIO,
                Query(promql.coverage(SCOPE), "coverage, {{lbstudy_setting}}"),
                Query(promql.jain_index(SCOPE), "Jain, {{lbstudy_setting}}"),
            ),
        ],
    )
