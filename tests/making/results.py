"""The one maker of results, and of what they consist of: the smallest that is valid, with what a test says.

It imports nothing but the model, since programs of tests that start often use it.
"""

from collections.abc import Sequence
from typing import Any

from lbstudy.result.model import (
    Adaptability,
    DelaySummary,
    Distribution,
    Errors,
    Expectation,
    Histogram,
    Latency,
    Ledger,
    Provenance,
    Quantiles,
    Result,
    SettingResult,
    Timeline,
    Utilisation,
    Verdict,
)

NO_DELAY = DelaySummary(count=0, censored=0, median=None, p95=None, largest=None)
NO_RPCS = Quantiles(count=0, p50=None, p90=None, p99=None, largest=None, sent_p50=None, sent_p99=None)
PROVENANCE = Provenance(
    run_id="r1",
    scenario="scale",
    scenario_description="",
    scenario_toml="",
    settings_toml={},
    command="lbstudy run",
    started="2026-09-21T14:13:20Z",
    duration=80.0,
    seed=0,
    platform="local",
    machine={},
    versions={},
)
TIMELINE = Timeline(
    bucket=1.0,
    start=0.0,
    requests={},
    unanswered=[],
    errors=[],
    fair_share=[],
    addresses=[],
    ready=[],
    latency_p50=[],
    latency_p99=[],
    coverage=[],
    events=[],
)
LATENCY = Latency(
    all=NO_RPCS,
    steady=NO_RPCS,
    transition=NO_RPCS,
    transition_window=5.0,
    histogram=Histogram(bounds=[0.0], counts=[]),
    offered_rate=0.0,
    achieved_rate=0.0,
    lateness_p50=None,
    lateness_p99=None,
    lateness_max=None,
)
ERRORS = Errors(client_by_code={}, server_by_code={}, ratio=None, phases=[], by_server={}, failures=[])
ADAPTABILITY = Adaptability(
    changes=[],
    added=[],
    removed=[],
    detect=NO_DELAY,
    discovery=NO_DELAY,
    undiscovered=[],
    updates_by_outcome={},
    updates_by_cause={},
)
SETTING = SettingResult(
    name="stock",
    description="",
    options={},
    servers=[],
    clients=[],
    phases=[],
    timeline=TIMELINE,
    distribution=Distribution(total={}, phases=[]),
    latency=LATENCY,
    errors=ERRORS,
    adaptability=ADAPTABILITY,
    utilisation=Utilisation(servers=[]),
    ledger=Ledger(entries=[], closes=True),
)
"""A setting in which nothing was observed at all."""


def provenance(**told: Any) -> Provenance:  # noqa: ANN401 - the model's own fields
    """A run's provenance, with what is told."""
    return PROVENANCE.model_copy(update=told)


def setting(name: str, **told: Any) -> SettingResult:  # noqa: ANN401 - the model's own fields
    """A setting in which only what is told was observed."""
    return SETTING.model_copy(update={"name": name, **told})


def result(
    provenance: Provenance,
    settings: Sequence[SettingResult],
    *,
    headline: str = "",
    points: Sequence[str] = (),
    expectations: Sequence[Expectation] = (),
) -> Result:
    """A run's result: its ledger closes when those of all settings do."""
    return Result(
        provenance=provenance,
        verdict=Verdict(headline=headline, points=list(points)),
        settings=list(settings),
        expectations=list(expectations),
        ledger_closes=all(found.ledger.closes for found in settings),
    )
