"""Series of Prometheus as points of the metrics that they were. Pure.

Prometheus writes names with underscores and adds the unit and the type; the table below is the way back, for
what measures read. Its labels are named in prometheus/README.md.
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
    "rpc_client_call_duration_seconds_count": _Metric(names.METRIC_CLIENT_DURATION, "histogram", "s"),
    "rpc_server_call_duration_seconds_count": _Metric(names.METRIC_SERVER_DURATION, "histogram", "s"),
}

_RESOURCE: Final = (
    attributes.SERVICE_NAME,
    "service.namespace",
    "service.instance.id",
    attributes.POD_NAME,
    "k8s.namespace.name",
    "k8s.deployment.name",
    attributes.RUN_ID,
    attributes.SETTING,
)
_POINT: Final = (
    "type",
    "cpu.mode",
    names.SERVER_POD,
    names.RPC_METHOD,
    names.RPC_SYSTEM_NAME,
    names.RPC_STATUS_CODE,
    names.ERROR_TYPE,
)


def label(name: str) -> str:
    """The label that an attribute becomes."""
    return name.replace(".", "_")


def selector(run_id: str) -> str:
    """The series of a run that measures read."""
    return f'{{__name__=~"{"|".join(_METRICS)}",{label(attributes.RUN_ID)}={dumps(run_id)}}}'


def rows(
    series: Iterable[Series], resources: Resources
) -> Iterator[tuple[ResourceRow | None, list[MetricRow]]]:
    """Of each series the resource, where it is met for the first time, and the points."""
    for one in series:
        metric = _METRICS[one.labels["__name__"]]
        resource, is_new = resources.row(_named(one.labels, _RESOURCE))
        text = dumps(_named(one.labels, _POINT))
        yield (
            resource if is_new else None,
            [_row(metric, at, value, resource, text) for at, value in one.samples if math.isfinite(value)],
        )


def _named(labels: Mapping[str, str], wanted: Iterable[str]) -> dict[str, str]:
    return {name: labels[label(name)] for name in wanted if label(name) in labels}


def _row(metric: _Metric, at: int, value: float, resource: ResourceRow, text: str) -> MetricRow:
    is_histogram = metric.kind == "histogram"
    return MetricRow(
        name=metric.name,
        kind=metric.kind,
        unit=metric.unit,
        start_unix_nano=0,  # Prometheus does not tell
        time_unix_nano=at,
        service=resource.service,
        pod=resource.pod,
        setting=resource.setting,
        resource=resource.id,
        scope="",  # nor this
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
