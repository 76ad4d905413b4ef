"""What happened to a watched Service's pods, as changes: nobody saw the commands. Pure.

A pod is *on its way* from its creation until it is Ready, and from its being told to end until it is gone,
for at most two minutes. A change begins when the first pod is on its way, and lasts until none has been for
five seconds: a rolling update, which takes its pods one after the other, is one change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lbstudy.observation.records import ScaleCommand
from lbstudy.watch.lives import Life

_LONGEST: Final = 120.0  # s that a pod is on its way, at most
_QUIET: Final = 5.0  # s
ROLLING: Final = "rolling update"
REPLACED: Final = "pods replaced"


@dataclass(frozen=True, slots=True)
class PodChange:
    """Pods came, or went, or both.

    Attributes:
        at: when the first of them was seen to, s since the Unix epoch.
        servers: pods that are wanted once it is over.
        manner: ROLLING, REPLACED, or "": pods came alone, or went alone.
    """

    at: float
    servers: int
    manner: str = ""

    def command(self, zero: float) -> ScaleCommand:
        """As a lane has it."""
        return ScaleCommand(self.at - zero, self.servers, self.manner)


def changes(lives: Sequence[Life], began: float) -> list[PodChange]:
    """The Service as it was at the begin, and each change since, in order."""
    steps = [PodChange(began, sum(_is_there(life, began) for life in lives))]
    for start, group in _groups(sorted(_ways(lives, began), key=lambda way: way[0])):
        came = [life for life, arrives in group if arrives]
        went = [life for life, arrives in group if not arrives]
        number = steps[-1].servers + len(came) - len(went)
        steps.append(PodChange(start, number, _manner(came, went)))
    return steps


def _is_there(life: Life, at: float) -> bool:
    """Whether a pod counts as one that is wanted."""
    arrived, left = life.arrived, life.left
    return (arrived is None or arrived < at) and (left is None or left >= at)


def _ways(lives: Sequence[Life], began: float) -> Iterator[tuple[float, float, Life, bool]]:
    """From when to when each pod was on its way, and whether it came."""
    for life in lives:
        arrived, left = life.arrived, life.left
        if arrived is not None and arrived >= began:
            ready = life.stages.get("ready")
            yield arrived, _until(arrived, None if ready is None else ready.at), life, True
        if left is not None and left >= began:
            gone = life.stages.get("exited")
            yield left, _until(left, None if gone is None else gone.at), life, False


def _until(start: float, end: float | None) -> float:
    return start + _LONGEST if end is None else max(start, min(end, start + _LONGEST))


def _groups(
    ways: Sequence[tuple[float, float, Life, bool]],
) -> Iterator[tuple[float, list[tuple[Life, bool]]]]:
    group: list[tuple[Life, bool]] = []
    began = until = 0.0
    for start, end, life, arrives in ways:
        if group and start > until + _QUIET:
            yield began, group
            group = []
        if not group:
            began, until = start, end
        group.append((life, arrives))
        until = max(until, end)
    if group:
        yield began, group


def _manner(came: Sequence[Life], went: Sequence[Life]) -> str:
    if not came or not went:
        return ""
    return REPLACED if {life.template for life in came} <= {life.template for life in went} else ROLLING
