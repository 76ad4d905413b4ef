"""The names of the measures that a scenario can expect something of.

``lbstudy.result.expectations`` says how each is read from a result. It is separate because it imports numpy,
which takes time; a test compares the two.
"""

from typing import Annotated

from pydantic import AfterValidator

from lbstudy.config.base import Str
from lbstudy.config.error import clipped, nearest

MEASURES = (
    "detect.median",
    "detect.p95",
    "detect.largest",
    "discovery.median",
    "discovery.p95",
    "discovery.largest",
    "discovery.undiscovered",
    "fair_share.median",
    "fair_share.p95",
    "fair_share.largest",
    "removal.detect.median",
    "removal.detect.p95",
    "removal.detect.largest",
    "errors.count",
    "errors.ratio",
    "distribution.largest_deviation.last",
    "distribution.largest_deviation.largest",
    "distribution.jain.last",
    "distribution.jain.smallest",
    "distribution.coverage.last",
    "distribution.coverage.smallest",
    "latency.p50",
    "latency.p99",
    "latency.largest",
    "latency.steady.p99",
    "latency.transition.p99",
    "scaling.relief.latency",
    "scaling.relief.hottest",
    "scaling.late",
    "scaling.wasted",
    "load.achieved",
    "load.lateness_p99",
    "streams.held.median",
    "streams.held.p95",
    "streams.held.largest",
    "streams.cut",
    "streams.largest_deviation.last",
)


def _known(measure: str) -> str:
    if measure not in MEASURES:
        raise ValueError(
            f'expected a measure that "lbstudy list" shows, found "{clipped(measure)}"'
            f"{nearest(measure, MEASURES)}"
        )
    return measure


MeasureName = Annotated[Str, AfterValidator(_known)]
"""The name of one of these, in a file."""
