"""Adaptability: how soon clients notice that servers came or went."""

from grafana_foundation_sdk.models.dashboard import Dashboard
from lbstudy.searches import promql

from grafana.dashboards import panels
from grafana.dashboards.frame import SCOPE, dashboard
from grafana.dashboards.panels import BY_LANE, BY_SERVER, Query


def build() -> Dashboard:
    """The dashboard."""
    return dashboard(
        "grpc-lb-adaptability",
        "gRPC load balancing / 4 Adaptability",
        "How soon the clients notice a change of the servers.",
        [
            panels.steps(
                "Servers, and addresses in the clients' lists",
                "Servers that were asked for, those that are Ready, and the mean number of addresses that"
                " the clients' resolvers gave them. Where the addresses stay below Ready, clients do not"
                " know servers that they could use.",
                panels.COUNT,
                Query(promql.servers_commanded(SCOPE), f"asked for, {BY_LANE}"),
                Query(promql.servers_ready(SCOPE), f"Ready, {BY_LANE}"),
                Query(promql.addresses(SCOPE), f"addresses, {BY_LANE}"),
                span=panels.WHOLE,
            ),
            panels.lines(
                "Time to detect, and time to discovery",
                "Of each server that was added: Ready → the first client's address list that has it, and"
                " Ready → its first answer. No line: not yet. To the interval of exports: 1 s in a run.",
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
            panels.steps(
                "Ready servers that a client does not know",
                "Ready servers, less the addresses in the shortest of the clients' lists. Outside of a"
                " run of headless Services only.",
                panels.COUNT,
                Query(promql.missing(SCOPE)),
            ),
            panels.lines(
                "Address lists older than the last change",
                "For how long some client has not resolved since servers last entered or left DNS"
                " (outside of a run: since one last became Ready). No line: all have.",
                panels.SECONDS,
                Query(promql.stale(SCOPE)),
            ),
            panels.steps(
                "Resolver updates by outcome",
                "So far. A client with stock settings resolves when it connects, and then when a"
                " connection breaks.",
                panels.COUNT,
                Query(promql.updates_total(SCOPE), f"{{{{grpc_lb_resolver_outcome}}}}, {BY_LANE}"),
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
            panels.lines(
                "Connections made",
                "A second, by all clients together: a peak is a connection storm, as after a restart. With"
                " TLS, each of them is a handshake.",
                panels.PER_SECOND,
                Query(promql.connections_made(SCOPE)),
            ),
            panels.lines(
                "Time to connect",
                "From the attempt to the connection, TLS's handshake included. No line: none was made.",
                panels.SECONDS,
                Query(promql.connect_quantile(SCOPE, 0.5), f"p50, {BY_LANE}"),
                Query(promql.connect_quantile(SCOPE, 0.99), f"p99, {BY_LANE}"),
            ),
            panels.steps(
                "RPCs in flight at servers that are not Ready",
                "Servers that go still work on these. Short RPCs are over at once; streams hold on until"
                " they end, or are cut.",
                panels.COUNT,
                Query(promql.active_at_leaving(SCOPE)),
            ),
        ],
    )
