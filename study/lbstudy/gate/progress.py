"""What has been decided of a requirement so far, and what must still be run."""

from collections.abc import Mapping, Sequence

from lbstudy.config.requirement import HOLDS_IN, Requirement
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting
from lbstudy.gate.evaluate import evaluate
from lbstudy.gate.model import ClauseVerdict, GateResult, JudgedRun, SettingVerdict, State
from lbstudy.gate.reasons import reason
from lbstudy.gate.sequential import Decision, Rule
from lbstudy.result.model import Result

_STATES = {Decision.HOLDS: State.HOLDS, Decision.FAILS: State.FAILS, Decision.OPEN: State.UNDECIDED}


class Progress:
    """Takes results run by run. Each clause is decided by itself, as soon as its rule allows."""

    def __init__(
        self,
        requirement: Requirement,
        scenarios: Sequence[Scenario],
        settings: Sequence[Setting],
        *,
        options_known: bool = True,
    ) -> None:
        """Begin with nothing decided.

        Args:
            requirement: what must hold.
            scenarios: the scenario in which each clause is judged, in the clauses' order.
            settings: the settings to judge.
            options_known: whether the settings' options are what ran; copies of Deployments have their own.
        """
        self._requirement = requirement
        self._scenarios = list(scenarios)  # one for each clause
        self._settings = list(settings)
        self._rule = Rule.of(requirement.proof, len(requirement.clause))
        self._runs: Mapping[tuple[str, int], list[JudgedRun]] = {
            (setting.name, number): [] for setting in settings for number in range(len(requirement.clause))
        }
        self._options_known = options_known
        self._not_counted: list[str] = []

    def add(self, folder: str, scenario: str, result: Result) -> None:
        """Judge a run by each clause that its scenario is for and that is not decided yet."""
        if not result.ledger_closes:
            self.leave_out(folder, "its ledger does not close")
            return
        own = {setting.name: setting for setting in self._settings} if self._options_known else {}
        for setting in result.settings:
            for number, clause in enumerate(self._requirement.clause):
                if self._scenarios[number].name != scenario or not self._is_open(setting.name, number):
                    continue
                seen = evaluate(clause, setting)
                why = (
                    ""
                    if seen.held
                    else reason(clause, setting, own.get(setting.name))
                    if seen.held is False
                    else ""
                )
                self._runs[setting.name, number].append(
                    JudgedRun(folder=folder, held=seen.held, found=seen.words, reason=why)
                )

    def leave_out(self, folder: str, why: str) -> None:
        """Note a run that decides nothing."""
        self._not_counted.append(f"{folder}: {why}")

    @property
    def left_out(self) -> int:
        """Return how many runs decided nothing."""
        return len(self._not_counted)

    def wanted(self, scenario: str) -> list[str]:
        """Return the settings about which a scenario can still decide something.

        A setting that failed in one clause is decided as a whole.
        """
        return [
            setting.name
            for setting in self._settings
            if State.of_all(self._states(setting.name)) is not State.FAILS
            and any(
                judged_in.name == scenario and self._is_open(setting.name, number)
                for number, judged_in in enumerate(self._scenarios)
            )
        ]

    def result(self, *, command: str, started: str, platform: str) -> GateResult:
        """Return the result so far."""
        settings = [self._setting(setting) for setting in self._settings]
        proof = self._requirement.proof
        return GateResult(
            requirement=self._requirement.name,
            description=self._requirement.description,
            requirement_toml=self._requirement.toml,
            command=command,
            started=started,
            platform=platform,
            confidence=proof.confidence,
            share=proof.share,
            holds_in=HOLDS_IN,
            most_runs=proof.most_runs,
            state=State.of_all([setting.state for setting in settings]),
            settings=settings,
            not_counted=self._not_counted,
        )

    def _setting(self, setting: Setting) -> SettingVerdict:
        states = self._states(setting.name)
        return SettingVerdict(
            setting=setting.name,
            description=setting.description,
            state=State.of_all(states),
            clauses=[self._clause(setting.name, number, state) for number, state in enumerate(states)],
        )

    def _clause(self, setting: str, number: int, state: State) -> ClauseVerdict:
        clause, runs = self._requirement.clause[number], self._runs[setting, number]
        return ClauseVerdict(
            number=number + 1,
            kind=clause.kind,
            text=clause.in_words(),
            scenario=self._scenarios[number].name,
            state=state,
            held=sum(run.held is True for run in runs),
            runs=runs,
            reason=next((run.reason for run in reversed(runs) if run.reason), ""),
        )

    def _states(self, setting: str) -> list[State]:
        return [self._state(setting, number) for number in range(len(self._requirement.clause))]

    def _state(self, setting: str, number: int) -> State:
        held = [run.held for run in self._runs[setting, number]]
        if None in held:  # it cannot be observed: more runs would not change that
            return State.NOT_OBSERVED
        return _STATES[self._rule.decide([outcome is True for outcome in held])]

    def _is_open(self, setting: str, number: int) -> bool:
        return self._state(setting, number) is State.UNDECIDED
