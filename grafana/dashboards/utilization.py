"""Server Utilization: what each server's process uses, and whether it has anything to do."""

from grafana_foundation_sdk.models.dashboard import Dashboard
from lbstudy.searches import promql

from grafana.dashboards import panels
from grafana.dashboards.frame import SCOPE, dashboard
from grafana.dashboards.panels import BY_SERVER, Query


def build() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "grpc-lb-utilization",
        "gRPC load balancing / 5 Server Utilization",
        "CPU, memory, RPCs in flight and inactivity age of each server.",
        [
            panels.lines(
                "Mean against hottest",
                "Busy share of the servers' capacity, as they count it, where a scenario gives them one: the"
                " mean of the Ready servers, which an autoscaler goes by, and the hottest of them.",
                panels.RATIO,
                Query(promql.hottest_utilization(SCOPE), "hottest, {{lbstudy_setting}}"),
                Query(promql.mean_utilization(SCOPE), "mean, {{lbstudy_setting}}"),
            ),
            panels.lines(
                "Capacity in use",
                "Busy share of each server's capacity, as it counts it, where a scenario gives it one.",
                panels.RATIO,
                Query(promql.server_utilization(SCOPE), BY_SERVER),
            ),
            panels.lines(
                "CPU",
                "Cores that each server's process uses, user and system time together.",
                "cores",
                Query(promql.cpu(SCOPE), BY_SERVER),
            ),
            panels.lines(
                "Memory",
                "Resident memory of each server's process.",
                panels.BYTES,
                Query(promql.memory(SCOPE), BY_SERVER),
            ),
            panels.lines(
                "Inactivity age",
                "Since each server last worked on an RPC, or since its start when it never did. A line that"
                " climbs is a server that runs for nothing.",
                panels.SECONDS,
                Query(promql.inactivity_age(SCOPE), BY_SERVER),
            ),
            panels.lines(
                "RPCs in flight",
                "That each server is working on.",
                panels.COUNT,
                Query(promql.active_rpcs(SCOPE), BY_SERVER),
            ),
        ],
    )
