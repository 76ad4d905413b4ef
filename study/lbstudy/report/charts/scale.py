"""Scales: values to fractions of an axis, and the ticks to label."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


class Scale(Protocol):
    """One axis."""

    def __call__(self, value: float) -> float:
        """Return where the value is, from 0 (start) to 1 (end); a value outside is moved to the end."""

    def ticks(self, target: int = 4) -> list[float]:
        """Return about ``target`` round values to label."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Equal distances for equal differences."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        """See Scale."""
        span = self.high - self.low
        return min(1.0, max(0.0, (value - self.low) / span)) if span > 0 else 0.0

    def ticks(self, target: int = 4) -> list[float]:
        """See Scale."""
        step = round_step((self.high - self.low) / target)
        if not step:
            return [self.low]
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Logarithmic:
    """Equal distances for equal ratios; both ends are positive."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        """See Scale."""
        if value <= self.low or self.high <= self.low:
            return 0.0
        return min(1.0, math.log(value / self.low) / math.log(self.high / self.low))

    def ticks(self, target: int = 4) -> list[float]:
        """See Scale."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        ticks: list[float] = []
        for steps in ((1,), (1, 3), (1, 2, 5)):
            ticks = [
                float(f"{m}e{d}")
                for d in decades
                for m in steps
                if self.low <= float(f"{m}e{d}") <= self.high
            ]
            if len(ticks) >= target:
                break
        return ticks


def round_step(rough: float) -> float:
    """Return the smallest of 1, 2, 5 × 10^n that is at least ``rough``; 0 for 0."""
    if rough <= 0:
        return 0.0
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next((m * magnitude for m in (1, 2, 5) if m * magnitude >= rough * (1 - 1e-9)), 10 * magnitude)


def from_zero(values: Iterable[float | None], least: float = 1e-9) -> Linear:
    """Return a scale from 0 to a round value above all of these."""
    high = max((v for v in values if v is not None), default=0.0)
    high = max(high, least)
    step = round_step(high / 4)
    return Linear(0.0, math.ceil(high / step - 1e-9) * step)


def around(values: Iterable[float | None], low: float, high: float) -> Logarithmic:
    """Return a logarithmic scale that contains all of these; ``low`` to ``high`` if there are none."""
    positive = [v for v in values if v is not None and v > 0]
    if not positive:
        return Logarithmic(low, high)
    return Logarithmic(min(positive) * 0.9, max(max(positive) * 1.1, min(positive) * 2))
