"""Effects of a loaded machine or cluster that are larger than the run's figures. No I/O."""

from collections.abc import Iterator, Sequence
from typing import Final

from lbstudy.result.model import SettingResult, Stage
from lbstudy.result.words import time, together

_LEAST: Final = 0.05
"""s: smaller bounds are not reported."""
_OF_LATENCY: Final = 0.5
"""The share of the p99 latency from which lateness is most of it."""


def doubts(settings: Sequence[SettingResult]) -> list[str]:
    """Return sentences about lateness and bounds of error that exceed the figures; empty for a quiet run."""
    sentences = []
    late = {s.name: s.latency.lateness_p99 for s in settings if _is_late(s)}
    if late:
        worst = max(filter(None, late.values()))
        sentences.append(
            f"The clients' machine was loaded: under {together(list(late))} requests were sent up to"
            f" {time(worst)} late (p99), which their latencies and delays include."
        )
    vague = {s.name: bound for s in settings if (bound := _bound(s)) is not None}
    if vague:
        sentences.append(
            f"Delays under {together(list(vague))} have bounds of error of up to"
            f" {time(max(vague.values()))}, larger than the delays themselves."
        )
    return sentences


def _is_late(setting: SettingResult) -> bool:
    late = setting.latency.lateness_p99
    if late is None or late < _LEAST:
        return False
    delays = [delay for delay in (_discovery(setting), _p99(setting)) if delay is not None]
    return any(late > delay for delay in delays) or late > _OF_LATENCY * (_p99(setting) or late)


def _p99(setting: SettingResult) -> float | None:
    return setting.latency.all.p99


def _discovery(setting: SettingResult) -> float | None:
    median = setting.adaptability.discovery.median
    return None if median is None else median.seconds


def _bound(setting: SettingResult) -> float | None:
    """Return the largest bound of a stage at either end of a delay, if it exceeds that delay; else None."""
    delay_summary = _discovery(setting)
    bounds = [stage.error for stage in _stages(setting) if stage.error is not None]
    if delay_summary is None or not bounds or max(bounds) < max(delay_summary, _LEAST):
        return None
    return max(bounds)


def _stages(setting: SettingResult) -> Iterator[Stage]:
    for added in setting.adaptability.added:
        yield from (stage for stage in added.stages if stage.at is not None)
