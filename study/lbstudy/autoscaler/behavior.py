"""Limits the wished number of replicas: windows and policies of ``behavior`` (horizontal.go)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lbstudy.config.autoscaler import Behavior


@dataclass(frozen=True, slots=True)
class At:
    """A number of replicas, wished for or added, at an instant."""

    at: float  # s
    replicas: int


def stabilized(
    wanted: int, current: int, wishes: Sequence[At], now: float, up: Behavior, down: Behavior
) -> int:
    """Return the wish, at most the lowest of the window up and at least the highest of the window down.

    Source: horizontal.go (1.34), ``stabilizeRecommendationWithBehaviors``.
    """
    lowest = min([wanted, *(wish.replicas for wish in wishes if wish.at > now - up.stabilization)])
    highest = max([wanted, *(wish.replicas for wish in wishes if wish.at > now - down.stabilization)])
    return min(max(current, lowest), highest)


def most(current: int, added: Sequence[At], removed: Sequence[At], now: float, behavior: Behavior) -> int:
    """Return the most replicas that the policies of scaling up allow now.

    Source: horizontal.go (1.34), ``calculateScaleUpLimitWithScalingRules``.

    Args:
        current: the number of replicas.
        added: replicas added by earlier decisions, and when.
        removed: replicas removed by earlier decisions, and when.
        now: by the same clock.
        behavior: scaleUp.
    """
    if behavior.select == "disabled":
        return current
    limits = []
    for policy in behavior.policy:
        start = current - _within(added, now - policy.period) + _within(removed, now - policy.period)
        if policy.type == "pods":
            limits.append(start + policy.value)
        else:
            limits.append(math.ceil(start * (1 + policy.value / 100)))
    return max(current, max(limits) if behavior.select == "max" else min(limits))


def fewest(current: int, added: Sequence[At], removed: Sequence[At], now: float, behavior: Behavior) -> int:
    """Return the fewest replicas that the policies of scaling down allow now.

    Source: horizontal.go (1.34), ``calculateScaleDownLimitWithBehaviors``; "max" means the largest change, so
    the lowest limit. The arguments are those of ``most``; ``behavior`` is scaleDown.
    """
    if behavior.select == "disabled":
        return current
    limits = []
    for policy in behavior.policy:
        start = current - _within(added, now - policy.period) + _within(removed, now - policy.period)
        if policy.type == "pods":
            limits.append(start - policy.value)
        else:
            limits.append(int(start * (1 - policy.value / 100)))
    return min(current, min(limits) if behavior.select == "max" else max(limits))


def _within(events: Sequence[At], since: float) -> int:
    return sum(event.replicas for event in events if event.at > since)
