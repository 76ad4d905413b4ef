"""PromQL for the study's measures, on the names that Prometheus gives the telemetry (prometheus/README.md).

What prometheus/rules record is asked for by its name, so that a measure has one definition; the rest are
sums, quantiles and maxima of what the pods export. Every query keeps the label ``lbstudy_setting``, and that
of the server where it is of single servers. Counters begin with 0 when their pod does, so the largest value
of a counter within a range is all that it counted until the range's end.
"""

from dataclasses import dataclass
from typing import Final

CLIENT: Final = "rpc_client_call_duration_seconds"
SERVER: Final = "rpc_server_call_duration_seconds"

_SETTING: Final = "lbstudy_setting"
_POD: Final = "server_k8s_pod_name"
_CODE: Final = "rpc_response_status_code"
_ANSWERED: Final = f'{_POD}!=""'
_FAILED: Final = f'{_CODE}!="OK"'


@dataclass(frozen=True, slots=True)
class Scope:
    """What a query is about: regular expressions (RE2), or variables of a dashboard.

    Attributes:
        run: of ``lbstudy.run.id``.
        setting: of ``lbstudy.setting``.
        server: of the server's pod name; "" for all, also for RPCs that none answered.
        window: of rates, a PromQL duration: at least four times the export interval.
        whole: the range of totals, a PromQL duration.
    """

    run: str
    setting: str = ".*"
    server: str = ""
    window: str = "4s"
    whole: str = "1h"

    def of_setting(self, metric: str, *more: str) -> str:
        """The selector of series that are of a setting, or of its clients."""
        return f"{metric}{{{self._matchers(*more)}}}"

    def of_server(self, metric: str, *more: str) -> str:
        """The selector of series that name a server."""
        return f"{metric}{{{self._matchers(*self._server(_POD), *more)}}}"

    def of_pod(self, metric: str) -> str:
        """The selector of what server pods export of themselves."""
        return f"{metric}{{{self._matchers(*self._server('k8s_pod_name'))}}}"

    def _matchers(self, *more: str) -> str:
        return ",".join([f'lbstudy_run_id=~"{self.run}"', f'{_SETTING}=~"{self.setting}"', *more])

    def _server(self, label: str) -> list[str]:
        return [f'{label}=~"{self.server}"'] if self.server else []


# --- 1. distribution ------------------------------------------------------------------------------


def requests_total(scope: Scope) -> str:
    """RPCs that each server answered in all."""
    count = scope.of_server(f"{CLIENT}_count", _ANSWERED)
    return _sum(f"max_over_time({count}[{scope.whole}])", _SETTING, _POD)


def request_rate(scope: Scope) -> str:
    """RPC/s that each server answered; 0 for a Ready one without any."""
    return scope.of_server("server:rpc_answered:rate5s")


def request_share(scope: Scope) -> str:
    """Each server's share of the answered RPCs, 0 to 1."""
    return scope.of_server("server:rpc_answered:share")


def fair_share(scope: Scope) -> str:
    """What each Ready server's share would be if all got the same."""
    return scope.of_setting("setting:fair_share")


def largest_deviation(scope: Scope) -> str:
    """The largest |share − fair share| ÷ fair share among the Ready servers."""
    return scope.of_setting("setting:largest_deviation")


def jain_index(scope: Scope) -> str:
    """Jain's index of the Ready servers' shares: 1 is even, 1/n is one server only."""
    return scope.of_setting("setting:jain_index")


def coverage(scope: Scope) -> str:
    """Share of the Ready servers that answer RPCs, 0 to 1."""
    return scope.of_setting("setting:coverage")


# --- 2. latency -----------------------------------------------------------------------------------


def latency_quantile(scope: Scope, quantile: float) -> str:
    """Latency from the send, s, interpolated between the histogram's bounds.

    Not the recorded one: exemplars are found by the histogram's own name.
    """
    buckets = _sum(_rate(scope, scope.of_server(f"{CLIENT}_bucket")), "le", _SETTING)
    return f"histogram_quantile({quantile:g}, {buckets})"


def latency_quantile_by_server(scope: Scope, quantile: float) -> str:
    """The same for each server that answered."""
    buckets = _sum(_rate(scope, scope.of_server(f"{CLIENT}_bucket", _ANSWERED)), "le", _SETTING, _POD)
    return f"histogram_quantile({quantile:g}, {buckets})"


def latency_buckets(scope: Scope) -> str:
    """RPC/s in each bucket, cumulative, of all settings together: a heat map."""
    return _sum(_rate(scope, scope.of_server(f"{CLIENT}_bucket")), "le")


def latency_mean(scope: Scope, metric: str = CLIENT) -> str:
    """Mean latency, s."""
    total = _sum(_rate(scope, scope.of_server(f"{metric}_sum")), _SETTING)
    return f"{total} / ({throughput(scope, metric)} > 0)"


def throughput(scope: Scope, metric: str = CLIENT) -> str:
    """RPC/s that ended, with any code."""
    return _sum(_rate(scope, scope.of_server(f"{metric}_count")), _SETTING)


# --- 3. errors ------------------------------------------------------------------------------------


def error_ratio(scope: Scope) -> str:
    """Failed RPCs ÷ RPCs, as the clients saw them."""
    return scope.of_setting("setting:rpc_errors:ratio5s")


def codes_total(scope: Scope, metric: str = CLIENT) -> str:
    """RPCs by code, OK included, in all."""
    return _sum(f"max_over_time({scope.of_server(f'{metric}_count')}[{scope.whole}])", _SETTING, _CODE)


def errors_by_code(scope: Scope) -> str:
    """RPCs that failed within the window, by code. Nothing while none has failed.

    Not by rate(): the first errors of a code make a new series, and rate() sees nothing in its first value.
    """
    failed = scope.of_server(f"{CLIENT}_count", _FAILED)
    return _sum(f"{failed} - ({failed} offset {scope.window} or {failed} * 0)", _SETTING, _CODE)


def errors_total(scope: Scope) -> str:
    """Failed RPCs by server and code in all; those that none answered are of the server "no server"."""
    count = scope.of_server(f"{CLIENT}_count", _FAILED)
    failed = _sum(f"max_over_time({count}[{scope.whole}])", _SETTING, _POD, _CODE)
    return f'label_replace({failed}, "{_POD}", "no server", "{_POD}", "")'


# --- 4. adaptability ------------------------------------------------------------------------------


def servers_commanded(scope: Scope) -> str:
    """Servers that were asked for."""
    return _max(scope.of_setting("lbstudy_scale_commanded"), _SETTING)


def servers_ready(scope: Scope) -> str:
    """Servers that are Ready."""
    return scope.of_setting("setting:ready:count")


def addresses(scope: Scope) -> str:
    """Mean number of addresses in the clients' lists."""
    return f"avg by ({_SETTING}) ({scope.of_setting('grpc_lb_resolver_addresses')})"


def time_to_detect(scope: Scope) -> str:
    """Ready → the first client's list that has the server, s; no value before."""
    return scope.of_server("server:time_to_detect:seconds")


def time_to_discovery(scope: Scope) -> str:
    """Ready → the server's first answer, s; no value before."""
    return scope.of_server("server:time_to_discovery:seconds")


def undiscovered(scope: Scope) -> str:
    """For how long a Ready server has waited for its first RPC, s; no value once it has answered one."""
    return scope.of_server("server:undiscovered:seconds")


def stale(scope: Scope) -> str:
    """For how long some client's list has been older than the last change, s; no value when none is."""
    return _max(scope.of_setting("client:resolver_stale:seconds"), _SETTING)


def since_last_update(scope: Scope) -> str:
    """Age of the oldest of the clients' last resolver updates, s."""
    last = scope.of_setting("grpc_lb_resolver_last_update_seconds")
    return f"max by ({_SETTING}) (time() - {last})"


def updates_total(scope: Scope) -> str:
    """Resolver updates by outcome so far."""
    return _sum(scope.of_setting("grpc_lb_resolver_updates_total"), _SETTING, "grpc_lb_resolver_outcome")


def open_connections(scope: Scope) -> str:
    """Connections that the clients hold."""
    return _sum(scope.of_setting("grpc_lb_subchannel_open_connections"), _SETTING)


def disconnections(scope: Scope) -> str:
    """Connections that ended so far."""
    return _sum(scope.of_setting("grpc_lb_subchannel_disconnections_total"), _SETTING)


def scale_events(scope: Scope) -> str:
    """1 for 2 s from each scale command on, with the number of servers asked for as the label ``servers``."""
    labels = f'by ({_SETTING}) ("servers", {scope.of_setting("lbstudy_scale_commanded")}'
    return f"count_values {labels}) unless count_values {labels} offset 2s)"


def faults(scope: Scope) -> str:
    """1 as long as a fault lasts, with what it is as the label ``lbstudy_fault_label``."""
    active = scope.of_setting("lbstudy_fault_active")
    return f"{_max(active, _SETTING, 'lbstudy_fault_label')} > 0"


def dns_changes(scope: Scope) -> str:
    """When servers last entered or left DNS, ms since the epoch."""
    return f"{_max(scope.of_setting('lbstudy_change_time_seconds'), _SETTING)} * 1000"


# --- 5. utilization -------------------------------------------------------------------------------


def cpu(scope: Scope) -> str:
    """CPU cores that each server uses."""
    return scope.of_server("server:cpu_cores:rate5s")


def memory(scope: Scope) -> str:
    """Resident memory of each server, bytes."""
    return scope.of_server("server:memory_usage:bytes")


def active_rpcs(scope: Scope) -> str:
    """RPCs in flight at each server."""
    return _sum(scope.of_pod("grpc_lb_server_active_rpcs"), _SETTING, "k8s_pod_name")


def inactivity_age(scope: Scope) -> str:
    """Since each server last finished an RPC, s."""
    return scope.of_server("server:inactivity_age:seconds")


def _rate(scope: Scope, selector: str) -> str:
    return f"rate({selector}[{scope.window}])"


def _sum(inner: str, *by: str) -> str:
    return f"sum by ({', '.join(by)}) ({inner})"


def _max(inner: str, *by: str) -> str:
    return f"max by ({', '.join(by)}) ({inner})"
