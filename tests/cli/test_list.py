"""`lbstudy list`: what is built in, and copies of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lbstudy.config import (
    available_requirements,
    available_scenarios,
    available_settings,
    load_scenario,
    load_setting,
)

Command = Callable[..., Any]


def test_list_names_and_describes_everything_with_its_path(lbstudy: Command) -> None:
    done = lbstudy("list")

    assert (done.code, done.err) == (0, "")
    for name in ("scale", "quick"):
        assert load_scenario(name).description in done.out
        assert str(load_scenario(name).path) in done.out
    for name in ("stock", "max-age"):
        assert load_setting(name).description in done.out
        assert str(load_setting(name).path) in done.out


def test_list_as_json(lbstudy: Command) -> None:
    listed = json.loads(lbstudy("list", "--json").out)

    assert [one["name"] for one in listed["scenarios"]] == [one.name for one in available_scenarios()]
    assert [one["name"] for one in listed["settings"]] == [one.name for one in available_settings()]
    assert [one["name"] for one in listed["requirements"]] == [one.name for one in available_requirements()]
    assert "discovery.undiscovered" in listed["measures"]
    assert all(Path(one["path"]).is_file() for one in [*listed["scenarios"], *listed["settings"]])


@pytest.mark.parametrize(("destination", "copied"), [(".", "scale.toml"), ("mine.toml", "mine.toml")])
def test_a_copy_is_the_file_with_its_comments_and_runs(
    lbstudy: Command, destination: str, copied: str
) -> None:
    done = lbstudy("list", "--copy", "scale", destination)

    assert done.code == 0
    assert Path(copied).read_text() == load_scenario("scale").toml
    assert f"lbstudy run ./{copied}" in done.out
    assert lbstudy("run", f"./{copied}", "--dry-run").code == 0
    assert [path.name for path in Path().iterdir()] == [copied]


def test_a_setting_can_be_copied(lbstudy: Command) -> None:
    done = lbstudy("list", "--copy", "max-age", ".")

    assert "lbstudy run --setting ./max-age.toml" in done.out
    assert load_setting("./max-age.toml").server == load_setting("max-age").server


def test_a_requirement_can_be_copied_and_judged(lbstudy: Command) -> None:
    done = lbstudy("list", "--copy", "nothing-lost", "mine.toml")

    assert "lbstudy gate ./mine.toml" in done.out
    assert lbstudy("gate", "./mine.toml", "--dry-run").code == 0


def test_a_copy_never_replaces_a_file(lbstudy: Command) -> None:
    Path("scale.toml").write_text("mine")

    done = lbstudy("list", "--copy", "scale", ".")

    assert done.code == 2
    assert done.line() == "scale.toml: exists already; name another file, or remove it"
    assert Path("scale.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (
            ["scael", "."],
            2,
            "scael: expected a built-in name (",
        ),
        (["scale", "none/mine.toml"], 1, "none/mine.toml: No such file or directory"),
        (["scale"], 2, "Option '--copy' requires 2 arguments"),
    ],
)
def test_a_copy_that_cannot_be_made_is_one_line(
    lbstudy: Command, arguments: list[str], code: int, line: str
) -> None:
    done = lbstudy("list", "--copy", *arguments)

    assert done.code == code
    assert line in done.line()
    if code == 2 and arguments[0] == "scael":
        assert all(one.name in done.line() for one in [*available_scenarios(), *available_settings()])
        assert "did you mean scale?" in done.line()
    assert list(Path().iterdir()) == []
