"""PromQL for the study's measures, on the names that Prometheus gives the telemetry (prometheus/README.md).

Every query keeps the label ``lbstudy_setting``, and ``server_k8s_pod_name`` or ``k8s_pod_name`` where it is
of single servers. What is a rate is a mean over ``Scope.window``. Counters begin with 0 when their pod does,
so the largest value of a counter within a range is all that it counted until the range's end.
"""

from dataclasses import dataclass
from typing import Final

from lbstudy.observation.attributes import SERVICE_SERVER

CLIENT: Final = "rpc_client_call_duration_seconds"
SERVER: Final = "rpc_server_call_duration_seconds"

_SETTING: Final = "lbstudy_setting"
_POD: Final = "server_k8s_pod_name"
_CODE: Final = "rpc_response_status_code"
_OK: Final = f'{_CODE}="OK"'
_ANSWERED: Final = f'{_POD}!=""'
_OF_SERVERS: Final = f'service_name="{SERVICE_SERVER}"'
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

    def matchers(self, pod_label: str = "", *more: str) -> str:
        """The selector's inside; ``pod_label`` is the label that holds the server's pod name, if any."""
        parts = [f'lbstudy_run_id=~"{self.run}"', f'{_SETTING}=~"{self.setting}"']
        if pod_label and self.server:
            parts.append(f'{pod_label}=~"{self.server}"')
        return ",".join([*parts, *more])

    def rpcs(self, suffix: str, *more: str, metric: str = CLIENT) -> str:
        """The selector of an RPC histogram's series: ``count``, ``sum`` or ``bucket``."""
        return f"{metric}_{suffix}{{{self.matchers(_POD, *more)}}}"

    def of_servers(self, metric: str) -> str:
        """The selector of a metric that server pods export of themselves."""
        return f"{metric}{{{self.matchers('k8s_pod_name', _OF_SERVERS)}}}"

    def of_clients(self, metric: str) -> str:
        """The selector of a metric that client pods export of themselves."""
        return f"{metric}{{{self.matchers()}}}"


# --- 1. distribution ------------------------------------------------------------------------------


def requests_total(scope: Scope) -> str:
    """RPCs that each server answered in all."""
    return _sum(f"max_over_time({scope.rpcs('count', _ANSWERED)}[{scope.whole}])", _SETTING, _POD)


def request_rate(scope: Scope) -> str:
    """RPC/s that each server answered."""
    return _sum(_rate(scope, scope.rpcs("count", _ANSWERED)), _SETTING, _POD)


def request_share(scope: Scope) -> str:
    """Each server's share of the answered RPCs, 0 to 1."""
    everyone = Scope(scope.run, scope.setting, window=scope.window)
    whole = _sum(_rate(everyone, everyone.rpcs("count", _ANSWERED)), _SETTING)
    return f"{request_rate(scope)} / on ({_SETTING}) group_left () ({whole} > 0)"


def fair_share(scope: Scope) -> str:
    """What each Ready server's share would be if all got the same."""
    return f"1 / ({_max(scope.of_clients('lbstudy_servers_ready'), _SETTING)} > 0)"


def largest_deviation(scope: Scope) -> str:
    """Largest |share − fair share| ÷ fair share of Ready servers; one without requests has the share 0."""
    everyone = Scope(scope.run, scope.setting, window=scope.window)
    ready = f"{_max(everyone.of_clients('lbstudy_server_ready'), _SETTING, _POD)} == 1"
    shares = f"(({request_share(everyone)}) and on ({_SETTING}, {_POD}) ({ready})) or (0 * ({ready}))"
    count = f"sum by ({_SETTING}) ({_max(everyone.of_clients('lbstudy_server_ready'), _SETTING, _POD)})"
    return f"max by ({_SETTING}) (abs(({shares}) * on ({_SETTING}) group_left () ({count}) - 1))"


def coverage(scope: Scope) -> str:
    """Share of the Ready servers that answer RPCs, 0 to 1."""
    everyone = Scope(scope.run, scope.setting, window=scope.window)
    ready = f"{_max(everyone.of_clients('lbstudy_server_ready'), _SETTING, _POD)} == 1"
    busy = f"count by ({_SETTING}) (({request_rate(everyone)} > 0) and on ({_SETTING}, {_POD}) ({ready}))"
    return f"{busy} / on ({_SETTING}) count by ({_SETTING}) ({ready})"


# --- 2. latency -----------------------------------------------------------------------------------


def latency_quantile(scope: Scope, quantile: float, *by: str, metric: str = CLIENT) -> str:
    """Latency from the send, s, interpolated between the histogram's bounds."""
    buckets = _sum(_rate(scope, scope.rpcs("bucket", metric=metric)), "le", _SETTING, *by)
    return f"histogram_quantile({quantile:g}, {buckets})"


def latency_quantile_by_server(scope: Scope, quantile: float) -> str:
    """The same for each server that answered."""
    buckets = _sum(_rate(scope, scope.rpcs("bucket", _ANSWERED)), "le", _SETTING, _POD)
    return f"histogram_quantile({quantile:g}, {buckets})"


def latency_buckets(scope: Scope) -> str:
    """RPC/s in each bucket, cumulative, of all settings together: a heat map."""
    return _sum(_rate(scope, scope.rpcs("bucket")), "le")


def latency_mean(scope: Scope, metric: str = CLIENT) -> str:
    """Mean latency, s."""
    total = _sum(_rate(scope, scope.rpcs("sum", metric=metric)), _SETTING)
    return f"{total} / ({_sum(_rate(scope, scope.rpcs('count', metric=metric)), _SETTING)} > 0)"


def throughput(scope: Scope) -> str:
    """RPC/s that ended, with any code."""
    return _sum(_rate(scope, scope.rpcs("count")), _SETTING)


# --- 3. errors ------------------------------------------------------------------------------------


def error_ratio(scope: Scope) -> str:
    """Failed RPCs ÷ RPCs, as the clients saw them."""
    good = _sum(_rate(scope, scope.rpcs("count", _OK)), _SETTING)
    return f"1 - {good} / ({throughput(scope)} > 0)"


def codes_total(scope: Scope, metric: str = CLIENT) -> str:
    """RPCs by code, OK included, in all."""
    return _sum(f"max_over_time({scope.rpcs('count', metric=metric)}[{scope.whole}])", _SETTING, _CODE)


def error_rate_by_code(scope: Scope) -> str:
    """Failed RPC/s by code. Nothing while none has failed."""
    return _sum(_rate(scope, scope.rpcs("count", _FAILED)), _SETTING, _CODE)


def errors_by_server(scope: Scope) -> str:
    """Failed RPCs by server and code in all; without a server: no server answered them."""
    return _sum(f"max_over_time({scope.rpcs('count', _FAILED)}[{scope.whole}])", _SETTING, _POD, _CODE)


# --- 4. adaptability ------------------------------------------------------------------------------


def servers_commanded(scope: Scope) -> str:
    """Servers that were asked for."""
    return _max(scope.of_clients("lbstudy_scale_commanded"), _SETTING)


def servers_ready(scope: Scope) -> str:
    """Servers that are Ready."""
    return _max(scope.of_clients("lbstudy_servers_ready"), _SETTING)


def addresses(scope: Scope) -> str:
    """Mean number of addresses in the clients' lists."""
    return f"avg by ({_SETTING}) ({scope.of_clients('grpc_lb_resolver_addresses')})"


def updates_total(scope: Scope) -> str:
    """Resolver updates by outcome so far."""
    return _sum(scope.of_clients("grpc_lb_resolver_updates_total"), _SETTING, "grpc_lb_resolver_outcome")


def since_last_update(scope: Scope) -> str:
    """Age of the oldest of the clients' last resolver updates, s."""
    last = scope.of_clients("grpc_lb_resolver_last_update_seconds")
    return f"max by ({_SETTING}) (time() - {last})"


def behind_last_change(scope: Scope) -> str:
    """How long the clients have not looked since servers last entered or left DNS, s; 0: all have looked."""
    last = f"min by ({_SETTING}) ({scope.of_clients('grpc_lb_resolver_last_update_seconds')})"
    change = _max(scope.of_clients("lbstudy_change_time_seconds"), _SETTING)
    return f"(time() - {change}) * on ({_SETTING}) ({last} < bool {change})"


def ready_without_traffic(scope: Scope) -> str:
    """How many servers are Ready and answer no RPC."""
    everyone = Scope(scope.run, scope.setting, window=scope.window)
    ready = f"{_max(everyone.of_clients('lbstudy_server_ready'), _SETTING, _POD)} == 1"
    busy = f"({request_rate(everyone)}) > 0"
    idle = f"count by ({_SETTING}) (({ready}) unless on ({_SETTING}, {_POD}) ({busy}))"
    return f"{idle} or 0 * {servers_ready(everyone)}"


def open_connections(scope: Scope) -> str:
    """Connections that the clients hold."""
    return _sum(scope.of_clients("grpc_lb_subchannel_open_connections"), _SETTING)


def disconnections(scope: Scope) -> str:
    """Connections that ended so far."""
    return _sum(scope.of_clients("grpc_lb_subchannel_disconnections_total"), _SETTING)


def scale_events(scope: Scope) -> str:
    """1 for 2 s from each scale command on, with the number of servers asked for as the label ``servers``."""
    labels = f'by ({_SETTING}) ("servers", {scope.of_clients("lbstudy_scale_commanded")}'
    return f"count_values {labels}) unless count_values {labels} offset 2s)"


def dns_changes(scope: Scope) -> str:
    """When servers last entered or left DNS, ms since the epoch."""
    return f"{_max(scope.of_clients('lbstudy_change_time_seconds'), _SETTING)} * 1000"


# --- 5. utilization -------------------------------------------------------------------------------


def cpu(scope: Scope) -> str:
    """CPU cores that each server uses."""
    return _sum(_rate(scope, scope.of_servers("process_cpu_time_seconds_total")), _SETTING, "k8s_pod_name")


def memory(scope: Scope) -> str:
    """Resident memory of each server, bytes."""
    return _max(scope.of_servers("process_memory_usage_bytes"), _SETTING, "k8s_pod_name")


def active_rpcs(scope: Scope) -> str:
    """RPCs in flight at each server."""
    return _sum(scope.of_servers("grpc_lb_server_active_rpcs"), _SETTING, "k8s_pod_name")


def inactivity_age(scope: Scope) -> str:
    """Since each server last finished an RPC, s."""
    return _max(scope.of_servers("grpc_lb_server_inactivity_age_seconds"), _SETTING, "k8s_pod_name")


def _rate(scope: Scope, selector: str) -> str:
    return f"rate({selector}[{scope.window}])"


def _sum(inner: str, *by: str) -> str:
    return f"sum by ({', '.join(by)}) ({inner})"


def _max(inner: str, *by: str) -> str:
    return f"max by ({', '.join(by)}) ({inner})"
