"""What a scenario may expect of a result: a small set of measures with dotted names, each one number.

A censored delay never satisfies "at most"; it satisfies "at least" when it was watched at least so long. A
measure that has no value (nothing was added, no RPC was sent) satisfies nothing. An expectation of a setting
that did not run is not evaluated.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lbstudy.measures.delays import summary
from lbstudy.observation.source import Expected
from lbstudy.result.model import Delay, DelaySummary, Expectation, PhaseDistribution, SettingResult

Value = float | Delay | None


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of a setting's result that can be expected."""

    name: str
    unit: str  # "s", "RPCs", "servers", "" for a ratio
    meaning: str
    read: Callable[[SettingResult], Value]


def _errors(result: SettingResult) -> int:
    return sum(count for code, count in result.errors.client_by_code.items() if code != "OK")


def _achieved(result: SettingResult) -> float | None:
    offered = result.latency.offered_rate
    return result.latency.achieved_rate / offered if offered else None


def _fair_shares(result: SettingResult) -> DelaySummary:
    return summary([server.fair_share for server in result.adaptability.added if server.fair_share])


def _removals(result: SettingResult) -> DelaySummary:
    return summary([view.detect for server in result.adaptability.removed for view in server.clients])


def _delays(name: str, meaning: str, read: Callable[[SettingResult], DelaySummary]) -> list[Measure]:
    return [
        Measure(f"{name}.median", "s", f"median {meaning}", lambda result: read(result).median),
        Measure(f"{name}.p95", "s", f"95 % quantile of the {meaning}", lambda result: read(result).p95),
        Measure(f"{name}.largest", "s", f"largest {meaning}", lambda result: read(result).largest),
    ]


def _in_phases(
    name: str, unit: str, meaning: str, read: Callable[[PhaseDistribution], float | None], worst: str
) -> list[Measure]:
    """A figure of the last phase, and the worst of all phases; "largest" or "smallest" is the worst."""
    choose = max if worst == "largest" else min

    def of_all(result: SettingResult) -> Value:
        return choose((value for phase in result.distribution.phases if (value := read(phase)) is not None),
                      default=None)  # fmt: skip

    return [
        Measure(
            f"{name}.last",
            unit,
            f"{meaning}, in the last phase",
            lambda result: read(result.distribution.phases[-1]) if result.distribution.phases else None,
        ),
        Measure(f"{name}.{worst}", unit, f"{meaning}, {worst} of all phases", of_all),
    ]


_ALL: Final[Sequence[Measure]] = (
    *_delays("detect", "time to detect an added server, per client", lambda r: r.adaptability.detect),
    *_delays(
        "discovery", "time to discovery of an added server, per client", lambda r: r.adaptability.discovery
    ),
    Measure(
        "discovery.undiscovered",
        "servers",
        "servers that were Ready and never answered an RPC",
        lambda r: float(len(r.adaptability.undiscovered)),
    ),
    *_delays("fair_share", "time until an added server carried its fair share", _fair_shares),
    *_delays(
        "removal.detect", "time from a removal's command until a client had dropped the server", _removals
    ),
    Measure("errors.count", "RPCs", "RPCs that did not end with OK", lambda r: float(_errors(r))),
    Measure("errors.ratio", "", "share of the RPCs that did not end with OK", lambda r: r.errors.ratio),
    *_in_phases(
        "distribution.largest_deviation",
        "",
        "largest deviation from the fair share",
        lambda phase: phase.largest_deviation,
        "largest",
    ),
    *_in_phases("distribution.jain", "", "Jain's index", lambda phase: phase.jain, "smallest"),
    *_in_phases("distribution.coverage", "", "coverage", lambda phase: phase.coverage, "smallest"),
    Measure("latency.p50", "s", "median latency of all RPCs", lambda r: r.latency.all.p50),
    Measure("latency.p99", "s", "99 % quantile of the latency of all RPCs", lambda r: r.latency.all.p99),
    Measure("latency.largest", "s", "largest latency", lambda r: r.latency.all.largest),
    Measure("latency.steady.p99", "s", "99 % quantile, steady", lambda r: r.latency.steady.p99),
    Measure("latency.transition.p99", "s", "99 % quantile, transition", lambda r: r.latency.transition.p99),
    Measure("load.achieved", "", "achieved ÷ offered rate", _achieved),
    Measure("load.lateness_p99", "s", "99 % quantile of the lateness", lambda r: r.latency.lateness_p99),
)

MEASURES: Final = {measure.name: measure for measure in _ALL}
"""All measures that can be expected, by name."""


def evaluate(expected: Iterable[Expected], settings: Sequence[SettingResult]) -> list[Expectation]:
    """What was expected of the settings that ran, what came, and whether that is met."""
    by_name = {setting.name: setting for setting in settings}
    return [_evaluate(one, by_name[one.setting]) for one in expected if one.setting in by_name]


def is_met(value: Value, at_least: float | None, at_most: float | None) -> bool:
    """Whether a value lies within the bounds; both are inclusive."""
    if value is None:
        return False
    if isinstance(value, Delay):
        if value.seconds is None:
            return at_most is None and (at_least is None or (value.censored_after or 0.0) >= at_least)
        value = value.seconds
    return (at_least is None or value >= at_least) and (at_most is None or value <= at_most)


def _evaluate(expected: Expected, setting: SettingResult) -> Expectation:
    measure = MEASURES.get(expected.measure)
    value = measure.read(setting) if measure else None
    unit = f" {measure.unit}" if measure and measure.unit else ""
    bounds = [
        f"{words} {bound:g}{unit}"
        for words, bound in (("at least", expected.at_least), ("at most", expected.at_most))
        if bound is not None
    ]
    return Expectation(
        setting=expected.setting,
        measure=expected.measure,
        expected=", ".join(bounds),
        found=_words(value, unit) if measure else "there is no such measure",
        met=is_met(value, expected.at_least, expected.at_most),
    )


def _words(value: Value, unit: str) -> str:
    if value is None:
        return "nothing to measure"
    return str(value) if isinstance(value, Delay) else f"{value:.4g}{unit}"
