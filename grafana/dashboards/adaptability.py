"""Adaptability: how soon clients notice that servers came or went."""

from grafana_foundation_sdk.models.dashboard import Dashboard
from lbstudy.searches import promql

from grafana.dashboards import panels
from grafana.dashboards.frame import SCOPE, dashboard
from grafana.dashboards.panels import BY_SERVER, Query


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
                "Time to detect, and time to discovery",
                "Of each server that was added: Ready → the first client's address list that has it, and"
                " Ready → its first answer. No line: not yet. To a second: that is how often pods export.",
                panels.SECONDS,
                Query(promql.time_to_detect(SCOPE), f"detect, {BY_SERVER}"),
                Query(promql.time_to_discovery(SCOPE), f"discovery, {BY_SERVER}"),
            ),
            panels.lines(
                "Ready servers that wait for their first RPC",
                "For how long. A line that climbs is a server that no client has discovered.",
                panels.SECONDS,
                Query(promql.undiscovered(SCOPE), BY_SERVER),
            ),
            panels.lines(
                "Address lists older than the last change",
                "For how long some client has not resolved since servers last entered or left DNS. No line:"
                " all have.",
                panels.SECONDS,
                Query(promql.stale(SCOPE)),
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
            ),
        ],
    )
