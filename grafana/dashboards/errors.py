"""Error Rates: what failed, by code and server."""

from grafana_foundation_sdk.models.dashboard import Dashboard
from lbstudy.searches import promql

from grafana.dashboards import panels
from grafana.dashboards.frame import SCOPE, dashboard
from grafana.dashboards.panels import Query


def build() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "grpc-lb-errors",
        "gRPC load balancing / 3 Error Rates",
        "RPCs that ended with another code than OK.",
        [
            panels.lines(
                "Error ratio",
                "Failed RPCs ÷ RPCs, as the clients saw them.",
                panels.RATIO,
                Query(promql.error_ratio(SCOPE)),
            ),
            panels.lines(
                "Failed RPCs by code",
                "Within the last seconds ($__rate_interval), as the clients saw them. Empty while none has"
                " failed.",
                panels.COUNT,
                Query(promql.errors_by_code(SCOPE), "{{rpc_response_status_code}}, {{lbstudy_setting}}"),
            ),
            panels.bars(
                "RPCs by code, clients",
                "How the RPCs ended as the clients saw it, until the end of the time range.",
                promql.codes_total(SCOPE),
                "rpc_response_status_code",
                "lbstudy_setting",
            ),
            panels.bars(
                "RPCs by code, servers",
                "The same as the servers saw it. An RPC that never reached a server is not among them.",
                promql.codes_total(SCOPE, promql.SERVER),
                "rpc_response_status_code",
                "lbstudy_setting",
            ),
            panels.bars(
                "Failed RPCs by server",
                "By code, until the end of the time range. Empty while none has failed.",
                promql.errors_total(SCOPE),
                "server_k8s_pod_name",
                "rpc_response_status_code",
            ),
            panels.steps(
                "Connections that ended",
                "A connection that breaks is what makes a channel resolve its name again.",
                panels.COUNT,
                Query(promql.disconnections(SCOPE)),
            ),
        ],
    )
