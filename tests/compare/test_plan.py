"""Which runs a comparison consists of."""

from collections import Counter
from pathlib import Path

import pytest
from lbstudy.compare import plan as planning
from lbstudy.compare.advice import FOR_WHOM
from lbstudy.config import available_settings, load_scenario, load_setting
from lbstudy.config.setting import Setting
from lbstudy.venues.local import Local, carried

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


def test_a_load_that_changes_comes_later_too_and_its_highest_rate_counts() -> None:
    scenario = load_scenario("autoscale")
    later = planning.shifted(scenario, 5.0)
    assert [(step.at, step.rate, step.ramp) for step in later.load.step] == [
        (step.at + 5, step.rate, step.ramp) for step in scenario.load.step
    ]
    assert carried([scenario], cores=2) == 2  # 2 clients × 30 RPC/s at its highest


def test_the_load_decides_how_many_run_side_by_side() -> None:
    light, heavy = load_scenario("compare"), load_scenario("scale")
    assert carried([light], cores=2) == 6
    assert carried([light, heavy], cores=2) == 2  # 60 RPC/s a setting
    assert carried([heavy], cores=1) == 1
    busy = heavy.model_copy(update={"load": heavy.load.model_copy(update={"rate": 10_000.0})})
    assert carried([busy], cores=2) == 1


def test_the_default_matrix_ends_within_ten_minutes_on_two_cores() -> None:
    """By the plan; that a run keeps to it is for the clock to show."""
    chosen = [load_setting(name) for name in planning.DEFAULT_SETTINGS]
    scenarios = [load_scenario(name) for name in planning.DEFAULT_SCENARIOS]
    made = planning.make(
        chosen,
        scenarios,
        repeat=planning.DEFAULT_REPEAT,
        seed=0,
        at_once=carried(scenarios, cores=2),
        command="",
        started="",
    )
    assert planning.seconds(made, scenarios, Local.overhead) <= 600


def test_a_plan_survives_json(tmp_path: Path) -> None:
    made = plan(3, 2)
    assert planning.Plan.model_validate_json(made.model_dump_json()) == made


def test_every_built_in_setting_is_compared_and_says_for_whom_it_is() -> None:
    built_in = {setting.name for setting in available_settings()}

    assert set(planning.DEFAULT_SETTINGS) == FOR_WHOM.keys() == built_in


@pytest.mark.parametrize(
    ("cluster", "venue"),
    [
        (None, planning.ChosenVenue()),
        (
            {"context": "kind", "namespace": "mine"},
            planning.ChosenVenue(platform="kubernetes", options={"context": "kind", "namespace": "mine"}),
        ),
    ],
)
def test_a_plan_of_before_there_were_venues_goes_on_where_it_began(
    cluster: object, venue: planning.ChosenVenue
) -> None:
    now = plan(2, 2).model_dump(mode="json")
    before = {name: value for name, value in now.items() if name != "venue"} | {"cluster": cluster}
    assert planning.Plan.model_validate(before) == planning.Plan.model_validate(now | {"venue": venue})
