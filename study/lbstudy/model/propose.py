"""Finds the cheapest setting that meets a requirement by the model, and why cheaper ones do not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lbstudy.config.requirement import AnyClause, NewServer, Requirement, RollingUpdate
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting
from lbstudy.model.candidates import options, with_dns, with_push
from lbstudy.model.cost import Cost, cost
from lbstudy.model.judge import ByModel, Judged, judge
from lbstudy.model.parameters import Parameters

_SLOW = (NewServer, RollingUpdate)
"""Clauses for which the model has to simulate clients."""


class SearchAnswer(StrEnum):
    """The outcome of the search."""

    DNS = "a setting with DNS holds"
    PUSH = "nothing with DNS alone holds; push is not refuted"
    NOTHING = "nothing in the space holds"
    NOT_JUDGED = "the model judges none of the clauses"


@dataclass(frozen=True, slots=True)
class Weighed:
    """A setting, its cost, and what the model says of each clause, in the clauses' order."""

    setting: Setting
    cost: Cost
    judged: tuple[Judged, ...]

    @property
    def verdict(self) -> ByModel:
        """Whether it holds: it fails if one clause does, and does not hold if a clause is not judged."""
        verdicts = {judged.verdict for judged in self.judged}
        return next((v for v in (ByModel.FAILS, ByModel.NOT_JUDGED) if v in verdicts), ByModel.HOLDS)

    @property
    def is_refuted(self) -> bool:
        """Whether the model says of any clause that it does not hold."""
        return self.verdict is ByModel.FAILS


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed, and what was rejected."""

    answer: SearchAnswer
    best: Weighed | None  # None: nothing is proposed
    # the last tried setting for each clause that was the first to fail, cheapest first
    cheaper: tuple[Weighed, ...]
    built_in: tuple[Weighed, ...]  # the built-in settings, cheapest first
    tried: int
    clauses: tuple[AnyClause, ...] = field(default=())


def propose(
    requirement: Requirement,
    scenarios: Sequence[Scenario],
    built_in: Iterable[Setting],
    *,
    seed: int = 0,
) -> Proposal:
    """Try settings from the cheapest on, until one holds.

    Args:
        requirement: what must hold.
        scenarios: the scenario in which each clause is judged, in the clauses' order.
        built_in: settings to be judged in addition.
        seed: for the model's random numbers.
    """
    weigh_one = _Weigher(requirement, scenarios, seed)
    own = tuple(sorted(map(weigh_one, built_in), key=lambda weighed: weighed.cost.total))
    clauses = tuple(requirement.clause)

    def outcome(
        answer: SearchAnswer, best: Weighed | None, failed: Sequence[Weighed], tried: int
    ) -> Proposal:
        return Proposal(answer, best, tuple(failed), own, tried, clauses)

    failed: list[tuple[Setting, int]] = []
    for setting in _by_cost(with_dns(), scenarios[0], seed):
        first = weigh_one.first_to_fail(setting)
        if first is None:
            weighed = weigh_one(setting)
            if all(judged.verdict is ByModel.NOT_JUDGED for judged in weighed.judged):
                return outcome(SearchAnswer.NOT_JUDGED, None, [], 1)
            return outcome(SearchAnswer.DNS, weighed, _nearest(failed, weigh_one), len(failed) + 1)
        failed.append((setting, first))
    tried = len(failed)
    for setting in _by_cost(with_push(), scenarios[0], seed):
        tried += 1
        if weigh_one.first_to_fail(setting) is None:
            return outcome(SearchAnswer.PUSH, weigh_one(setting), _nearest(failed, weigh_one), tried)
    return outcome(SearchAnswer.NOTHING, None, _nearest(failed, weigh_one), tried)


def weigh(
    setting: Setting, requirement: Requirement, scenarios: Sequence[Scenario], *, seed: int = 0
) -> Weighed:
    """Return what the model says of one setting."""
    return _Weigher(requirement, scenarios, seed)(setting)


class _Weigher:
    """Judges settings; what several settings share is simulated only once."""

    def __init__(self, requirement: Requirement, scenarios: Sequence[Scenario], seed: int) -> None:
        self._pairs = list(zip(requirement.clause, scenarios, strict=True))
        self._seed = seed
        self._known: dict[tuple[int, str], Judged] = {}

    def __call__(self, setting: Setting) -> Weighed:
        first = self._pairs[0][1]
        price = cost(setting, Parameters.of(setting, first), first.step[0].servers, seed=self._seed)
        judged = tuple(self._judge(number, setting) for number in range(len(self._pairs)))
        return Weighed(setting, price, judged)

    def first_to_fail(self, setting: Setting) -> int | None:
        """Return the first clause that does not hold, trying quick ones first; None if there is none."""
        order = sorted(range(len(self._pairs)), key=lambda i: isinstance(self._pairs[i][0], _SLOW))
        return next((i for i in order if self._judge(i, setting).verdict is ByModel.FAILS), None)

    def _judge(self, number: int, setting: Setting) -> Judged:
        clause, scenario = self._pairs[number]
        key = (number, setting.model_dump_json(exclude={"name", "description"}))
        if key not in self._known:
            self._known[key] = judge(clause, setting, scenario, seed=self._seed)
        return self._known[key]


def _by_cost(settings: Iterable[Setting], scenario: Scenario, seed: int) -> list[Setting]:
    """Return the cheapest first; among equal costs, the setting with the fewest options."""

    def key(setting: Setting) -> tuple[float, int]:
        price = cost(setting, Parameters.of(setting, scenario), scenario.step[0].servers, seed=seed)
        return round(price.total, 6), options(setting)

    return sorted(settings, key=key)


def _nearest(failed: Sequence[tuple[Setting, int]], weigh_one: _Weigher) -> list[Weighed]:
    """Return, for each clause that was the first to fail, the last tried setting, cheapest first."""
    nearest = {first: setting for setting, first in failed}
    return sorted(
        (weigh_one(setting) for setting in nearest.values()), key=lambda weighed: weighed.cost.total
    )
