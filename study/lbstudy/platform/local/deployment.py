"""A Deployment's decisions: which pods to create or remove, and when to replace one that died. No I/O."""

import random
from dataclasses import dataclass, field

from lbstudy.platform.interface import RolloutLimits

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""The characters of Kubernetes' names: they spell no words, and none is easily mistaken for another."""
STABLE_AFTER = 10.0
"""Seconds after which a pod's death is no longer attributed to its start."""
BACK_OFF_LONGEST = 30.0


class PodNames:
    """Names like those of a Deployment's pods: ``greeter-stock-6d4f8b9c7x-q8zr2``; the seed decides them."""

    def __init__(self, deployment: str, seed: int, revision: int = 0) -> None:
        self._chance = random.Random(f"{seed}/{deployment}" + (f"/{revision}" if revision else ""))
        self._prefix = f"{deployment}-{self._characters(10)}"
        self._given: set[str] = set()

    def next(self) -> str:
        """Return a name that was not used before."""
        while (suffix := self._characters(5)) in self._given:
            pass
        self._given.add(suffix)
        return f"{self._prefix}-{suffix}"

    def _characters(self, count: int) -> str:
        return "".join(self._chance.choices(ALPHABET, k=count))


@dataclass(slots=True, eq=False)
class Pod:
    """A server pod as its Deployment knows it."""

    name: str
    address: str  # IPv4, without the port
    created: float  # monotonic, s
    revision: int = 0  # the revision of its pod template
    ready: bool = False
    removed: bool = False  # whether it was told to end
    exited: bool = False

    @property
    def counts(self) -> bool:
        """Return whether it is one of the replicas."""
        return not (self.removed or self.exited)


@dataclass(slots=True)
class Deployment:
    """The pods of one Deployment, in order of creation."""

    replicas: int
    pods: list[Pod] = field(default_factory=list)
    revision: int = 0  # of the pod template; pods of an older revision are replaced
    limits: RolloutLimits = field(default_factory=RolloutLimits)
    crashes: int = 0  # in a row
    not_before: float = 0.0  # monotonic: no pod is created before that

    def missing(self) -> int:
        """Return how many pods to create; during a rolling update, no more than fit beside the old ones."""
        counted = sum(pod.counts for pod in self.pods)
        current = sum(pod.counts and pod.revision == self.revision for pod in self.pods)
        room = self.replicas + self.limits.surge(self.replicas) - counted
        return max(0, min(self.replicas - current, room))

    def surplus(self) -> list[Pod]:
        """Return the pods to remove: those that are not Ready first, then the youngest, like a ReplicaSet.

        During a rolling update these are pods of old revisions, and only so many that enough Ready pods
        remain: kubernetes/pkg/controller/deployment/rolling.go, reconcileOldReplicaSets.
        """
        counted = [pod for pod in reversed(self.pods) if pod.counts]
        counted.sort(key=lambda pod: pod.ready)  # stable: among equals, the youngest stays first
        old = [pod for pod in counted if pod.revision != self.revision]
        current = [pod for pod in counted if pod.revision == self.revision]
        too_many = current[: max(0, len(current) - self.replicas)]
        if not old:
            return too_many
        needed = self.replicas - self.limits.unavailable(self.replicas)
        starting = sum(not pod.ready for pod in current)
        most = max(0, len(counted) - needed - starting)
        spare = max(0, sum(pod.ready for pod in counted) - needed)
        failing = [pod for pod in old if not pod.ready][:most]
        serving = [pod for pod in old if pod.ready][: min(spare, most - len(failing))]
        return [*too_many, *failing, *serving]

    def died(self, pod: Pod, now: float) -> float:
        """Note that a pod ended unplanned; returns the seconds to wait before it is replaced.

        0 the first time; then 1 s, doubled each time up to 30 s, until a pod has lived for 10 s.
        """
        self.crashes = 0 if now - pod.created >= STABLE_AFTER else self.crashes + 1
        delay = 0.0 if self.crashes <= 1 else min(BACK_OFF_LONGEST, 2.0 ** (self.crashes - 2))
        self.not_before = max(self.not_before, now + delay)
        return self.not_before - now
