"""A median with its interval, from a few values of which some are only known to be larger than a number.

The unit is a change or a run, not an RPC or a client: several clients and servers of one change are not
independent, so that each change gives one value, the median of its own. The *median* of the units is the
Kaplan-Meier estimate (measures.delays). Its *interval* is that of the sign test, from the k-th smallest to
the k-th largest value, k being the largest for which that covers the true median with 95 % confidence
(Conover, Practical Nonparametric Statistics, 3.2): it holds whatever the distribution. Of fewer than 6
units it is the whole range, which covers it with a confidence of 1 − 2^(1 − n): 88 % of 4, 50 % of 2. A
bootstrap of so few clusters would claim more than it holds.

Two settings *differ* where their intervals do not overlap, with at least 4 units each: that all of 4 values
lie below all of 4 others happens by chance once in 35 times (2 ÷ C(8, 4); Mann-Whitney).
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.stats import binom

from lbstudy.compare.model import Amount, Estimate
from lbstudy.measures.delays import summary
from lbstudy.result.model import Delay

FEWEST: Final = 4
"""Units that each of two settings needs before they can be told apart."""
CONFIDENCE: Final = 0.95


def estimate(values: Sequence[Amount]) -> Estimate | None:
    """The median of the values and its interval; None when there are none."""
    if not values:
        return None
    median = summary([_delay(value) for value in values]).median
    assert median is not None
    rank, confidence = _rank(len(values))
    # What is larger than a number may be that number or anything above it: the interval allows for both.
    low = sorted(value.value for value in values)[rank - 1]
    high = sorted(math.inf if value.more else value.value for value in values)[-rank]
    most = max(value.value for value in values)
    return Estimate(
        units=len(values),
        censored=sum(value.more for value in values),
        median=Amount(value=median.seconds, more=False)
        if median.seconds is not None
        else Amount(value=median.censored_after or 0.0, more=True),
        low=Amount(value=low, more=all(value.more for value in values)),
        high=Amount(value=most, more=True) if math.isinf(high) else Amount(value=high),
        confidence=confidence,
    )


def is_less(one: Estimate | None, other: Estimate | None) -> bool:
    """Whether one is shown to be less than the other."""
    if one is None or other is None or min(one.units, other.units) < FEWEST:
        return False
    return not one.high.more and one.high.value < other.low.value


def _rank(units: int) -> tuple[int, float]:
    """The k of the interval, and its confidence."""
    outside = binom.cdf(
        np.arange(units), units, 0.5
    )  # that the median lies below the (j + 1)-th smallest value
    rank = max(int(np.count_nonzero(outside <= (1 - CONFIDENCE) / 2)), 1)
    return rank, float(max(1 - 2 * outside[rank - 1], 0.0))


def _delay(value: Amount) -> Delay:
    return Delay(censored_after=value.value) if value.more else Delay(seconds=value.value)
