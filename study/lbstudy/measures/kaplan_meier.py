"""The Kaplan-Meier estimate (JASA 53, 1958) of the share that had happened by a time, with censored delays.

The tests compare it with ``scipy.stats.ecdf``, whose import takes longer than all else that a report needs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lbstudy.result.model import Delay


class Steps(NamedTuple):
    """A step function: by ``times[i]``, at least the share ``shares[i]`` is estimated to have happened."""

    times: NDArray[np.float64]  # each observed and each censored time, once, ascending
    shares: NDArray[np.float64]


def kaplan_meier(delays: Sequence[Delay]) -> Steps:
    """Estimate the share that had happened by each time."""
    seen = np.array([delay.seconds for delay in delays if delay.seconds is not None], dtype=np.float64)
    censored = [delay.censored_after for delay in delays if delay.censored_after is not None]
    times, ended = np.unique(np.concatenate([seen, censored]), return_counts=True)
    happened = np.bincount(np.searchsorted(times, seen), minlength=len(times))
    still_watched = len(delays) - np.cumsum(ended) + ended
    return Steps(times=times, shares=1 - np.cumprod(1 - happened / still_watched))
