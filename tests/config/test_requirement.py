"""Requirement files: what they may say, the scenarios that they name and a line for what that is wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lbstudy.config import ConfigError, available_requirements, load_requirement, load_scenario
from lbstudy.config.clause_scenario import judged_scenarios, watched_after_a_scale_up
from lbstudy.config.requirement import NewServer, Requirement

Write = Callable[[str], Path]
HEAD = 'name = "mine"\n[[clause]]\n'
CLAUSE = 'kind = "new-server"\nwithin = 10\n'


def line(write: Write, text: str) -> str:
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        judged_scenarios(load_requirement(path))
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_a_minimal_requirement_takes_the_documented_defaults(write: Write) -> None:
    found = load_requirement(write(HEAD + CLAUSE))

    assert found.clause == [NewServer(kind="new-server", within=10)]
    assert (found.proof.confidence, found.proof.share, found.proof.most_runs) == (0.9, 0.6, 20)
    assert [one.name for one in judged_scenarios(found)] == ["scale-up"]


def test_every_built_in_requirement_bears_its_own_name_and_can_be_judged() -> None:
    assert {one.name for one in available_requirements()} >= {"found-soon", "nothing-lost", "resilient"}
    for one in available_requirements():
        found = load_requirement(one.name)
        assert found.name == one.name == one.path.stem
        assert one.path.read_text(encoding="utf-8").startswith("# ")
        assert len(judged_scenarios(found)) == len(found.clause)


@pytest.mark.parametrize(
    ("kind", "scenario"),
    [
        ("removed-server", "scale-down"),
        ("rolling-update", "rolling-update"),
        ("hung-server", "hung-server"),
        ("failing-server", "failing-server"),
        ("killed-server", "crashed-server"),
    ],
)
def test_a_clause_is_judged_where_what_it_bounds_happens(write: Write, kind: str, scenario: str) -> None:
    found = load_requirement(write(f'{HEAD}kind = "{kind}"\nlost_at_most = 1\n'))

    assert [one.name for one in judged_scenarios(found)] == [scenario]
    assert found.clause[0].in_words().endswith("loses at most 1 request")


def test_a_scenarios_path_begins_at_the_requirements_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "up.toml").write_text(load_scenario("scale-up").toml.replace("scale-up", "up"))
    found = load_requirement(write(f'{HEAD}{CLAUSE}scenario = "up.toml"\n'))

    assert [one.name for one in judged_scenarios(found)] == ["up"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name = "mine"\n', "clause: missing, expected 1 to 50 tables [[clause]] with kind and more"),
        (
            f'{HEAD}kind = "new-sever"\nwithin = 1\n',
            (
                "clause 1, kind: expected one of new-server, removed-server, rolling-update, hung-server,"
                " failing-server, killed-server, connections, dns-queries, measure, found"
                ' "new-sever"; did you mean new-server?'
            ),
        ),
        (
            f'{HEAD}kind = "new-server"\nwihtin = 1\n',
            (
                "clause 1, new-server, wihtin: unknown key; did you mean within? (known: scenario, kind,"
                " within) (and 1 more)"
            ),
        ),
        (
            f'{HEAD}kind = "new-server"\nwithin = 0\n',
            "clause 1, new-server, within: expected seconds, above 0",
        ),
        (
            f'{HEAD}kind = "hung-server"\nlost_at_most = 0.5\n',
            "clause 1, hung-server, lost_at_most: expected a whole number from 0 to 1000000, found 0.5",
        ),
        (
            f'{HEAD}kind = "measure"\nmeasure = "latency.p9"\nat_most = 1\nscenario = "scale"\n',
            (
                'clause 1, measure, measure: expected a measure that "lbstudy list" shows, found'
                ' "latency.p9"; did you mean latency.p99?'
            ),
        ),
        (
            f'{HEAD}kind = "measure"\nmeasure = "latency.p99"\nat_most = 1\n',
            "clause 1, measure: expected a scenario, in which the measure is taken",
        ),
        (
            (
                f'{HEAD}kind = "measure"\nmeasure = "errors.count"\nat_least = 2\nat_most = 1\n'
                'scenario = "scale"\n'
            ),
            "clause 1, measure: expected at_least no larger than at_most, found 2 and 1",
        ),
        (
            f"{HEAD}{CLAUSE}[proof]\nconfidence = 1\n",
            "proof, confidence: expected a number from 0.5 to 0.999",
        ),
        (
            f'{HEAD}{CLAUSE}scenario = "scale-pu"\n',
            "clause 1, scenario: scale-pu: expected a file, or a built-in scenario (",
        ),
        (
            f'{HEAD}{CLAUSE}scenario = "steady"\n',
            "clause 1, scenario: expected one in which servers are added, found steady",
        ),
        (
            f'{HEAD}kind = "new-server"\nwithin = 35\n',
            (
                "clause 1, scenario: expected one that watches a new server for more than 38 s (within, and"
                " 3 s for its start), found scale-up, which does so for 37 s"
            ),
        ),
        (
            f'{HEAD}kind = "killed-server"\nlost_at_most = 1\nscenario = "hung-server"\n',
            'clause 1, scenario: expected one with a [[fault]] of kind = "kill", found hung-server',
        ),
        (
            f'{HEAD}kind = "rolling-update"\nlost_at_most = 1\nscenario = "evict"\n',
            'clause 1, scenario: expected one with a [[replace]] of how = "rolling-update", found evict',
        ),
        (
            f'{HEAD}kind = "removed-server"\nlost_at_most = 1\nscenario = "scale-up"\n',
            "clause 1, scenario: expected one in which servers are removed, found scale-up",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(write: Write, text: str, expected: str) -> None:
    assert line(write, text).startswith(expected)


def test_two_scenarios_of_one_name_are_told_apart_by_nobody(write: Write, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(load_scenario("scale-up").toml)
    text = f'{HEAD}{CLAUSE}[[clause]]\n{CLAUSE}scenario = "./other.toml"\n'

    assert line(write, text).startswith("clause 2, scenario: expected another name than scale-up, which ")


def test_new_servers_are_watched_until_any_of_them_may_be_removed() -> None:
    """Up at 20 s of 80, down at 55 s: 35 s. Up at 3 s of 40 and never down: 37 s. Down only: none."""
    assert watched_after_a_scale_up(load_scenario("scale")) == 35
    assert watched_after_a_scale_up(load_scenario("scale-up")) == 37
    assert watched_after_a_scale_up(load_scenario("scale-down")) is None


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"^found-son: expected a file, .* did you mean found-soon\?$"):
        load_requirement("found-son")


def test_a_requirement_is_a_document_like_the_others(write: Write) -> None:
    text = f"# why\n{HEAD}{CLAUSE}"
    found = load_requirement(write(text))

    assert isinstance(found, Requirement)
    assert (found.toml, found.name) == (text, "mine")
