"""Whether the model holds: quantiles, their intervals, and a verdict in words."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.stats import CensoredData, ecdf

from lbstudy.measures.delays import summary
from lbstudy.result.model import Delay, DelaySummary
from lbstudy.sweep.model import WITHIN, Curve, Interval, QuantileCheck, QuantityCheck

RESAMPLES: Final = 1000
_SHARES: Final = (0.5, 0.95)
_CHANCE: Final = 0.05
"""The chance that all changes lie below a quantile, from which on their largest says little of it."""
_LATE: Final = 0.1
"""A client's lateness, as a share of the quantile, from which on it explains that the model is off."""


def check(
    name: str,
    meaning: str,
    measured: Sequence[Sequence[Delay]],
    model: Sequence[Sequence[Delay]],
    *,
    lateness: float,
    seed: int,
) -> QuantityCheck | None:
    """Hold a measure against the model's; None where nothing was measured.

    Args:
        name: the measure's.
        meaning: what it is, for people.
        measured: the delays of each change.
        model: the model's, of the same changes.
        lateness: s by which the clients' RPCs were late (99 %): what the machine itself added.
        seed: of the bootstrap.
    """
    found = [one for change in measured for one in change]
    expected = [one for change in model for one in change]
    if not found or not expected:
        return None
    intervals = _intervals(measured, seed)
    of_measured, of_model = summary(found), summary(expected)
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
        measured_curve=curve(found),
        model_curve=curve(expected),
        verdict=_verdict(quantiles, of_measured, of_model, lateness, len(measured)),
        agrees=all(one.agrees for one in quantiles),
    )


def curve(delays: Sequence[Delay]) -> Curve:
    """The Kaplan-Meier estimate of the distribution function, without the steps of nothing."""
    seen = np.array([one.seconds for one in delays if one.seconds is not None])
    censored = np.array([one.censored_after for one in delays if one.censored_after is not None])
    if not len(seen):
        return Curve(seconds=[], shares=[])
    estimate = ecdf(CensoredData(uncensored=seen, right=censored)).cdf
    steps = np.flatnonzero(np.diff(estimate.probabilities, prepend=0.0) > 0)
    return Curve(
        seconds=estimate.quantiles[steps].tolist(),
        shares=np.clip(estimate.probabilities[steps], 0, 1).tolist(),
    )


def _intervals(measured: Sequence[Sequence[Delay]], seed: int) -> list[Interval]:
    """Percentile bootstrap (Efron 1979) over the changes, each with all its delays.

    The clients of a change share its servers and DNS, so drawing single delays would claim too much.
    """
    rng = np.random.default_rng(seed)
    values: list[list[float]] = [[] for _ in _SHARES]
    censored = [one.censored_after for change in measured for one in change if one.censored_after is not None]
    longest = max(censored, default=0.0)
    seconds = [np.array([one.seconds for one in change], float) for change in measured]
    for _ in range(RESAMPLES):
        picked = rng.integers(len(measured), size=len(measured))
        if censored:
            resampled = summary([one for change in picked for one in measured[change]])
            found = [_seconds(resampled.median), _seconds(resampled.p95)]
        else:  # the same without Kaplan and Meier, and much quicker
            found = np.quantile(
                np.concatenate([seconds[change] for change in picked]), _SHARES, method="inverted_cdf"
            ).tolist()
        for into, quantile in zip(values, found, strict=True):
            into.append(quantile)
    return [
        Interval(low=_delay(low, longest), high=_delay(high, longest))
        for low, high in (np.quantile(into, (0.025, 0.975), method="inverted_cdf") for into in values)
    ]


def _quantile(share: float, measured: DelaySummary, model: DelaySummary, interval: Interval) -> QuantileCheck:
    found, expected = ((of.median if share == _SHARES[0] else of.p95) for of in (measured, model))
    assert found is not None
    assert expected is not None
    off = None
    if found.seconds is not None and expected.seconds is not None:
        off = expected.seconds / found.seconds - 1 if found.seconds > 0 else 0.0
    both_censored = found.seconds is None and expected.seconds is None
    agrees = both_censored or (off is not None and abs(off) <= WITHIN)
    return QuantileCheck(
        share=share, measured=found, interval=interval, model=expected, off=off, agrees=agrees
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
    if all(one.agrees for one in quantiles):
        return f"the model is within {WITHIN:.0%}: {'; '.join(map(_told, quantiles))}".replace("%:", " %:")
    return "; ".join(_off(one, measured, model, lateness, changes) for one in quantiles if not one.agrees)


def _told(one: QuantileCheck) -> str:
    if one.off is None:
        return f"{_label(one.share)} {one.measured} in both"
    return f"{_label(one.share)} {one.off * 100:+.1f} %"


def _off(
    one: QuantileCheck, measured: DelaySummary, model: DelaySummary, lateness: float, changes: int
) -> str:
    label = _label(one.share)
    if one.off is None:
        shares = [f"{of.censored / of.count * 100:.0f} %" for of in (measured, model)]
        return (
            f"off at the {label}: {one.measured} measured, {one.model} in the model; not seen in the time"
            f" watched: {shares[0]} measured, {shares[1]} in the model"
        )
    told = f"off by {one.off * 100:+.1f} % at the {label} ({one.measured} measured, {one.model} in the model)"
    low, high = _seconds(one.interval.low), _seconds(one.interval.high)
    assert one.model.seconds is not None
    assert one.measured.seconds is not None
    if low <= one.model.seconds <= high:
        return f"{told}, within the measurement's own interval ({one.interval.low} to {one.interval.high})"
    if low < high < one.model.seconds and one.share**changes > _CHANCE:
        return f"{told}, as it may come to with {changes} changes: it takes more to see the longest waits"
    if lateness > _LATE * one.measured.seconds:
        late = Delay(seconds=lateness)
        return f"{told}: the machine was busy, 1 % of the clients' own RPCs were {late} late and later"
    return f"{told}, for a reason that the model does not have"


def _label(share: float) -> str:
    return "median" if share == _SHARES[0] else "95 % quantile"


def _seconds(value: Delay | None) -> float:
    return math.inf if value is None or value.seconds is None else value.seconds


def _delay(value: float, longest: float) -> Delay:
    return Delay(seconds=float(value)) if math.isfinite(value) else Delay(censored_after=longest)
