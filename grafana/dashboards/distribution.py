"""Request Distribution: which server got how many of the RPCs."""

from grafana_foundation_sdk.models.dashboard import Dashboard
from lbstudy.searches import promql, totals

from grafana.dashboards import panels
from grafana.dashboards.frame import SCOPE, dashboard
from grafana.dashboards.panels import BY_LANE, BY_SERVER, Query


def build() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "grpc-lb-distribution",
        "gRPC load balancing / 1 Request Distribution",
        "How evenly the RPCs are spread among the servers.",
        [
            panels.bars(
                "RPCs by server",
                "RPCs that each server answered: in a run until the end of the time range, elsewhere"
                " within it. A server without a bar answered none.",
                totals.requests_total(SCOPE),
                "server_k8s_pod_name",
                totals.LANE_NAME,
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
                "Messages of streams by server",
                "Messages a second that streams brought to clients, stacked, by the server that sent them."
                " A stream stays with its server for all of its messages. Empty where there are no streams.",
                panels.PER_SECOND,
                Query(promql.messages(SCOPE), BY_SERVER),
                stacked=True,
            ),
            panels.lines(
                "Share by server, and the fair share",
                "Each server's part of its service's answered RPCs. The fair share is 1 ÷ Ready servers:"
                " with round_robin every line should lie on it.",
                panels.RATIO,
                Query(promql.request_share(SCOPE), BY_SERVER),
                Query(promql.fair_share(SCOPE), f"fair share, {BY_LANE}"),
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
                "Coverage: Ready servers that are seen to answer RPCs ÷ Ready servers; below 100 % some"
                " run for nothing. Jain's index of the Ready servers' shares: 100 % is even, 1/n is one"
                " server only.",
                panels.RATIO,
                Query(promql.coverage(SCOPE), f"coverage, {BY_LANE}"),
                Query(promql.jain_index(SCOPE), f"Jain, {BY_LANE}"),
            ),
            panels.steps(
                "Is readiness observed?",
                "1 where something tells which servers are Ready (kube-state-metrics, or a run itself); 0"
                " where nothing does: then fair share, deviation and coverage are not observed, and no"
                " alert claims anything.",
                panels.COUNT,
                Query(promql.readiness_observed(SCOPE)),
            ),
            panels.steps(
                "Ready servers that tell nothing",
                "Pods of the same Deployment without any telemetry: nobody calls them, or they are not"
                " instrumented.",
                panels.COUNT,
                Query(promql.unheard(SCOPE), BY_SERVER),
            ),
        ],
    )
