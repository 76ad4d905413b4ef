"""Which runs a comparison consists of."""

from collections import Counter
from pathlib import Path

import pytest
from lbstudy.compare import plan as planning
from lbstudy.config import load_scenario, load_setting
from lbstudy.config.setting import Setting

SCENARIO = load_scenario("compare")


def settings(count: int) -> list[Setting]:
    return [Setting(name=f"s{i}") for i in range(count)]


def plan(count: int, at_once: int, repeat: int = 4, seed: int = 7) -> planning.Plan:
    return planning.make(
        settings(count), [SCENARIO], repeat=repeat, seed=seed, at_once=at_once, command="", started=""
    )


@pytest.mark.parametrize(("count", "at_once"), [(1, 5), (2, 5), (5, 5), (9, 5), (9, 2), (7, 1), (11, 4)])
def test_every_setting_runs_once_in_each_repeat_and_never_too_many_at_once(count: int, at_once: int) -> None:
    made = plan(count, at_once)
    for repeat in range(1, 5):
        runs = [run for run in made.runs if run.repeat == repeat]
        assert Counter(name for run in runs for name in run.settings) == Counter(made.settings)
        sizes = [len(run.settings) for run in runs]
        assert max(sizes) <= at_once
        assert max(sizes) - min(sizes) <= 1
    assert len({run.folder for run in made.runs}) == len(made.runs)


def test_repeats_differ_in_seed_phase_and_neighbours() -> None:
    made = plan(9, 5)
    assert [run.seed for run in made.runs] == [7, 7, 8, 8, 9, 9, 10, 10]
    assert [run.shift for run in made.runs[::2]] == [0, 2, 5, 8]
    assert len({frozenset(run.settings) for run in made.runs[::2]}) > 1


def test_a_whole_repeat_is_made_before_the_next_one() -> None:
    assert [run.repeat for run in plan(9, 5).runs] == [1, 1, 2, 2, 3, 3, 4, 4]


def test_everything_under_load_comes_later_and_the_start_does_not() -> None:
    later = planning.shifted(SCENARIO, 5.0)
    assert (later.step[0].at, later.duration) == (0, SCENARIO.duration + 5)
    assert [step.at for step in later.step[1:]] == [step.at + 5 for step in SCENARIO.step[1:]]
    assert "5 s later" in later.description
    assert planning.shifted(SCENARIO, 0.0) is SCENARIO


def test_the_load_decides_how_many_run_side_by_side() -> None:
    light, heavy = load_scenario("compare"), load_scenario("scale")
    assert planning.side_by_side([light], cores=2) == 6
    assert planning.side_by_side([light, heavy], cores=2) == 2  # 60 RPC/s a setting
    assert planning.side_by_side([heavy], cores=1) == 1
    busy = heavy.model_copy(update={"load": heavy.load.model_copy(update={"rate": 10_000.0})})
    assert planning.side_by_side([busy], cores=2) == 1


def test_the_default_matrix_ends_within_ten_minutes_on_two_cores() -> None:
    """By the plan; that a run keeps to it is for the clock to show."""
    chosen = [load_setting(name) for name in planning.DEFAULT_SETTINGS]
    scenarios = [load_scenario(name) for name in planning.DEFAULT_SCENARIOS]
    made = planning.make(
        chosen,
        scenarios,
        repeat=planning.DEFAULT_REPEAT,
        seed=0,
        at_once=planning.side_by_side(scenarios, cores=2),
        command="",
        started="",
    )
    assert planning.seconds(made, scenarios) <= 600


def test_a_plan_survives_json(tmp_path: Path) -> None:
    made = plan(3, 2)
    assert planning.Plan.model_validate_json(made.model_dump_json()) == made
