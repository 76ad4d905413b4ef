"""PromQL for the study's measures, with the names that telemetry has in Prometheus (prometheus/README.md).

What prometheus/rules record is queried by its name, so that a measure has one definition. The others are sums
and quantiles of what the pods export, joined with their lane. Every query keeps the labels of the lane
(``scope.LANE``), and that of the server if it is about single servers. totals.py has the totals.
"""

from typing import Final

from grpc_lb_instrumentor import names

from lbstudy.searches.scope import LANE, POD, RUN, Scope, total

CLIENT: Final = "rpc_client_call_duration_seconds"
SERVER: Final = "rpc_server_call_duration_seconds"
OLD_SERVER: Final = "rpc_server_duration_milliseconds"
"""The conventions' name until 1.38, which instrumentation in most languages still uses."""
_MESSAGES: Final = "grpc_lb_client_stream_messages_total"
CODE: Final = names.RPC_STATUS_CODE.replace(".", "_")

YOUNG: Final = 10.0
"""s, for which a server that became Ready counts as new to its clients."""

_ANSWERED: Final = f'{POD}!=""'
_FAILED: Final = f'{CODE}!~"OK|"'


# --- 1. distribution ------------------------------------------------------------------------------


def request_rate(scope: Scope) -> str:
    """Return the RPC/s that each server answered; 0 for a Ready server without any."""
    return scope.of_server("server:rpc_answered:rate")


def request_share(scope: Scope) -> str:
    """Return each server's share of the answered RPCs, 0 to 1."""
    return scope.of_server("server:rpc_answered:share")


def fair_share(scope: Scope) -> str:
    """Return each Ready server's share if all got the same."""
    return scope.of_lane("lane:fair_share")


def largest_deviation(scope: Scope) -> str:
    """Return the largest |share − fair share| ÷ fair share among the Ready servers."""
    return scope.of_lane("lane:largest_deviation")


def jain_index(scope: Scope) -> str:
    """Return Jain's index of the Ready servers' shares: 1 is even, 1/n is one server only."""
    return scope.of_lane("lane:jain_index")


def coverage(scope: Scope) -> str:
    """Return the share of the Ready servers that are seen to answer RPCs, 0 to 1."""
    return scope.of_lane("lane:coverage")


def unheard(scope: Scope) -> str:
    """Return 1 for each Ready server without any telemetry of RPCs: uncalled, or not instrumented."""
    return scope.of_server("server:unheard")


def readiness_observed(scope: Scope) -> str:
    """Return whether anything shows which servers of a lane are Ready, 1 or 0."""
    return scope.of_lane("lane:readiness:observed")


def messages(scope: Scope) -> str:
    """Messages a second that streams brought to clients, by the server that sent them."""
    return scope.clients(_rate(scope, scope.of_client(_MESSAGES, _ANSWERED)), POD)


# --- 2. latency -----------------------------------------------------------------------------------


def latency_quantile(scope: Scope, quantile: float) -> str:
    """Return the latency from the send, s, interpolated between the histogram's bounds.

    It does not use the recorded series, because exemplars belong to the histogram's own name.
    """
    return _quantile(quantile, _client_buckets(scope, "le"))


def latency_quantile_by_server(scope: Scope, quantile: float) -> str:
    """Return the same for each server that answered."""
    return _quantile(quantile, _client_buckets(scope, "le", POD, matcher=_ANSWERED))


def young_latency_quantile(scope: Scope, quantile: float) -> str:
    """The same of servers that became Ready within the last 10 s; none of the others."""
    is_young = f"time() - {scope.of_server('server:ready:time_seconds')} < {YOUNG:g}"
    return f"{latency_quantile_by_server(scope, quantile)} and on ({', '.join((*LANE, POD))}) ({is_young})"


def server_latency_quantile(scope: Scope, quantile: float) -> str:
    """Return the latency within the servers, s: the only one if no client reports any."""
    new = _quantile(quantile, scope.pods(_rate(scope, scope.of_pod(f"{SERVER}_bucket")), "le"))
    old = _quantile(quantile, scope.pods(_rate(scope, scope.of_pod(f"{OLD_SERVER}_bucket")), "le"))
    return f"{new} or {old} / 1000"


def latency_buckets(scope: Scope) -> str:
    """Return RPC/s by bucket, cumulative, for all lanes: a heat map. From servers if clients report none."""
    clients = total(_client_buckets(scope, "le"), "le")
    servers = total(scope.pods(_rate(scope, scope.of_pod(f"{SERVER}_bucket")), "le"), "le")
    return f"{clients} or ({servers} unless on () {clients})"


def latency_mean(scope: Scope) -> str:
    """Return the mean latency that clients measured, s."""
    spent, ended = (_rate(scope, scope.of_client(f"{CLIENT}_{of}")) for of in ("sum", "count"))
    return f"{scope.clients(spent)} / ({scope.clients(ended)} > 0)"


def server_latency_mean(scope: Scope) -> str:
    """Return the mean latency that servers measured, s."""
    new, old = (
        "{} / ({} > 0)".format(
            *(scope.pods(_rate(scope, scope.of_pod(f"{metric}_{of}"))) for of in ("sum", "count"))
        )
        for metric in (SERVER, OLD_SERVER)
    )
    return f"{new} or {old} / 1000"


def throughput(scope: Scope) -> str:
    """Return the RPC/s that ended, with any code."""
    return total(scope.of_server("server:rpc:rate"), *LANE)


# --- 3. errors ------------------------------------------------------------------------------------


def error_ratio(scope: Scope) -> str:
    """Return failed RPCs ÷ RPCs."""
    return scope.of_lane("lane:rpc_errors:ratio")


def errors_by_code(scope: Scope) -> str:
    """Return the RPC/s that failed, by code. Empty while none has failed."""
    return f"{total(scope.of_server('server:rpc:rate', _FAILED), *LANE, CODE)} > 0"


def streams_by_code(scope: Scope) -> str:
    """Streams that ended a second, by code: the calls of methods whose calls bring several messages."""
    ended = _rate(scope, scope.of_client(f"{CLIENT}_count"))
    methods = scope.of_run(_MESSAGES)
    return scope.clients(f"{ended} and on ({', '.join((*RUN, 'rpc_method'))}) {methods}", CODE)


# --- 4. adaptability ------------------------------------------------------------------------------


def servers_commanded(scope: Scope) -> str:
    """Return the wanted servers: of a run, or a Deployment's replicas."""
    run = _max(scope.of_run("lbstudy_scale_commanded"), *RUN)
    replicas = 'label_replace(kube_deployment_spec_replicas, "owner", "$1", "deployment", "(.+)")'
    lane = f"on (namespace, owner) group_left (service, {', '.join(RUN)}) {scope.of_lane('owner:lane')}"
    return f"{run} or {total(f'{replicas} * {lane}', *LANE)}"


def servers_ready(scope: Scope) -> str:
    """Return the servers that are Ready."""
    return scope.of_lane("lane:ready:count")


def addresses(scope: Scope) -> str:
    """Return the mean number of addresses in the clients' lists."""
    return f"avg by ({', '.join(LANE)}) ({scope.of_lane('client:resolver_addresses')})"


def missing(scope: Scope) -> str:
    """Return the number of Ready servers that are missing from the shortest list of a channel."""
    return _max(scope.of_lane("client:resolver_addresses:missing"), *LANE)


def time_to_detect(scope: Scope) -> str:
    """Return Ready → the first client's list with the server, s; no value before."""
    return scope.of_server("server:time_to_detect:seconds")


def time_to_discovery(scope: Scope) -> str:
    """Return Ready → the server's first answer, s; no value before."""
    return scope.of_server("server:time_to_discovery:seconds")


def undiscovered(scope: Scope) -> str:
    """Return how long a Ready server has waited for its first RPC, s; no value once it has answered one."""
    return scope.of_server("server:undiscovered:seconds")


def stale(scope: Scope) -> str:
    """Return for how long some client's list has been older than the last change, s; no value if none is."""
    return _max(scope.of_lane("client:resolver_stale:seconds"), *LANE)


def since_last_update(scope: Scope) -> str:
    """Return the age of the oldest of the clients' last resolver updates, s."""
    return _max(f"time() - {scope.of_lane('client:resolver_last_update:time_seconds')}", *LANE)


def updates_total(scope: Scope) -> str:
    """Return the number of resolver updates so far, by outcome."""
    return scope.channels("grpc_lb_resolver_updates_total", "grpc_lb_resolver_outcome")


def open_connections(scope: Scope) -> str:
    """Return the connections that the clients have open."""
    return scope.channels("grpc_lb_subchannel_open_connections")


def disconnections(scope: Scope) -> str:
    """Return the number of connections that have ended so far."""
    return scope.channels("grpc_lb_subchannel_disconnections_total")


def connections_made(scope: Scope) -> str:
    """Connections that the clients make a second."""
    return scope.channels("grpc_lb_subchannel_connection_attempts_succeeded_total", window=scope.window)


def connect_quantile(scope: Scope, quantile: float) -> str:
    """Time to make a connection, s, interpolated between the histogram's bounds."""
    buckets = scope.channels("grpc_lb_subchannel_connect_duration_seconds_bucket", "le", window=scope.window)
    return _quantile(quantile, buckets)


def active_at_leaving(scope: Scope) -> str:
    """RPCs in flight at servers that are not Ready, or no longer: what streams still hold on to."""
    active, ready = scope.of_server("server:active_rpcs"), scope.of_server("server:ready")
    leaving = f"{active} unless on ({', '.join((*LANE, POD))}) ({ready} == 1)"
    return f"{total(leaving, *LANE)} or {total(active, *LANE)} * 0"


def scale_events(scope: Scope) -> str:
    """Return 1 for 2 s after each scale command, with the wanted number as the label ``servers``."""
    labels = f'by ({RUN[1]}) ("servers", {scope.of_run("lbstudy_scale_commanded")}'
    return f"count_values {labels}) unless count_values {labels} offset 2s)"


def faults(scope: Scope) -> str:
    """Return 1 while a fault lasts, with its description as the label ``lbstudy_fault_label``."""
    active = scope.of_run("lbstudy_fault_active")
    return f"{_max(active, RUN[1], 'lbstudy_fault_label')} > 0"


def dns_changes(scope: Scope) -> str:
    """Return when servers last entered or left DNS, ms since the epoch."""
    return f"{_max(scope.of_run('lbstudy_change_time_seconds'), RUN[1])} * 1000"


# --- 5. utilization -------------------------------------------------------------------------------


def cpu(scope: Scope) -> str:
    """Return the CPU cores that each server uses."""
    return scope.of_server("server:cpu_cores:rate")


def memory(scope: Scope) -> str:
    """Return the resident memory of each server, bytes."""
    return scope.of_server("server:memory_usage:bytes")


def active_rpcs(scope: Scope) -> str:
    """Return the RPCs in flight at each server."""
    return scope.of_server("server:active_rpcs")


def inactivity_age(scope: Scope) -> str:
    """Return the time since each server last worked on an RPC, s."""
    return scope.of_server("server:inactivity_age:seconds")


def server_utilization(scope: Scope) -> str:
    """Return how busy each server with a capacity is, 0 to 1 of it."""
    return _max(scope.of_run("lbstudy_server_utilization"), RUN[1], POD)


def mean_utilization(scope: Scope) -> str:
    """Return the mean of the Ready servers' utilisation, as an autoscaler sees it."""
    return f"avg by ({RUN[1]}) ({_of_ready(scope)})"


def hottest_utilization(scope: Scope) -> str:
    """Return the utilisation of the busiest Ready server."""
    return f"max by ({RUN[1]}) ({_of_ready(scope)})"


def _of_ready(scope: Scope) -> str:
    ready = f"{_max(scope.of_run('lbstudy_server_ready'), RUN[1], POD)} > 0"
    return f"{server_utilization(scope)} and on ({RUN[1]}, {POD}) ({ready})"


# --------------------------------------------------------------------------------------------------


def _client_buckets(scope: Scope, *by: str, matcher: str = "") -> str:
    buckets = scope.of_client(f"{CLIENT}_bucket", *filter(None, [matcher]))
    return scope.clients(_rate(scope, buckets), *by)


def _quantile(quantile: float, buckets: str) -> str:
    return f"histogram_quantile({quantile:g}, {buckets})"


def _rate(scope: Scope, selector: str) -> str:
    return f"rate({selector}[{scope.window}])"


def _max(inner: str, *by: str) -> str:
    return f"max by ({', '.join(by)}) ({inner})"
