"""The result of a sweep, which the terminal, JSON and the page show."""

from pydantic import Field

from lbstudy.result.model import Delay, DelaySummary, Part

WITHIN: float = 0.1
"""The model should be within this share of the measurement, at the median and at the 95 % quantile."""


class Interval(Part):
    """A 95 % confidence interval of a measured quantile, by a bootstrap over the changes."""

    low: Delay
    high: Delay


class QuantileCheck(Part):
    """A quantile, measured and by the model."""

    share: float = Field(description="0.5 or 0.95")
    measured: Delay
    interval: Interval
    model: Delay
    off: float | None = Field(description="model ÷ measured − 1; None where one of them is censored")
    agrees: bool = Field(description="within 10 %, or both censored")


class Curve(Part):
    """An estimated distribution function (Kaplan-Meier): a step at each instant."""

    seconds: list[float]
    shares: list[float] = Field(description="that has happened by then")


class QuantityCheck(Part):
    """A measure over all changes and clients, compared with the model's."""

    name: str
    meaning: str
    changes: int
    measured: DelaySummary
    model: DelaySummary
    quantiles: list[QuantileCheck]
    measured_curve: Curve
    model_curve: Curve
    verdict: str
    agrees: bool


class CountCheck(Part):
    """What a client did in the whole sweep, on average: measured, and by the model."""

    name: str
    measured: float
    model: float


class SweepResult(Part):
    """A whole sweep."""

    setting: str
    description: str
    scenario: str
    change: str
    changes: int
    clients: int
    seed: int
    started: str
    command: str
    verdict: str
    agrees: bool
    quantities: list[QuantityCheck]
    counts: list[CountCheck]
    setting_toml: str
    scenario_toml: str
