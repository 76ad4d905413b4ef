"""The estimate against SciPy's own."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from lbstudy.measures.kaplan_meier import kaplan_meier
from lbstudy.result.model import Delay
from scipy.stats import CensoredData, ecdf

# A few distinct times, so that what happened and what was censored often coincide.
times = st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.5, 30.0]) | st.floats(0, 1000), max_size=20)


@given(times, times)
def test_it_is_scipys_estimate(happened: list[float], lost: list[float]) -> None:
    found = kaplan_meier(
        [*(Delay(seconds=time) for time in happened), *(Delay(censored_after=time) for time in lost)]
    )

    if not happened and not lost:
        assert len(found.times) == len(found.shares) == 0
        return
    referee: Any = ecdf(CensoredData(uncensored=np.array(happened), right=np.array(lost))).cdf
    assert found.times.tolist() == referee.quantiles.tolist()
    np.testing.assert_allclose(found.shares, referee.probabilities, atol=1e-12)
