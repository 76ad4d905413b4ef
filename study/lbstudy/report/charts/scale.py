"""Scales: values to fractions of an axis, and the ticks to label."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


class Scale(Protocol):
    """One axis."""

    def __call__(self, value: float) -> float:
        """Where the value lies, 0 (start) to 1 (end); what lies outside is moved to the end it passed."""

    def ticks(self, target: int = 4) -> list[float]:
        """Round values to label, about so many."""


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
class Log:
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
        found: list[float] = []
        for steps in ((1,), (1, 3), (1, 2, 5)):
            found = [
                float(f"{m}e{d}")
                for d in decades
                for m in steps
                if self.low <= float(f"{m}e{d}") <= self.high
            ]
            if len(found) >= target:
                break
        return found


def round_step(rough: float) -> float:
    """The smallest of 1, 2, 5 × 10^n that is not below ``rough``; 0 for 0."""
    if rough <= 0:
        return 0.0
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next((m * magnitude for m in (1, 2, 5) if m * magnitude >= rough * (1 - 1e-9)), 10 * magnitude)


def from_zero(values: Iterable[float | None], least: float = 1e-9) -> Linear:
    """A scale from 0 to a round value above all of these."""
    high = max((v for v in values if v is not None), default=0.0)
    high = max(high, least)
    step = round_step(high / 4)
    return Linear(0.0, math.ceil(high / step - 1e-9) * step)


def around(values: Iterable[float | None], low: float, high: float) -> Log:
    """A logarithmic scale that holds all of these; ``low`` to ``high`` where there are none."""
    found = [v for v in values if v is not None and v > 0]
    if not found:
        return Log(low, high)
    return Log(min(found) * 0.9, max(max(found) * 1.1, min(found) * 2))
