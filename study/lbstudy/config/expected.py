"""The measures that a scenario can expect something of, by name.

What each of them is stands where they are evaluated, in ``lbstudy.result.expectations``, which takes SciPy
and seconds to import; a test keeps the two in step.
"""

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
    "load.achieved",
    "load.lateness_p99",
)
