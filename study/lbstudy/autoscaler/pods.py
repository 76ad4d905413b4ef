"""What the autoscaler knows of pods, and which of them count (replica_calculator.go, groupPods)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lbstudy.config.autoscaler import Autoscaler


@dataclass(frozen=True, slots=True)
class PodState:
    """A pod of the Deployment, by its status. Instants are in seconds of any clock."""

    name: str
    started: float | None = None  # startTime; None: its phase is Pending
    ready: bool = False
    changed: float = 0.0  # the Ready condition's lastTransitionTime
    ends: bool = False  # whether it was told to end, or has failed


@dataclass(frozen=True, slots=True)
class Metric:
    """A pod's utilisation, 0 to 1 of its capacity, over a window that ends at ``at``."""

    utilization: float
    at: float
    window: float  # s


@dataclass(frozen=True, slots=True)
class Groups:
    """The pods' names, each in one group; a terminating pod is in none."""

    ready: tuple[str, ...]  # with a metric that counts
    unready: tuple[str, ...]  # pending, not Ready, or not Ready for long enough
    missing: tuple[str, ...]  # running, without a metric


def group(pods: Iterable[PodState], metrics: Mapping[str, Metric], now: float, rules: Autoscaler) -> Groups:
    """Separate the pods whose metrics count from those with an assumed value.

    Source: kubernetes/pkg/controller/podautoscaler/replica_calculator.go (1.34), ``groupPods`` for the
    resource CPU: "pod still within possible initialization period" and the lines after it.
    """
    names: dict[str, list[str]] = {"ready": [], "unready": [], "missing": []}
    for pod in pods:
        if not pod.ends:
            names[_group_of(pod, metrics.get(pod.name), now, rules)].append(pod.name)
    return Groups(*(tuple(names[name]) for name in ("ready", "unready", "missing")))


def _group_of(pod: PodState, metric: Metric | None, now: float, rules: Autoscaler) -> str:
    if pod.started is None:
        return "unready"
    if metric is None:
        return "missing"
    if pod.started + rules.initialization_period > now:
        # Also skipped while its metric's window begins before it was Ready.
        is_unready = not pod.ready or metric.at < pod.changed + metric.window
    else:
        is_unready = not pod.ready and pod.started + rules.initial_readiness_delay > pod.changed
    return "unready" if is_unready else "ready"
