"""What a scenario may expect of a result: a set of measures with dotted names, each one number.

A censored delay never satisfies "at most"; it satisfies "at least" if it was watched for at least that long.
A measure without a value (nothing was added, no RPC was sent), or one that nobody observed, satisfies
nothing. An expectation of a setting that did not run is not evaluated.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lbstudy.measures.delays import summary
from lbstudy.result.model import (
    NOT_OBSERVED,
    Delay,
    DelaySummary,
    Expectation,
    Latency,
    NotObserved,
    PhaseDistribution,
    Relief,
    Scaling,
    SettingResult,
)
from lbstudy.result.source import Expected

Value = float | Delay | NotObserved | None


@dataclass(frozen=True, slots=True)
class Measure:
    """A number in a setting's result that a scenario can have an expectation of."""

    name: str
    unit: str  # "s", "RPCs", "servers", "" for a ratio
    meaning: str
    read: Callable[[SettingResult], Value]


_NO_CODES: Final = NotObserved(
    why="nobody told how RPCs ended", needs="OpenTelemetry’s gRPC instrumentation in client or servers"
)
_NO_ANSWERS: Final = NotObserved(
    why="of some Ready servers nobody knows whether they answered", needs="the servers’ RPC spans, or counts"
)


def _errors(result: SettingResult) -> Value:
    if not result.errors.client_by:
        return _NO_CODES
    return float(_failed(result))


def _failed(result: SettingResult) -> int:
    return sum(count for code, count in result.errors.client_by_code.items() if code != "OK")


def _error_ratio(result: SettingResult) -> Value:
    return result.errors.ratio if result.errors.client_by else _NO_CODES


def _undiscovered(result: SettingResult) -> Value:
    return _NO_ANSWERS if result.adaptability.unknown else float(len(result.adaptability.undiscovered))


def _latency(read: Callable[[Latency], float | None]) -> Callable[[SettingResult], Value]:
    return lambda result: result.latency.not_observed or read(result.latency)


def _achieved(result: SettingResult) -> Value:
    offered, achieved = result.latency.offered_rate, result.latency.achieved_rate
    if offered is None or achieved is None:
        return result.latency.not_observed
    return achieved / offered if offered else None


def _fair_shares(result: SettingResult) -> DelaySummary:
    return summary([server.fair_share for server in result.adaptability.added if server.fair_share])


def _removals(result: SettingResult) -> DelaySummary:
    return summary([view.detect for server in result.adaptability.removed for view in server.clients])


def _held(result: SettingResult) -> DelaySummary:
    return result.streams.held if result.streams is not None else summary([])


def _cut(result: SettingResult) -> Value:
    return float(result.streams.cut) if result.streams is not None else None


def _message_deviation(result: SettingResult) -> Value:
    if result.streams is None:
        return None
    if result.streams.messages_not_observed is not None:
        return result.streams.messages_not_observed
    return result.streams.phases[-1].largest_deviation if result.streams.phases else None


def _relief(read: Callable[[Scaling], Relief]) -> Callable[[SettingResult], Value]:
    def value(result: SettingResult) -> Value:
        if result.scaling is None:
            return None
        relief = read(result.scaling)
        if relief.missed is None:
            return result.scaling.not_observed or result.latency.not_observed
        return 0.0 if relief.relief is None else relief.relief

    return value


def _scaling(read: Callable[[Scaling], float | None]) -> Callable[[SettingResult], Value]:
    def value(result: SettingResult) -> Value:
        if result.scaling is None:
            return None
        scaling = read(result.scaling)
        return result.latency.not_observed or result.distribution.not_observed if scaling is None else scaling

    return value


def _late(scaling: Scaling) -> float | None:
    return None if scaling.late is None else float(scaling.late)


def _delays(name: str, meaning: str, read: Callable[[SettingResult], DelaySummary]) -> list[Measure]:
    return [
        Measure(f"{name}.median", "s", f"median {meaning}", lambda result: read(result).median),
        Measure(f"{name}.p95", "s", f"95 % quantile of the {meaning}", lambda result: read(result).p95),
        Measure(f"{name}.largest", "s", f"largest {meaning}", lambda result: read(result).largest),
    ]


def _in_phases(
    name: str, unit: str, meaning: str, read: Callable[[PhaseDistribution], float | None], worst: str
) -> list[Measure]:
    """Return a figure of the last phase and of the worst phase; "largest" or "smallest" is the worst."""
    choose = max if worst == "largest" else min

    def of_all(result: SettingResult) -> Value:
        if result.distribution.not_observed is not None:
            return result.distribution.not_observed
        return choose((value for phase in result.distribution.phases if (value := read(phase)) is not None),
                      default=None)  # fmt: skip

    return [
        Measure(
            f"{name}.last",
            unit,
            f"{meaning}, in the last phase",
            lambda result: (
                read(result.distribution.phases[-1])
                if result.distribution.phases
                else result.distribution.not_observed
            ),
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
        _undiscovered,
    ),
    *_delays("fair_share", "time until an added server carried its fair share", _fair_shares),
    *_delays(
        "removal.detect", "time from a removal's command until a client had dropped the server", _removals
    ),
    Measure("errors.count", "RPCs", "RPCs that did not end with OK", _errors),
    Measure("errors.ratio", "", "share of the RPCs that did not end with OK", _error_ratio),
    *_in_phases(
        "distribution.largest_deviation",
        "",
        "largest deviation from the fair share",
        lambda phase: phase.largest_deviation,
        "largest",
    ),
    *_in_phases("distribution.jain", "", "Jain's index", lambda phase: phase.jain, "smallest"),
    *_in_phases("distribution.coverage", "", "coverage", lambda phase: phase.coverage, "smallest"),
    Measure("latency.p50", "s", "median latency of all RPCs", _latency(lambda latency: latency.all.p50)),
    Measure(
        "latency.p99",
        "s",
        "99 % quantile of the latency of all RPCs",
        _latency(lambda latency: latency.all.p99),
    ),
    Measure("latency.largest", "s", "largest latency", _latency(lambda latency: latency.all.largest)),
    Measure("latency.steady.p99", "s", "99 % quantile, steady", _latency(lambda latency: latency.steady.p99)),
    Measure(
        "latency.transition.p99",
        "s",
        "99 % quantile, transition",
        _latency(lambda latency: latency.transition.p99),
    ),
    Measure(
        "scaling.relief.latency",
        "s",
        "time to relief of the latency target, 0 where it was never breached",
        _relief(lambda scaling: scaling.latency),
    ),
    Measure(
        "scaling.relief.hottest",
        "s",
        "time to relief of the hottest server's utilisation, 0 where its target was never breached",
        _relief(lambda scaling: scaling.hottest),
    ),
    Measure("scaling.late", "RPCs", "RPCs answered, but later than the latency target", _scaling(_late)),
    Measure(
        "scaling.wasted", "s", "pod-seconds Ready without traffic", _scaling(lambda scaling: scaling.wasted)
    ),
    Measure("load.achieved", "", "achieved ÷ offered rate", _achieved),
    *_delays("streams.held", "time for which a stream held on to a server that goes", _held),
    Measure("streams.cut", "streams", "streams that did not end with OK", _cut),
    Measure(
        "streams.largest_deviation.last",
        "",
        "largest deviation from the fair share of messages to clients, in the last phase",
        _message_deviation,
    ),
    Measure("load.lateness_p99", "s", "99 % quantile of the lateness", lambda r: r.latency.lateness_p99),
)

MEASURES: Final = {measure.name: measure for measure in _ALL}
"""All such measures, by name."""


def evaluate(expected: Iterable[Expected], settings: Sequence[SettingResult]) -> list[Expectation]:
    """Return the expectations of the settings that ran: what was expected, what came, and if it is met."""
    by_name = {setting.name: setting for setting in settings}
    return [_evaluate(item, by_name[item.setting]) for item in expected if item.setting in by_name]


def is_met(value: Value, at_least: float | None, at_most: float | None) -> bool:
    """Return whether a value lies within the bounds; both are inclusive."""
    if value is None or isinstance(value, NotObserved):
        return False
    if isinstance(value, Delay):
        if value.not_observed is not None:
            return False
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
    if isinstance(value, Delay) and value.not_observed is not None:
        value = value.not_observed
    if isinstance(value, NotObserved):
        return f"{NOT_OBSERVED}: {value.why}"
    return str(value) if isinstance(value, Delay) else f"{value:.4g}{unit}"
