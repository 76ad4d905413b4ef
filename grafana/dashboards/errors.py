"""Error Rates: what failed, by code and server."""

from grafana_foundation_sdk.models.dashboard import Dashboard
from lbstudy.searches import promql, totals

from grafana.dashboards import panels
from grafana.dashboards.frame import SCOPE, dashboard
from grafana.dashboards.panels import BY_LANE, Query


def build() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "grpc-lb-errors",
        "gRPC load balancing / 3 Error Rates",
        "RPCs that ended with another code than OK.",
        [
            panels.lines(
                "Error ratio",
                "Failed RPCs ÷ RPCs: a run's as its clients saw them, any other service's as its servers"
                " did.",
                panels.RATIO,
                Query(promql.error_ratio(SCOPE)),
            ),
            panels.lines(
                "Failed RPC/s by code",
                "As the error ratio has them: over the last 5 s of a run, over 5 min elsewhere. Empty"
                " while none has failed.",
                panels.PER_SECOND,
                Query(promql.errors_by_code(SCOPE), f"{{{{{promql.CODE}}}}}, {BY_LANE}"),
            ),
            panels.lines(
                "Streams that ended, by code",
                "A second; another code than OK says that a stream was cut: its server ended, or the age of"
                " its connection and the grace after it were over. Empty where there are no streams.",
                panels.PER_SECOND,
                Query(promql.streams_by_code(SCOPE), f"{{{{{promql.CODE}}}}}, {BY_LANE}"),
            ),
            panels.bars(
                "RPCs by code, clients",
                "How the RPCs ended as the clients saw it: in a run until the end of the time range,"
                " elsewhere within it, of those that a server answered.",
                totals.codes_total(SCOPE),
                promql.CODE,
                totals.LANE_NAME,
            ),
            panels.bars(
                "RPCs by code, servers",
                "The same as the servers saw it. An RPC that never reached a server is not among them.",
                totals.server_codes_total(SCOPE),
                promql.CODE,
                totals.LANE_NAME,
            ),
            panels.bars(
                "Failed RPCs by server",
                "By code, until the end of the time range. Empty while none has failed.",
                totals.errors_total(SCOPE),
                "server_k8s_pod_name",
                promql.CODE,
            ),
            panels.steps(
                "Connections that ended",
                "A connection that breaks is what makes a channel resolve its name again.",
                panels.COUNT,
                Query(promql.disconnections(SCOPE)),
            ),
        ],
    )
