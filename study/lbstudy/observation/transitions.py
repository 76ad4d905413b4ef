"""The order of a subchannel's states where its stamps do not tell.

channelz counts in whole milliseconds, and its stamps shift by up to 0.1 ms between two readings. So states
that a subchannel entered within a millisecond may carry one stamp, or stamps that contradict their order.
Which came first is then told by what gRPC's connectivity states allow
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
"""States at one stamp that are put in order; more than a life has are no life."""
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
    """All transitions ordered by ``at``, those of each subchannel in the order in which they happened."""
    lives: dict[tuple[int, int], list[Transition]] = defaultdict(list)
    for transition in transitions:
        lives[transition.client, transition.subchannel].append(transition)
    found = [transition for life in lives.values() for transition in _life(life)]
    return tuple(sorted(found, key=lambda transition: transition.at))


def _life(transitions: list[Transition]) -> list[Transition]:
    ordered: list[Transition] = []
    group: list[Transition] = []
    for transition in sorted(transitions, key=lambda one: one.at):
        if group and transition.at - group[0].at > _ONE_STAMP:
            ordered += _group(ordered[-1].state if ordered else "", group)
            group = []
        group.append(transition)
    return ordered + (_group(ordered[-1].state if ordered else "", group) if group else [])


def _group(before: str, group: Sequence[Transition]) -> list[Transition]:
    """States at one stamp, in the order that contradicts gRPC's least; each keeps the order's own stamps."""
    chosen: Sequence[Transition] = group
    if 1 < len(group) <= _MOST:
        chosen = min(permutations(group), key=lambda one: _breaches(before, one))
    return [
        one if one.at == at else replace(one, at=at)
        for one, at in zip(chosen, (one.at for one in group), strict=True)
    ]


def _breaches(before: str, order: Sequence[Transition]) -> int:
    states = [before, *(one.state for one in order)]
    return sum(now not in _FOLLOWS.get(last, set()) for last, now in pairwise(states))
