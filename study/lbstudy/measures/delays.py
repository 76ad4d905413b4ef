"""Delays, some of which are only known to exceed the time for which they were watched (right-censored).

A quantile is that of the Kaplan-Meier estimate (``kaplan_meier``): the smallest time by which at least the
share q is estimated to have happened. If the estimate does not reach q, the quantile is censored at the
longest time that was watched in vain. The largest delay is censored as soon as one delay is: it is at least
every time seen.

A delay that was *not observed* is neither: nobody looked. It is counted separately, and enters no quantile.
If none of the delays was observed, the quantiles are not observed either.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from lbstudy.measures.kaplan_meier import kaplan_meier
from lbstudy.observation.known import Unseen
from lbstudy.result.model import Delay, DelaySummary, NotObserved

_ROUNDING: Final = 1e-9  # the estimate is a product of fractions: 1/2 may come out slightly smaller


def delay(since: float, at: float | None, watched_until: float) -> Delay:
    """Return how long it took from an instant; censored if it had not happened when watching ended.

    The delay is 0 s if it happened before the instant.
    """
    if at is None or at > watched_until:
        return Delay(censored_after=max(watched_until - since, 0.0))
    return Delay(seconds=max(at - since, 0.0))


def unseen(part: Unseen) -> NotObserved:
    """Return why something is unknown, as the result has it."""
    return NotObserved(why=part.why, needs=part.needs)


def summary(all_delays: Sequence[Delay]) -> DelaySummary:
    """Return quantiles of several delays."""
    delays = [delay for delay in all_delays if delay.not_observed is None]
    hidden = [delay for delay in all_delays if delay.not_observed is not None]
    if hidden and not delays:
        none = hidden[0]
        return DelaySummary(
            count=0, censored=0, not_observed=len(hidden), median=none, p95=none, largest=none
        )
    seen = [delay.seconds for delay in delays if delay.seconds is not None]
    censored = [delay.censored_after for delay in delays if delay.censored_after is not None]
    if not delays:
        return DelaySummary(count=0, censored=0, median=None, p95=None, largest=None)
    curve = kaplan_meier(delays)

    def quantile(share: float) -> Delay:
        reached = np.flatnonzero(curve.shares >= share - _ROUNDING)
        if len(reached):
            return Delay(seconds=float(curve.times[reached[0]]))
        return Delay(censored_after=max(censored))

    largest = Delay(censored_after=max(seen + censored)) if censored else Delay(seconds=max(seen))
    return DelaySummary(
        count=len(delays),
        censored=len(censored),
        not_observed=len(hidden),
        median=quantile(0.5),
        p95=quantile(0.95),
        largest=largest,
    )
