"""When enough runs have been made: Wald's sequential probability ratio test.

A. Wald, Sequential Tests of Statistical Hypotheses, Annals of Mathematical Statistics 16 (1945), 117-186.
Each run is one draw: a clause held in it, or not. The two hypotheses are "it holds in 95 % of the runs"
(``HOLDS_IN``) and "it holds in no more than ``share`` of them". The logarithm of their likelihood ratio grows
by ln(0.95 ÷ share) with each run in which the clause held, and falls by ln((1 − share) ÷ 0.05) with each
other run. The clause is decided when the logarithm first reaches ln(1 ÷ (1 − confidence)) (it holds), or
first falls to ln((1 − confidence) ÷ clauses) (it does not).

With these bounds (Wald's inequalities, not his approximations), a clause that holds in no more than ``share``
of the runs passes with a probability of at most 1 − confidence, however many runs there are. A gate passes
only if all clauses do, so the same is true of the gate. A clause that holds fails with a probability of at
most (1 − confidence) ÷ clauses; so the probability that any of ``clauses`` such clauses fails is at most 1 −
confidence.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from lbstudy.config.requirement import HOLDS_IN, Proof


class Decision(StrEnum):
    """What the runs have shown so far."""

    HOLDS = "holds"
    FAILS = "does not hold"
    OPEN = "undecided"


@dataclass(frozen=True, slots=True)
class Rule:
    """The test of one clause."""

    confidence: float
    share: float
    clauses: int  # of the requirement; all are decided together

    @classmethod
    def of(cls, proof: Proof, clauses: int) -> "Rule":
        """Return the test that a requirement asks for."""
        return cls(proof.confidence, proof.share, clauses)

    def decide(self, held: list[bool]) -> Decision:
        """Return what the runs decide, in the order in which they were made; the first decision is final."""
        upper = math.log(1 / (1 - self.confidence))
        lower = math.log((1 - self.confidence) / self.clauses)
        ratio = 0.0
        for outcome in held:
            ratio += (
                math.log(HOLDS_IN / self.share) if outcome else math.log((1 - HOLDS_IN) / (1 - self.share))
            )
            if ratio >= upper:
                return Decision.HOLDS
            if ratio <= lower:
                return Decision.FAILS
        return Decision.OPEN

    @property
    def fewest(self) -> int:
        """Return how many runs are needed at least to decide that a clause holds."""
        return math.ceil(math.log(1 / (1 - self.confidence)) / math.log(HOLDS_IN / self.share) - 1e-9)
