"""Delays of which some are only known to exceed the time for which they were watched (right-censored).

A quantile is that of the Kaplan-Meier estimate (Kaplan, Meier, JASA 53, 1958; scipy.stats.ecdf): the smallest
time by which at least the share q is estimated to have happened. Where the estimate does not come so far, the
quantile is censored itself, after the longest time that was watched in vain. The largest delay is censored as
soon as one of them is: it exceeds, or equals, every time seen.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.stats import CensoredData, ecdf

from lbstudy.result.model import Delay, DelaySummary

_ROUNDING: Final = 1e-9  # the estimate is a product of fractions: 1/2 may come out a little less


def delay(since: float, at: float | None, watched_until: float) -> Delay:
    """How long it took from an instant; censored when it had not happened when the watching ended.

    What happened before the instant had happened then: 0 s.
    """
    if at is None or at > watched_until:
        return Delay(censored_after=max(watched_until - since, 0.0))
    return Delay(seconds=max(at - since, 0.0))


def summary(delays: Sequence[Delay]) -> DelaySummary:
    """Quantiles of several delays."""
    seen = [found.seconds for found in delays if found.seconds is not None]
    censored = [found.censored_after for found in delays if found.censored_after is not None]
    if not delays:
        return DelaySummary(count=0, censored=0, median=None, p95=None, largest=None)
    estimate = ecdf(CensoredData(uncensored=np.array(seen), right=np.array(censored))).cdf

    def quantile(share: float) -> Delay:
        reached = np.flatnonzero(estimate.probabilities >= share - _ROUNDING)
        if len(reached):
            return Delay(seconds=float(estimate.quantiles[reached[0]]))
        return Delay(censored_after=max(censored))

    largest = Delay(censored_after=max(seen + censored)) if censored else Delay(seconds=max(seen))
    return DelaySummary(
        count=len(delays), censored=len(censored), median=quantile(0.5), p95=quantile(0.95), largest=largest
    )
