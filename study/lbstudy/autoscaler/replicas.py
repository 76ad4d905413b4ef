"""How many replicas the metrics ask for (replica_calculator.go, GetResourceReplicas)."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lbstudy.autoscaler.pods import Groups, Metric, PodState, group
from lbstudy.config.autoscaler import Autoscaler


@dataclass(frozen=True, slots=True)
class Wish:
    """What the metrics ask for, before any limit applies."""

    replicas: int
    utilization: int | None  # mean over the pods that count, in whole per cent; None: no metric counts
    pods: Groups


def wish(
    current: int, pods: Collection[PodState], metrics: Mapping[str, Metric], now: float, rules: Autoscaler
) -> Wish:
    """Return desired = ⌈ratio × pods⌉, with ratio = mean utilisation ÷ target, unless within the tolerance.

    Pods that are not Ready count as 0 % if the others ask for more replicas. Pods without a metric count as 0
    % if the others ask for more, and as 100 % (or the target, if that is larger) if they ask for fewer. If
    that reverses the direction, or leads into the tolerance, nothing changes.

    Source: kubernetes/pkg/controller/podautoscaler/replica_calculator.go (1.34), ``GetResourceReplicas``, and
    metrics/utilization.go, ``GetResourceUtilizationRatio``; kubernetes.io/docs/tasks/run-application/
    horizontal-pod-autoscale, "Algorithm details".

    Args:
        current: the Deployment's wanted replicas.
        pods: all pods of the Deployment.
        metrics: by the pods' names.
        now: by the clock of the pods' instants.
        rules: the constants.
    """
    groups = group(pods, metrics, now, rules)
    counted = {name: metrics[name].utilization for name in groups.ready}
    if not counted:
        return Wish(current, None, groups)  # "did not receive metrics for targeted pods"
    target = rules.target_percent
    utilization = _percent(counted)
    ratio = utilization / target
    counts_unready = bool(groups.unready) and ratio > 1
    if not counts_unready and not groups.missing:
        replicas = current if _is_within(ratio, rules) else _ceil(ratio * len(counted))
        return Wish(replicas, utilization, groups)
    if ratio < 1:
        counted |= dict.fromkeys(groups.missing, max(100, target) / 100)
    elif ratio > 1:
        counted |= dict.fromkeys(groups.missing, 0.0)
    if counts_unready:
        counted |= dict.fromkeys(groups.unready, 0.0)
    again = _percent(counted) / target
    replicas = _ceil(again * len(counted))
    is_turned = (ratio < 1 < again) or (again < 1 < ratio)
    is_contrary = (again < 1 and replicas > current) or (again > 1 and replicas < current)
    if _is_within(again, rules) or is_turned or is_contrary:
        replicas = current
    return Wish(replicas, utilization, groups)


def _percent(counted: Mapping[str, float]) -> int:
    """Return the mean in whole per cent, truncated like the HPA's integers; exact to 0.001 core."""
    return sum(round(utilization * 1000) for utilization in counted.values()) * 100 // (1000 * len(counted))


def _is_within(ratio: float, rules: Autoscaler) -> bool:
    return abs(1.0 - ratio) <= rules.tolerance


def _ceil(value: float) -> int:
    return math.ceil(value)
