"""A Deployment's decisions: which pods to create, which to remove, when to replace one that died. Pure."""

import random
from dataclasses import dataclass, field

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes makes names from: nothing that spells words, or reads as another character."""
STABLE_AFTER = 10.0
"""Seconds after which a pod's death is not put down to the start before it."""
BACK_OFF_LONGEST = 30.0


class PodNames:
    """Names as a Deployment's pods have them: ``greeter-stock-6d4f8b9c7x-q8zr2``; the seed decides them."""

    def __init__(self, deployment: str, seed: int) -> None:
        self._chance = random.Random(f"{seed}/{deployment}")
        self._prefix = f"{deployment}-{self._characters(10)}"
        self._given: set[str] = set()

    def next(self) -> str:
        """A name that was not given before."""
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
    ready: bool = False
    removed: bool = False  # told to end
    exited: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is one of the replicas."""
        return not (self.removed or self.exited)


@dataclass(slots=True)
class Deployment:
    """The pods of one Deployment, in order of creation."""

    replicas: int
    pods: list[Pod] = field(default_factory=list)
    crashes: int = 0  # in a row
    not_before: float = 0.0  # monotonic: no pod is created sooner

    def missing(self) -> int:
        """How many pods to create."""
        return max(0, self.replicas - sum(pod.counts for pod in self.pods))

    def surplus(self) -> list[Pod]:
        """The pods to remove: those that are not Ready yet, then the youngest, as a ReplicaSet does."""
        counted = [pod for pod in reversed(self.pods) if pod.counts]
        counted.sort(key=lambda pod: pod.ready)  # stable: among equals, the youngest stays first
        return counted[: max(0, len(counted) - self.replicas)]

    def died(self, pod: Pod, now: float) -> float:
        """A pod ended without being told to: returns the seconds to wait before it is replaced.

        None the first time; then 1 s, doubled each time up to 30 s, until a pod has lived for 10 s.
        """
        self.crashes = 0 if now - pod.created >= STABLE_AFTER else self.crashes + 1
        delay = 0.0 if self.crashes <= 1 else min(BACK_OFF_LONGEST, 2.0 ** (self.crashes - 2))
        self.not_before = max(self.not_before, now + delay)
        return self.not_before - now
