"""The result of a comparison: a documented, versioned schema. Page, terminal and JSON are views of it."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from lbstudy.compare.plan import Plan, PlannedRun
from lbstudy.result.model import NotObserved, Part, WaitSummary

SCHEMA_VERSION: Literal["1"] = "1"


class Amount(Part):
    """A number that was measured, or that is only known to be exceeded."""

    value: float
    more: bool = Field(default=False, description="more than that; how much more was not seen")


class Estimate(Part):
    """The median over several changes or runs, and the interval in which the true one lies."""

    units: int = Field(description="changes or runs that gave a value")
    censored: int = Field(description="of these, only known to be larger than what was watched")
    median: Amount
    low: Amount
    high: Amount
    confidence: float = Field(description="0 to 1, with which the interval covers the true median")


class FigureKind(StrEnum):
    """What a figure is about."""

    BENEFIT = "benefit"
    PRICE = "price"


class Figure(Part):
    """A figure by which settings are compared; less is better."""

    key: str
    label: str
    meaning: str = Field(description="how it was measured, for a reader who does not know this project")
    unit: Literal["s", "RPCs", "streams", "connections", "ratio", "per minute"]
    per: Literal["change", "run"] = Field(description="the unit of which there is one value each")
    kind: FigureKind
    least: float = Field(description="a smaller difference of the medians is not worth telling")


class Standing(StrEnum):
    """How a setting's figure compares with the others' in the same scenario."""

    BEST = "best"  # no other is shown to be better, and it is shown to be better than another
    WORSE = "worse"  # another is shown to be better
    SAME = "same"  # neither is shown


class Measured(Part):
    """One figure of one cell."""

    figure: str
    estimate: Estimate | None = Field(description="None: nothing to measure, or not observed")
    not_observed: NotObserved | None = Field(
        default=None, description="why nobody could see it in some or, without an estimate, in all runs"
    )
    standing: Standing
    worse_than: list[str] = Field(description="settings that are shown to be better")


class RunOutcome(Part):
    """The outcome of a run."""

    run: PlannedRun
    state: Literal["done", "failed", "not run"]
    reason: str = Field(default="", description="why it failed")
    ledger_closes: bool | None = None
    unmet: list[str] = Field(default_factory=list, description="expectations of the scenario")
    lateness_p99: float | None = Field(
        default=None, description="s that the clients were late, the worst setting's 99 % quantile"
    )


class Cell(Part):
    """One setting in one scenario."""

    setting: str
    scenario: str
    runs: list[str] = Field(description="folders of the finished runs, the most typical one first")
    failed: list[str] = Field(description="why runs failed")
    missing: int = Field(description="runs that were not made")
    figures: list[Measured]
    rpcs: int
    rpcs_failed: int
    waits: WaitSummary | None = Field(description="where the seconds went until added servers were found")


class ComparedSetting(Part):
    """A setting, and the comparison's conclusions about it, in words."""

    name: str
    description: str
    options: dict[str, dict[str, int | float | str | bool]]
    for_whom: str
    better: list[str] = Field(description="than the first setting")
    worse: list[str]
    alike: list[str] = Field(description="figures in which no difference is shown")
    price: list[str]
    is_beaten_by: list[str] = Field(
        description="settings that are better in some figure and worse in none, prices aside"
    )


class ComparedScenario(Part):
    """A scenario in which all settings ran."""

    name: str
    description: str
    duration: float
    clients: int
    rate: float = Field(description="RPC/s of each client")


class Moved(Part):
    """A figure that is shown to differ from an earlier comparison."""

    setting: str
    scenario: str
    figure: str = Field(description="its key")
    before: Estimate
    after: Estimate
    is_better: bool = Field(description="less than before: less is better in every figure")


class Against(Part):
    """What has changed since an earlier comparison."""

    started: str = Field(description="when the earlier one did, ISO 8601, UTC")
    moved: list[Moved]
    compared: int = Field(description="figures of which both have values")
    only_now: list[str] = Field(description='cells, as "stock in compare", that the earlier one has not')
    only_before: list[str]
    versions: dict[str, tuple[str | None, str | None]] = Field(
        description="software → version before and now, where they are not the same; null: not there"
    )


class Comparison(Part):
    """Everything that the page shows."""

    schema_version: Literal["1"] = SCHEMA_VERSION
    plan: Plan
    headline: str
    answers: list[str] = Field(description="what else a reader should know first")
    points: list[str] = Field(description="each figure of each scenario, in words")
    settings: list[ComparedSetting]
    scenarios: list[ComparedScenario]
    figures: list[Figure]
    cells: list[Cell]
    outcomes: list[RunOutcome]
    platform: str
    machine: dict[str, str]
    versions: dict[str, str]
    against: Against | None = Field(default=None, description="an earlier comparison, where one was given")

    def cell(self, setting: str, scenario: str) -> Cell:
        """The cell of a setting and a scenario."""
        return next(c for c in self.cells if (c.setting, c.scenario) == (setting, scenario))

    def places(self, scenario: str) -> list[int]:
        """The places of figures of which a scenario has something: a value, or why there is none."""
        cells = [cell for cell in self.cells if cell.scenario == scenario]
        return [
            place
            for place in range(len(self.figures))
            if any(c.figures[place].estimate or c.figures[place].not_observed for c in cells)
        ]

    @property
    def is_whole(self) -> bool:
        """Return whether every run was made and can be trusted."""
        return all(outcome.state == "done" and outcome.ledger_closes for outcome in self.outcomes)
