"""Compares measurement and model: quantiles, their intervals, and a verdict in words."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from lbstudy.measures.delays import summary
from lbstudy.measures.kaplan_meier import kaplan_meier
from lbstudy.result.model import Delay, DelaySummary
from lbstudy.sweep.model import WITHIN, Curve, Interval, QuantileCheck, QuantityCheck

RESAMPLES: Final = 1000
_SHARES: Final = (0.5, 0.95)
_CHANCE: Final = 0.05
"""If all changes lie below a quantile with a larger probability than this, their largest says little about
it.
"""
_LATE: Final = 0.1
"""A client's lateness, as a share of the quantile, from which on it explains a difference to the model."""


def check(
    name: str,
    meaning: str,
    measured: Sequence[Sequence[Delay]],
    model: Sequence[Sequence[Delay]],
    *,
    lateness: float,
    seed: int,
) -> QuantityCheck | None:
    """Compare a measure with the model's; None if nothing was measured.

    Args:
        name: the measure's name.
        meaning: what it is, for people.
        measured: the delays of each change.
        model: the model's delays, for the same changes.
        lateness: s by which the clients' RPCs were late (99 %): what the machine itself added.
        seed: for the bootstrap.
    """
    measured_delays = [delay for change in measured for delay in change]
    model_delays = [delay for change in model for delay in change]
    if not measured_delays or not model_delays:
        return None
    intervals = _intervals(measured, seed)
    of_measured, of_model = summary(measured_delays), summary(model_delays)
    quantiles = [
        _quantile(share, of_measured, of_model, interval)
        for share, interval in zip(_SHARES, intervals, strict=True)
    ]
    return QuantityCheck(
        name=name,
        meaning=meaning,
        changes=len(measured),
        measured=of_measured,
        model=of_model,
        quantiles=quantiles,
        measured_curve=curve(measured_delays),
        model_curve=curve(model_delays),
        verdict=_verdict(quantiles, of_measured, of_model, lateness, len(measured)),
        agrees=all(check.agrees for check in quantiles),
    )


def curve(delays: Sequence[Delay]) -> Curve:
    """Return the Kaplan-Meier estimate of the distribution function, without empty steps."""
    estimate = kaplan_meier(delays)
    steps = np.flatnonzero(np.diff(estimate.shares, prepend=0.0) > 0)
    return Curve(
        seconds=estimate.times[steps].tolist(), shares=np.clip(estimate.shares[steps], 0, 1).tolist()
    )


def _intervals(measured: Sequence[Sequence[Delay]], seed: int) -> list[Interval]:
    """Return percentile bootstrap intervals (Efron 1979) over the changes, each with all its delays.

    The clients of a change share its servers and DNS, so drawing single delays would claim too much.
    """
    rng = np.random.default_rng(seed)
    values: list[list[float]] = [[] for _ in _SHARES]
    censored = [
        delay.censored_after for change in measured for delay in change if delay.censored_after is not None
    ]
    longest = max(censored, default=0.0)
    seconds = [np.array([delay.seconds for delay in change], float) for change in measured]
    for _ in range(RESAMPLES):
        picked = rng.integers(len(measured), size=len(measured))
        if censored:
            resampled = summary([delay for change in picked for delay in measured[change]])
            quantiles = [_seconds(resampled.median), _seconds(resampled.p95)]
        else:  # without censored delays: the same result, and much faster
            quantiles = np.quantile(
                np.concatenate([seconds[change] for change in picked]), _SHARES, method="inverted_cdf"
            ).tolist()
        for into, quantile in zip(values, quantiles, strict=True):
            into.append(quantile)
    return [
        Interval(low=_delay(low, longest), high=_delay(high, longest))
        for low, high in (np.quantile(into, (0.025, 0.975), method="inverted_cdf") for into in values)
    ]


def _quantile(share: float, measured: DelaySummary, model: DelaySummary, interval: Interval) -> QuantileCheck:
    of_measured, of_model = ((of.median if share == _SHARES[0] else of.p95) for of in (measured, model))
    assert of_measured is not None
    assert of_model is not None
    off = None
    if of_measured.seconds is not None and of_model.seconds is not None:
        off = of_model.seconds / of_measured.seconds - 1 if of_measured.seconds > 0 else 0.0
    both_censored = of_measured.seconds is None and of_model.seconds is None
    agrees = both_censored or (off is not None and abs(off) <= WITHIN)
    return QuantileCheck(
        share=share, measured=of_measured, interval=interval, model=of_model, off=off, agrees=agrees
    )


def _verdict(
    quantiles: Sequence[QuantileCheck],
    measured: DelaySummary,
    model: DelaySummary,
    lateness: float,
    changes: int,
) -> str:
    if measured.censored == measured.count and model.censored == model.count:
        return f"never, as the model says: not one of {measured.count} was seen within the time watched"
    if all(check.agrees for check in quantiles):
        return f"the model is within {WITHIN:.0%}: {'; '.join(map(_agreement, quantiles))}".replace(
            "%:", " %:"
        )
    return "; ".join(
        _off(check, measured, model, lateness, changes) for check in quantiles if not check.agrees
    )


def _agreement(check: QuantileCheck) -> str:
    if check.off is None:
        return f"{_label(check.share)} {check.measured} in both"
    return f"{_label(check.share)} {check.off * 100:+.1f} %"


def _off(
    check: QuantileCheck, measured: DelaySummary, model: DelaySummary, lateness: float, changes: int
) -> str:
    label = _label(check.share)
    if check.off is None:
        shares = [f"{of.censored / of.count * 100:.0f} %" for of in (measured, model)]
        return (
            f"off at the {label}: {check.measured} measured, {check.model} in the model; not seen in the time"
            f" watched: {shares[0]} measured, {shares[1]} in the model"
        )
    both = f"({check.measured} measured, {check.model} in the model)"
    how_far = f"off by {check.off * 100:+.1f} % at the {label} {both}"
    low, high = _seconds(check.interval.low), _seconds(check.interval.high)
    assert check.model.seconds is not None
    assert check.measured.seconds is not None
    if low <= check.model.seconds <= high:
        interval = f"{check.interval.low} to {check.interval.high}"
        return f"{how_far}, within the measurement's own interval ({interval})"
    if low < high < check.model.seconds and check.share**changes > _CHANCE:
        return f"{how_far}, as it may come to with {changes} changes: it takes more to see the longest waits"
    if lateness > _LATE * check.measured.seconds:
        late = Delay(seconds=lateness)
        return f"{how_far}: the machine was busy, 1 % of the clients' own RPCs were {late} late and later"
    return f"{how_far}, for a reason that the model does not have"


def _label(share: float) -> str:
    return "median" if share == _SHARES[0] else "95 % quantile"


def _seconds(value: Delay | None) -> float:
    return math.inf if value is None or value.seconds is None else value.seconds


def _delay(value: float, longest: float) -> Delay:
    return Delay(seconds=float(value)) if math.isfinite(value) else Delay(censored_after=longest)
