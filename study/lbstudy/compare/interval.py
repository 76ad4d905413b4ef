"""A median with its interval, from a few values, some of which are only known to exceed a number.

The unit is a change or a run, not an RPC or a client: several clients and servers of one change are not
independent, so each change gives one value, its own median. The *median* of the units is the Kaplan-Meier
estimate (measures.delays). Its *interval* is that of the sign test: from the k-th smallest to the k-th
largest value, for the largest k that covers the true median with 95 % confidence (Conover, Practical
Nonparametric Statistics, 3.2). It is valid for any distribution. For fewer than 6 units it is the whole
range, which covers the median with a confidence of 1 − 2^(1 − n): 88 % for 4, 50 % for 2. A bootstrap of so
few clusters would claim more than is justified.

Two settings *differ* if their intervals do not overlap and each has at least 4 units: that all of 4 values
lie below all of 4 others happens by chance once in 35 times (2 ÷ C(8, 4); Mann-Whitney).
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from lbstudy.compare.model import Amount, Estimate
from lbstudy.measures.delays import summary
from lbstudy.result.model import Delay

FEWEST: Final = 4
"""Units that each of two settings needs before a difference can be claimed."""
CONFIDENCE: Final = 0.95


def estimate(values: Sequence[Amount]) -> Estimate | None:
    """Return the median of the values and its interval; None if there are no values."""
    if not values:
        return None
    median = summary([_delay(value) for value in values]).median
    assert median is not None
    rank, confidence = _rank(len(values))
    # A censored value may be that number or anything above it: the interval allows for both.
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


def is_less(first: Estimate | None, other: Estimate | None) -> bool:
    """Return whether ``first`` is shown to be less than ``other``."""
    if first is None or other is None or min(first.units, other.units) < FEWEST:
        return False
    return not first.high.more and first.high.value < other.low.value


def _rank(units: int) -> tuple[int, float]:
    """Return the k of the interval, and its confidence."""
    # The probability that at most j of the units lie below the median, each with a probability of 1/2.
    at_most = [ways / 2**units for ways in accumulate(math.comb(units, below) for below in range(units))]
    rank = max(sum(chance <= (1 - CONFIDENCE) / 2 for chance in at_most), 1)
    return rank, max(1 - 2 * at_most[rank - 1], 0.0)


def _delay(value: Amount) -> Delay:
    return Delay(censored_after=value.value) if value.more else Delay(seconds=value.value)
