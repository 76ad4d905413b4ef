"""Adaptability: how soon clients notice that servers came or went."""

from grafana_foundation_sdk.models.dashboard import Dashboard
from lbstudy.searches import promql

from grafana.dashboards import panels
from grafana.dashboards.frame import SCOPE, dashboard
from grafana.dashboards.panels import Query


def build() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "grpc-lb-adaptability",
        "gRPC load balancing / 4 Adaptability",
        "How soon the clients notice a change of the servers.",
        [
            panels.steps(
                "Servers, and addresses in the clients' lists",
                "Servers that were asked for, those that are Ready, and the mean number of addresses that the"
                " clients' resolvers gave them. Where the addresses stay below Ready, clients do not know"
                " servers that they could use.",
                panels.COUNT,
                Query(promql.servers_commanded(SCOPE), "asked for, {{lbstudy_setting}}"),
                Query(promql.servers_ready(SCOPE), "Ready, {{lbstudy_setting}}"),
                Query(promql.addresses(SCOPE), "addresses, {{lbstudy_setting}}"),
                span=panels.WHOLE,
            ),
            panels.lines(
                "Since the last change of DNS that a client has not seen",
                "Time since servers last entered or left DNS, while some client has not resolved since; 0"
                " when all have. What the line reaches before it falls is the time to detect.",
                panels.SECONDS,
                Query(promql.behind_last_change(SCOPE)),
            ),
            panels.steps(
                "Ready servers without traffic",
                "Servers that are Ready and answer no RPC: as long as the line is above 0, the time to"
                " discovery of a server goes on.",
                panels.COUNT,
                Query(promql.ready_without_traffic(SCOPE)),
            ),
            panels.steps(
                "Resolver updates by outcome",
                "So far. A client with stock settings resolves when it connects, and then when a connection"
                " breaks.",
                panels.COUNT,
                Query(promql.updates_total(SCOPE), "{{grpc_lb_resolver_outcome}}, {{lbstudy_setting}}"),
            ),
            panels.lines(
                "Age of the oldest last resolver update",
                "Since the client that has not resolved for the longest time last did.",
                panels.SECONDS,
                Query(promql.since_last_update(SCOPE)),
            ),
            panels.steps(
                "Open connections",
                "Connections that the clients hold to servers.",
                panels.COUNT,
                Query(promql.open_connections(SCOPE)),
                span=panels.WHOLE,
            ),
        ],
    )
