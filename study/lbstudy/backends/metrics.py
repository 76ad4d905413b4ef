"""Turns Prometheus' series back into points of their original metrics. No I/O.

Prometheus writes names with underscores and appends the unit and the type. The table below reverses this for
what measures read. prometheus/README.md has the labels.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from grpc_lb_instrumentor import names

from lbstudy.backends.prometheus import Series
from lbstudy.observation import attributes
from lbstudy.store.jsontext import dumps
from lbstudy.store.resources import Resources
from lbstudy.store.rows import MetricRow, ResourceRow


@dataclass(frozen=True, slots=True)
class _Metric:
    name: str
    kind: str  # gauge, sum, histogram
    unit: str


_METRICS: Final = {
    "process_cpu_time_seconds_total": _Metric(names.METRIC_PROCESS_CPU_TIME, "sum", "s"),
    "process_memory_usage_bytes": _Metric(names.METRIC_PROCESS_MEMORY_USAGE, "sum", "By"),
    "grpc_lb_server_active_rpcs": _Metric(names.METRIC_SERVER_ACTIVE, "sum", "{rpc}"),
    "grpc_lb_server_inactivity_age_seconds": _Metric(names.METRIC_SERVER_INACTIVITY_AGE, "gauge", "s"),
    "grpc_lb_client_stream_messages_total": _Metric(names.METRIC_CLIENT_MESSAGES, "sum", "{message}"),
    "grpc_lb_server_stream_messages_total": _Metric(names.METRIC_SERVER_MESSAGES, "sum", "{message}"),
    "rpc_client_call_duration_seconds_count": _Metric(names.METRIC_CLIENT_DURATION, "histogram", "s"),
    "rpc_server_call_duration_seconds_count": _Metric(names.METRIC_SERVER_DURATION, "histogram", "s"),
}

_RESOURCE: Final = (
    attributes.SERVICE_NAME,
    names.SERVICE_NAMESPACE,
    names.SERVICE_INSTANCE_ID,
    attributes.POD_NAME,
    names.K8S_NAMESPACE_NAME,
    names.K8S_DEPLOYMENT_NAME,
    attributes.RUN_ID,
    attributes.SETTING,
)
_POINT: Final = (
    "type",
    names.CPU_MODE,
    names.SERVER_POD,
    names.RPC_METHOD,
    names.RPC_SYSTEM_NAME,
    names.RPC_STATUS_CODE,
    names.RPC_RESPONSE_STATUS_CODE,  # in runs of earlier versions
    names.ERROR_TYPE,
)


def label(name: str) -> str:
    """Return the label for an attribute."""
    return name.replace(".", "_")


def selector(run_id: str) -> str:
    """Return a selector of the run's series that measures read."""
    return f'{{__name__=~"{"|".join(_METRICS)}",{label(attributes.RUN_ID)}={dumps(run_id)}}}'


def rows(
    series: Iterable[Series], resources: Resources
) -> Iterator[tuple[ResourceRow | None, list[MetricRow]]]:
    """Yield the resource of each series, when it is first seen, and its points."""
    for part in series:
        metric = _METRICS[part.labels["__name__"]]
        resource, is_new = resources.row(_named(part.labels, _RESOURCE))
        text = dumps(_named(part.labels, _POINT))
        yield (
            resource if is_new else None,
            [_row(metric, at, value, resource, text) for at, value in part.samples if math.isfinite(value)],
        )


def _named(labels: Mapping[str, str], wanted: Iterable[str]) -> dict[str, str]:
    return {name: labels[label(name)] for name in wanted if label(name) in labels}


def _row(metric: _Metric, at: int, value: float, resource: ResourceRow, text: str) -> MetricRow:
    is_histogram = metric.kind == "histogram"
    return MetricRow(
        name=metric.name,
        kind=metric.kind,
        unit=metric.unit,
        start_unix_nano=0,  # unknown to Prometheus
        time_unix_nano=at,
        service=resource.service,
        pod=resource.pod,
        setting=resource.setting,
        resource=resource.id,
        scope="",  # also unknown
        attributes=text,
        cumulative=None if metric.kind == "gauge" else True,
        value=None if is_histogram else value,
        count_=round(value) if is_histogram else None,
        sum=None,
        min=None,
        max=None,
        bounds=None,
        bucket_counts=None,
        exemplars=None,
    )
