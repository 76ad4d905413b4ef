"""Orders a subchannel's states if their stamps do not.

channelz counts whole milliseconds, and its stamps shift by up to 0.1 ms between two readings. So states that
a subchannel entered within a millisecond may have equal stamps, or stamps in the wrong order. Then the order
is the one that gRPC's connectivity states allow
(https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise, permutations
from typing import Final

from lbstudy.observation.records import Transition

_ONE_STAMP: Final = 0.0005  # s
_MOST: Final = 6
"""Most states with one stamp that are reordered; no subchannel has more in its life."""
_FOLLOWS: Final = {
    "": {"created"},
    "created": {"idle", "connecting"},
    "idle": {"connecting", "removed"},
    "connecting": {"ready", "transient_failure", "idle", "removed"},
    "ready": {"idle", "transient_failure", "removed"},
    "transient_failure": {"connecting", "idle", "removed"},
    "removed": set(),
}


def in_order(transitions: Iterable[Transition]) -> tuple[Transition, ...]:
    """Return all transitions by ``at``, with each subchannel's states in the order in which they happened."""
    lives: dict[tuple[int, int], list[Transition]] = defaultdict(list)
    for transition in transitions:
        lives[transition.client, transition.subchannel].append(transition)
    ordered = [transition for life in lives.values() for transition in _life(life)]
    return tuple(sorted(ordered, key=lambda transition: transition.at))


def _life(transitions: list[Transition]) -> list[Transition]:
    ordered: list[Transition] = []
    group: list[Transition] = []
    for transition in sorted(transitions, key=lambda item: item.at):
        if group and transition.at - group[0].at > _ONE_STAMP:
            ordered += _group(ordered[-1].state if ordered else "", group)
            group = []
        group.append(transition)
    return ordered + (_group(ordered[-1].state if ordered else "", group) if group else [])


def _group(before: str, group: Sequence[Transition]) -> list[Transition]:
    """Return states with one stamp in the order that contradicts gRPC's least; stamps stay ascending."""
    chosen: Sequence[Transition] = group
    if 1 < len(group) <= _MOST:
        chosen = min(permutations(group), key=lambda candidate: _breaches(before, candidate))
    return [
        item if item.at == at else replace(item, at=at)
        for item, at in zip(chosen, (item.at for item in group), strict=True)
    ]


def _breaches(before: str, order: Sequence[Transition]) -> int:
    states = [before, *(item.state for item in order)]
    return sum(now not in _FOLLOWS.get(last, set()) for last, now in pairwise(states))
