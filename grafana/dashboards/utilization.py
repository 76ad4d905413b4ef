"""Server Utilization: what each server's process uses, and whether it has anything to do."""

from grafana_foundation_sdk.models.dashboard import Dashboard
from lbstudy.searches import promql

from grafana.dashboards import panels
from grafana.dashboards.frame import SCOPE, dashboard
from grafana.dashboards.panels import BY_POD, BY_SERVER, Query


def build() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "grpc-lb-utilization",
        "gRPC load balancing / 5 Server Utilization",
        "CPU, memory, RPCs in flight and inactivity age of each server.",
        [
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
                "Since each server last finished an RPC, or since its start when it never did. A line that"
                " climbs is a server that runs for nothing.",
                panels.SECONDS,
                Query(promql.inactivity_age(SCOPE), BY_SERVER),
            ),
            panels.lines(
                "RPCs in flight",
                "That each server is working on.",
                panels.COUNT,
                Query(promql.active_rpcs(SCOPE), BY_POD),
            ),
        ],
    )
