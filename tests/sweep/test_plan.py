"""The scenario of a sweep."""

from dataclasses import replace

import numpy as np
import pytest
from lbstudy.model.parameters import Parameters
from lbstudy.sweep.kinds import ChangeOf
from lbstudy.sweep.plan import SweepShape, TooLongError, sweep_scenario

P = Parameters(min_interval=10, max_age=20, ready=1, propagation=0.5, drain_wait=1)


def test_each_change_has_a_phase_of_its_own() -> None:
    """Watched 1 + 0.5 + 10 + 22 + 1 = 34.5 s; then the drain's wait, a margin, and the phase of 10 s."""
    scenario = sweep_scenario("mine", P, SweepShape(changes=20), seed=3)
    ups, downs = scenario.step[1::2], scenario.step[2::2]

    assert [step.servers for step in scenario.step] == [3] + [4, 3] * 20
    for up, down in zip(ups, downs, strict=True):
        assert down.at - up.at == pytest.approx(34.5, abs=0.002)
    gaps = [after.at - down.at for down, after in zip(downs, ups[1:], strict=False)]
    phases = (np.array(gaps) - 2) / 10
    # One in each of 20 strata (the last change's phase comes after it).
    assert len(set(np.floor(phases * 20 + 1e-3).astype(int))) == 19
    assert phases.min() >= -0.001
    assert phases.max() < 1


def test_kills_are_faults() -> None:
    scenario = sweep_scenario("mine", P, SweepShape(change=ChangeOf.KILL, changes=5), seed=0)

    assert [fault.in_words() for fault in scenario.fault] == ["kill"] * 5
    assert {fault.where() for fault in scenario.fault} == {"on 1 server"}
    assert [step.servers for step in scenario.step] == [3]


def test_its_text_is_kept_for_the_provenance() -> None:
    assert sweep_scenario("mine", P, SweepShape(), 0).toml.startswith('name = "sweep-mine"')


def test_a_sweep_longer_than_a_day_is_refused() -> None:
    with pytest.raises(TooLongError, match="h, longer than"):
        sweep_scenario("mine", replace(P, max_age=3600), SweepShape(changes=400), 0)
