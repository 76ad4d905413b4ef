"""One turn of the autoscaler's loop (horizontal.go, reconcileAutoscaler). No I/O and no clock."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from lbstudy.autoscaler.behavior import At, fewest, most, stabilized
from lbstudy.autoscaler.pods import Metric, PodState
from lbstudy.autoscaler.replicas import Wish, wish
from lbstudy.config.autoscaler import Autoscaler

_KEPT: Final = 3600.0  # s: the longest possible window


@dataclass(frozen=True, slots=True)
class LoopOutcome:
    """The result of one turn of the loop."""

    at: float
    current: int  # replicas wanted before
    wish: Wish  # what the metrics alone ask for
    desired: int  # after windows, policies and bounds


@dataclass(slots=True)
class Decider:
    """Decides at each sync; remembers its wishes and changes, like the controller.

    Source: kubernetes/pkg/controller/podautoscaler/horizontal.go (1.34): ``reconcileAutoscaler``,
    ``normalizeDesiredReplicasWithBehaviors``, ``convertDesiredReplicasWithBehaviorRate``.
    """

    rules: Autoscaler
    _wishes: list[At] = field(default_factory=list)
    _added: list[At] = field(default_factory=list)
    _removed: list[At] = field(default_factory=list)

    def sync(
        self, now: float, current: int, pods: Collection[PodState], metrics: Mapping[str, Metric]
    ) -> LoopOutcome:
        """Decide how many replicas there should be.

        Args:
            now: s, by the clock of the pods' instants; not earlier than in the last call.
            current: the Deployment's wanted replicas.
            pods: all pods of the Deployment.
            metrics: by the pods' names.
        """
        wanted = wish(current, pods, metrics, now, self.rules)
        if not self._wishes:
            self._wishes.append(At(now, current))  # recordInitialRecommendation
        if current > self.rules.max_replicas:
            desired = self.rules.max_replicas
        elif current < self.rules.min_replicas:
            desired = self.rules.min_replicas
        elif wanted.utilization is None:
            desired = current  # without a metric nothing changes, and no wish is recorded
        else:
            desired = self._held_back(now, current, wanted.replicas)
        if desired > current:
            self._added.append(At(now, desired - current))
        elif desired < current:
            self._removed.append(At(now, current - desired))
        self._forget(now - _KEPT)
        return LoopOutcome(now, current, wanted, desired)

    def _held_back(self, now: float, current: int, wanted: int) -> int:
        rules = self.rules
        desired = stabilized(wanted, current, self._wishes, now, rules.up, rules.down)
        self._wishes.append(At(now, wanted))
        if desired > current:
            limit = most(current, self._added, self._removed, now, rules.up)
            return min(desired, limit, rules.max_replicas)
        if desired < current:
            limit = fewest(current, self._added, self._removed, now, rules.down)
            return max(desired, limit, rules.min_replicas)
        return desired

    def _forget(self, before: float) -> None:
        for kept in (self._wishes, self._added, self._removed):
            kept[:] = [item for item in kept if item.at >= before]
