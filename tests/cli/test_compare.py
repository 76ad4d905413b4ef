"""`lbstudy compare`: what it leaves, prints and returns; the study itself is a stand-in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lbstudy.compare.model import Comparison
from lbstudy.config import load_subject
from lbstudy.report.compare_markdown import render_markdown

Command = Callable[..., Any]
TWO = ("--setting", "stock", "--setting", "max-age", "--scenario", "quick")


def names(path: str) -> set[str]:
    return {found.name for found in Path(path).iterdir()}


def test_a_comparison_leaves_its_page_its_data_and_every_run(lbstudy: Command) -> None:
    done = lbstudy("compare", *TWO, "--repeat", "2", "--out", "mine")

    assert done.code == 0, done.err
    assert names("mine") == {
        *("compare.html", "comparison.json", "plan.json"),
        *("settings", "scenarios", "subjects", "runs"),
    }
    assert names("mine/runs") == {"quick-1-1", "quick-2-1"}
    assert {"report.html", "result.json"} <= names("mine/runs/quick-1-1")
    assert "runs/quick-1-1/report.html" in Path("mine/compare.html").read_text()
    assert done.out.endswith("Page: mine/compare.html\n")
    assert "run 2 of 2: quick with stock, max-age" in done.err


def test_each_repeat_has_its_seed_and_its_phase(lbstudy: Command) -> None:
    lbstudy("compare", *TWO, "--repeat", "2", "--seed", "5", "--out", "mine")

    told = [json.loads(Path(f"mine/runs/quick-{i}-1/result.json").read_text())["provenance"] for i in (1, 2)]
    assert [one["seed"] for one in told] == [5, 6]
    assert [one["duration"] for one in told] == [12, 17]  # the second one 5 of 10 s later


def test_json_is_the_comparison_and_nothing_else(lbstudy: Command) -> None:
    done = lbstudy("compare", *TWO, "--repeat", "1", "--out", "mine", "--json")

    found = Comparison.model_validate_json(done.out)
    assert found.plan.settings == ["stock", "max-age"]
    assert found == Comparison.model_validate_json(Path("mine/comparison.json").read_text())
    assert found.plan.command.startswith("lbstudy compare --setting stock")


def test_markdown_is_the_comparison_and_nothing_else(lbstudy: Command) -> None:
    done = lbstudy("compare", *TWO, "--repeat", "1", "--out", "mine", "--markdown")

    found = Comparison.model_validate_json(Path("mine/comparison.json").read_text())
    assert done.out == render_markdown(found)


def test_several_subjects_are_compared_under_every_setting_and_resumed(
    lbstudy: Command, tmp_path: Path
) -> None:
    other = load_subject("greeter").toml.replace('name = "greeter"', 'name = "other"')
    (tmp_path / "other.toml").write_text(other)

    done = lbstudy("compare", *TWO, "--subject", "greeter,other.toml", "--repeat", "1", "--out", "mine")

    assert done.code == 0, done.err
    found = Comparison.model_validate_json(Path("mine/comparison.json").read_text())
    crossed = ["greeter-stock", "greeter-max-age", "other-stock", "other-max-age"]
    assert [setting.name for setting in found.settings] == found.plan.settings == crossed
    assert lbstudy("compare", "--resume", "mine").code == 0
    (tmp_path / "other.toml").write_text(other + "# changed\n")
    assert "has changed since the comparison began" in lbstudy("compare", "--resume", "mine").line()


def test_held_against_an_earlier_one(lbstudy: Command) -> None:
    lbstudy("compare", *TWO, "--repeat", "1", "--out", "first")

    done = lbstudy("compare", *TWO, "--repeat", "1", "--out", "second", "--against", "first")

    assert done.code == 0, done.err
    assert "Against the earlier comparison" in done.out
    kept = Comparison.model_validate_json(Path("second/comparison.json").read_text())
    assert kept.against is not None
    first = Comparison.model_validate_json(Path("first/comparison.json").read_text())
    assert kept.against.started == first.plan.started
    assert kept.against.moved == []


def test_what_is_no_comparison_to_hold_against_is_one_line_before_any_run(lbstudy: Command) -> None:
    Path("other.json").write_text("{}")

    for path, reason in (("other.json", "expected the comparison.json"), ("missing.json", "cannot be read")):
        done = lbstudy("compare", *TWO, "--out", "mine", "--against", path)
        assert (done.code, reason in done.line()) == (2, True)
    assert not Path("mine").exists()


def test_a_dry_run_tells_the_runs_and_the_time_and_does_nothing(lbstudy: Command) -> None:
    done = lbstudy("compare", "--dry-run")

    assert done.code == 0
    assert "Settings: stock, " in done.out
    assert " runs, about " in done.out
    assert list(Path().iterdir()) == []
    plan = json.loads(lbstudy("compare", *TWO, "--dry-run", "--json", "--side-by-side", "1").out)
    assert [run["settings"] for run in plan["runs"][:2]] == [["stock"], ["max-age"]]


def test_the_plan_keeps_the_cluster_in_which_to_go_on(lbstudy: Command) -> None:
    where = ("--on", "kubernetes", "--context", "kind", "--namespace", "mine")
    plan = json.loads(lbstudy("compare", *TWO, *where, "--dry-run", "--json").out)

    assert plan["venue"] == {"platform": "kubernetes", "options": {"context": "kind", "namespace": "mine"}}
    here = json.loads(lbstudy("compare", *TWO, "--dry-run", "--json").out)
    assert here["venue"] == {"platform": "local", "options": {}}


def test_a_run_that_fails_is_told_and_the_others_are_made(lbstudy: Command) -> None:
    done = lbstudy("compare", *TWO, "--repeat", "3", "--out", "mine", "--json", end="second_fails")

    assert done.code == 1
    assert "lbstudy: runs/quick-2-1 failed: 127.0.1.1:50051: address in use" in done.err.splitlines()
    found = Comparison.model_validate_json(done.out)
    assert [one.state for one in found.outcomes] == ["done", "failed", "done"]
    assert found.cell("stock", "quick").failed == ["127.0.1.1:50051: address in use"]
    assert "address in use" in Path("mine/compare.html").read_text()


def test_interrupted_it_keeps_what_has_finished_and_says_how_to_go_on(lbstudy: Command) -> None:
    done = lbstudy("compare", *TWO, "--repeat", "3", "--out", "mine", end="second_interrupted")

    assert (done.code, done.out) == (130, "")
    told = done.err.splitlines()
    assert "lbstudy: 1 of 3 runs had finished, and are in mine/compare.html" in told
    assert "lbstudy: to continue: lbstudy compare --resume mine" in told
    assert told[-1] == "lbstudy: interrupted"
    found = Comparison.model_validate_json(Path("mine/comparison.json").read_text())
    assert [one.state for one in found.outcomes] == ["done", "not run", "not run"]


def test_resumed_it_makes_only_what_is_missing(lbstudy: Command) -> None:
    lbstudy("compare", *TWO, "--repeat", "3", "--out", "mine", end="second_interrupted")
    before = Path("mine/runs/quick-1-1/result.json").stat().st_mtime_ns
    Path("elsewhere").mkdir()

    done = lbstudy("compare", "--resume", "mine")

    assert done.code == 0, done.err
    assert "run 1 of 3" not in done.err
    assert names("mine/runs") == {"quick-1-1", "quick-2-1", "quick-3-1"}
    assert Path("mine/runs/quick-1-1/result.json").stat().st_mtime_ns == before
    assert "3 of 3 runs" in done.out


def test_resumed_after_a_failure_it_tries_again(lbstudy: Command) -> None:
    lbstudy("compare", *TWO, "--repeat", "2", "--out", "mine", end="second_fails")

    done = lbstudy("compare", "--resume", "mine")

    assert done.code == 0, done.err
    assert names("mine/runs") == {"quick-1-1", "quick-2-1"}


def test_the_page_again_from_the_runs_that_are_there(lbstudy: Command) -> None:
    lbstudy("compare", *TWO, "--repeat", "2", "--out", "mine")
    before = Path("mine/compare.html").read_text()
    Path("mine/compare.html").unlink()

    done = lbstudy("compare", "--from", "mine", end="defect")  # nothing is run

    assert done.code == 0, done.err
    assert Path("mine/compare.html").read_text() == before


def test_a_ledger_that_does_not_close_is_exit_code_1(lbstudy: Command) -> None:
    done = lbstudy("compare", *TWO, "--repeat", "1", "--out", "mine", end="open_ledger")

    assert done.code == 1
    assert "lbstudy: runs/quick-1-1: the ledger does not close; see its report" in done.err.splitlines()


def test_an_unmet_expectation_is_exit_code_3(lbstudy: Command) -> None:
    done = lbstudy("compare", *TWO, "--repeat", "1", "--out", "mine", end="unmet")

    assert done.code == 3
    assert "runs/quick-1-1: expectation not met: stock: errors.ratio ≤ 0, found 0.5" in done.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--setting", "stok"], "stok: expected a file, or a built-in setting"),
        (["--scenario", "nix"], "nix: expected a file, or a built-in scenario"),
        (["-s", "stock", "-s", "stock"], "name: expected a name that no other setting"),
        (["--scenario", "quick", "--scenario", "quick"], "name: expected a name that no other scenario"),
        (["--repeat", "0"], "Invalid value for '--repeat'"),
        (["--side-by-side", "0"], "Invalid value for '--side-by-side'"),
        (["--out", "full"], "full: expected a new or an empty folder"),
        (["--from", "nothing"], "nothing: expected a comparison's folder, with plan.json in it"),
        (["--from", "full"], "full: expected a comparison's folder, with plan.json in it"),
        (["--from", "other"], "other/plan.json: is from another version of lbstudy, or not a plan"),
        (["--from", "full", "--resume", "full"], "--from and --resume exclude each other"),
        (
            ["--from", "full", "-s", "stock"],
            "--from and --resume take settings, scenarios, subjects and folder from",
        ),
        (["--json", "--markdown"], "--json and --markdown exclude each other"),
        (["--namespace", "x"], "--context and --namespace go with --on kubernetes"),
    ],
)
def test_bad_options_and_folders_are_one_line_and_exit_code_2(
    lbstudy: Command, arguments: list[str], line: str
) -> None:
    for folder in ("full", "other"):
        Path(folder).mkdir()
    Path("full/something").touch()
    Path("other/plan.json").write_text('{"schema_version": "99"}')

    done = lbstudy("compare", *arguments)

    assert done.code == 2
    assert line in done.line()
