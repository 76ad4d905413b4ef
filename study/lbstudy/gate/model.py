"""The result of a gate: the schema of its result.json."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import Field

from lbstudy.result.model import Part


class State(StrEnum):
    """The state of a clause, a setting, or the whole gate."""

    HOLDS = "holds"
    FAILS = "does not hold"
    UNDECIDED = "undecided"
    NOT_OBSERVED = "not observed"
    NOT_JUDGED = "not judged"  # by a watch: it cannot show what the clause is about

    @classmethod
    def of_all(cls, states: "Iterable[State]") -> "State":
        """Return the worst of several states: fails, then not observed, undecided and holds.

        NOT_JUDGED counts only if there is no other state.
        """
        present = set(states)
        order = (cls.FAILS, cls.NOT_OBSERVED, cls.UNDECIDED, cls.HOLDS)
        return next((state for state in order if state in present), cls.NOT_JUDGED)


class JudgedRun(Part):
    """One run, or one watch, as it was judged by one clause."""

    folder: str = Field(description="of the run, relative to the gate's own; empty for a watch")
    held: bool | None = Field(description="whether the clause held in it; null: not observed, or undecided")
    found: str = Field(description="the figure, in words")
    reason: str = Field(description="why it did not hold, as far as that is known; empty where it did")


class ClauseVerdict(Part):
    """One clause with one setting, or with the Service that was watched."""

    number: int = Field(description="of the clause in the requirement's file, from 1")
    kind: str
    text: str = Field(description="what must hold, in words")
    scenario: str = Field(description="in which it was judged; empty for a watch")
    state: State
    held: int = Field(description="runs in which it held")
    runs: list[JudgedRun]
    reason: str = Field(description="why it does not hold, of the last run in which it did not; else empty")


class SettingVerdict(Part):
    """One setting, or the Service that was watched."""

    setting: str = Field(description="its name; of a watch: the Service, namespace/service")
    description: str
    state: State
    clauses: list[ClauseVerdict]


class Watched(Part):
    """The watch that was judged instead of runs."""

    began: float = Field(description="s since the Unix epoch")
    ended: float = Field(description="s since the Unix epoch")
    became_ready: list[str] = Field(description="pods that became Ready meanwhile: the rollout")
    evidence: list[str] = Field(description="each source, with what it has and what it lacks")


class GateResult(Part):
    """A requirement, judged by runs or by a watch of a live Service."""

    schema_version: Literal["1"] = "1"
    requirement: str
    description: str
    requirement_toml: str
    command: str
    started: str = Field(description="ISO 8601, UTC")
    platform: str
    confidence: float = Field(description="1 − the chance of a wrong decision, either way")
    share: float = Field(description="a clause that holds in no more than this share of the runs fails")
    holds_in: float = Field(description="the share of runs in which a clause that holds does so")
    most_runs: int
    state: State
    settings: list[SettingVerdict]
    not_counted: list[str] = Field(
        description="runs that failed, or whose ledger does not close, with the reason: they decide nothing"
    )
    watched: Watched | None = Field(
        default=None,
        description="a watch that judged it; null: runs did. One watch is one observation: confidence, share,"
        " holds_in and most_runs say nothing of it",
    )
