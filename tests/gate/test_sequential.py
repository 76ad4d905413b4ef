"""When the runs have decided: by hand, and that the rule errs no more often than it promises."""

import numpy as np
import pytest
from lbstudy.config.requirement import HOLDS_IN, Proof
from lbstudy.gate.sequential import Decision, Rule

RULE = Rule.of(Proof(), 1)  # confidence 0.9, share 0.6


def test_six_runs_without_a_failure_decide_that_it_holds() -> None:
    """ln(0.95 ÷ 0.6) = 0.4595 a run; ln(1 ÷ 0.1) = 2.3026: the 6th reaches it, the 5th (2.298) does not."""
    assert RULE.decide([True] * 5) is Decision.OPEN
    assert RULE.decide([True] * 6) is Decision.HOLDS
    assert RULE.fewest == 6


def test_two_failures_decide_that_it_does_not() -> None:
    """ln(0.4 ÷ 0.05) = 2.079 a failure: one is not below −2.3026, two are."""
    assert RULE.decide([False]) is Decision.OPEN
    assert RULE.decide([False, False]) is Decision.FAILS
    assert RULE.decide([]) is Decision.OPEN


def test_with_more_clauses_it_takes_more_to_fail_one() -> None:
    """ln(0.1 ÷ 20) = −5.3: two failures are −4.16, three −6.24."""
    rule = Rule.of(Proof(), 20)
    assert rule.decide([False, False]) is Decision.OPEN
    assert rule.decide([False, False, False]) is Decision.FAILS
    assert rule.decide([True] * 6) is Decision.HOLDS


def test_what_was_decided_stays_decided() -> None:
    assert RULE.decide([True] * 6 + [False] * 9) is Decision.HOLDS
    assert RULE.decide([False] * 2 + [True] * 90) is Decision.FAILS


@pytest.mark.parametrize(("confidence", "share"), [(0.9, 0.6), (0.95, 0.7), (0.8, 0.3)])
def test_the_errors_are_no_larger_than_promised(confidence: float, share: float) -> None:
    """4000 gates of clauses that hold in just the shares between which the rule decides."""
    rule = Rule.of(Proof(confidence=confidence, share=share), 1)
    error = 1 - confidence + 4 * (confidence * (1 - confidence) / 4000) ** 0.5

    assert _decided(rule, share, Decision.HOLDS) <= error
    assert _decided(rule, HOLDS_IN, Decision.FAILS) <= error
    assert _decided(rule, HOLDS_IN, Decision.OPEN) == 0, "it comes to an end"


def _decided(rule: Rule, holds_in: float, wanted: Decision) -> float:
    rng = np.random.default_rng(1)
    gates = [rule.decide(list(rng.random(400) < holds_in)) for _ in range(4000)]
    return sum(one is wanted for one in gates) / len(gates)
