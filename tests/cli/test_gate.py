"""`lbstudy gate`: when it stops, what it leaves and prints, its exit codes; the study is a stand-in."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lbstudy.gate.model import GateResult
from lbstudy.gate.plan import phase

Command = Callable[..., Any]
HOLDS = '[[clause]]\nkind = "measure"\nmeasure = "errors.count"\nat_most = 0\nscenario = "quick"\n'
FAILS = HOLDS.replace("at_most = 0", "at_least = 1")
UNSEEN = '[[clause]]\nkind = "new-server"\nwithin = 2\nscenario = "./up.toml"\n'
UP = 'name = "up"\nduration = 9\n[[step]]\nat = 0\nservers = 1\n[[step]]\nat = 1\nservers = 2\n'


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    (tmp_path / "up.toml").write_text(UP)

    def write_file(text: str) -> str:
        (tmp_path / "mine.toml").write_text(f'name = "mine"\ndescription = "d"\n{text}')
        return "./mine.toml"

    return write_file


def told(folder: str) -> GateResult:
    return GateResult.model_validate_json(Path(folder, "result.json").read_text())


def test_it_stops_as_soon_as_it_is_decided_that_it_holds(
    lbstudy: Command, write: Callable[[str], str]
) -> None:
    done = lbstudy("gate", write(HOLDS), "--out", "mine")

    assert done.code == 0
    assert "no setting can pass" not in done.err
    assert done.out.startswith("The requirement mine holds.\n\nstock: holds\n")
    found = told("mine")
    (clause,) = found.settings[0].clauses
    assert (found.state, clause.held, len(clause.runs)) == ("holds", 6, 6)
    assert sorted(path.name for path in Path("mine/runs").iterdir()) == [f"quick-{n}-1" for n in range(1, 7)]
    assert found.command == f"lbstudy gate {'./mine.toml'} --out mine"


def test_it_stops_as_soon_as_it_is_decided_that_it_does_not(
    lbstudy: Command, write: Callable[[str], str]
) -> None:
    done = lbstudy("gate", write(FAILS), "--out", "mine", "--junit", "gate.xml", "--markdown")

    assert done.code == 3
    assert done.out.startswith("**❌ The requirement mine does not hold.**")
    assert len(list(Path("mine/runs").iterdir())) == 2
    assert ET.parse("gate.xml").getroot().get("failures") == "1"


def test_what_the_runs_allowed_have_not_shown_is_undecided(
    lbstudy: Command, write: Callable[[str], str]
) -> None:
    done = lbstudy("gate", write(f"{HOLDS}[proof]\nmost_runs = 5\n"), "--out", "mine")

    assert done.code == 4
    assert "is undecided: the runs allowed have not shown it" in done.out
    assert "no setting can pass: it takes 6 runs at least to decide that a clause holds" in done.err
    assert len(list(Path("mine/runs").iterdir())) == 5


def test_a_clause_that_nobody_observes_ends_it_too(lbstudy: Command, write: Callable[[str], str]) -> None:
    done = lbstudy("gate", write(UNSEEN), "--out", "mine", "--json")

    assert done.code == 4
    (clause,) = json.loads(done.out)["settings"][0]["clauses"]
    assert (clause["state"], len(clause["runs"])) == ("not observed", 1)


def test_settings_are_judged_side_by_side_each_by_itself(
    lbstudy: Command, write: Callable[[str], str]
) -> None:
    done = lbstudy("gate", write(HOLDS), "-s", "stock", "-s", "max-age", "--out", "mine", "--json")

    assert done.code == 0
    assert [one["setting"] for one in json.loads(done.out)["settings"]] == ["stock", "max-age"]
    assert len(list(Path("mine/runs").iterdir())) == 6


@pytest.mark.parametrize(
    ("end", "line"), [("open_ledger", "its ledger does not close"), ("platform_error", "address in use")]
)
def test_runs_that_decide_nothing_end_it_as_an_error(
    lbstudy: Command, write: Callable[[str], str], end: str, line: str
) -> None:
    done = lbstudy("gate", write(HOLDS), "--out", "mine", end=end)

    assert done.code == 1
    assert done.err.count("not counted: runs/quick-") == 3
    assert line in done.err
    assert "given up: 3 runs decide nothing" in done.err
    assert told("mine").state == "undecided"


def test_one_run_that_fails_is_left_out_and_the_others_decide(
    lbstudy: Command, write: Callable[[str], str]
) -> None:
    done = lbstudy("gate", write(HOLDS), "--out", "mine", end="second_fails")

    assert done.code == 0
    assert told("mine").not_counted == ["runs/quick-2-1: 127.0.1.1:50051: address in use"]
    assert len(told("mine").settings[0].clauses[0].runs) == 6


def test_an_interrupted_gate_keeps_what_had_been_decided(
    lbstudy: Command, write: Callable[[str], str]
) -> None:
    done = lbstudy("gate", write(HOLDS), "--out", "mine", end="second_interrupted")

    assert done.code == 130
    assert len(told("mine").settings[0].clauses[0].runs) == 1
    assert "what had been decided is in mine/result.json" in done.err


@pytest.mark.parametrize("end", ["second_interrupted", "second_fails"])
def test_resumed_it_makes_only_what_is_missing(
    lbstudy: Command, write: Callable[[str], str], end: str
) -> None:
    """After an interruption the rest; a run that failed is made again, and is no more left out."""
    lbstudy("gate", write(HOLDS), "--out", "mine", "--seed", "7", end=end)
    before = Path("mine/runs/quick-1-1/result.json").stat().st_mtime_ns
    Path("mine.toml").unlink()

    done = lbstudy("gate", "--resume", "mine", "--junit", "gate.xml", "--json")

    assert done.code == 0, done.err
    assert "round 1" not in done.err
    found = GateResult.model_validate_json(done.out)
    assert found == told("mine")
    assert [run.folder for run in found.settings[0].clauses[0].runs][:2] == [
        "runs/quick-1-1",
        "runs/quick-2-1",
    ]
    assert (found.state, found.not_counted) == ("holds", [])
    assert found.command == "lbstudy gate ./mine.toml --out mine --seed 7"
    assert Path("mine/runs/quick-1-1/result.json").stat().st_mtime_ns == before
    assert ET.parse("gate.xml").getroot().get("failures") == "0"


def test_resumed_it_asks_for_the_same_runs_as_without_an_interruption(
    lbstudy: Command, write: Callable[[str], str]
) -> None:
    """Two scenarios, the second of them is interrupted within a round."""
    both = HOLDS + HOLDS.replace("quick", "steady")
    lbstudy("gate", write(both), "--out", "whole")
    lbstudy("gate", write(both), "--out", "parts", end="second_interrupted")
    lbstudy("gate", "--resume", "parts")

    plans = [json.loads(Path(name, "plan.json").read_text()) for name in ("whole", "parts")]
    assert plans[0]["runs"] == plans[1]["runs"]
    assert len(plans[0]["runs"]) == 12
    assert told("whole").settings == told("parts").settings


def test_a_gate_that_was_decided_is_only_told_again(lbstudy: Command, write: Callable[[str], str]) -> None:
    lbstudy("gate", write(FAILS), "--out", "mine")

    done = lbstudy("gate", "--resume", "mine", end="platform_error")

    assert done.code == 3
    assert done.out.startswith("The requirement mine does not hold.")
    assert "round" not in done.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--resume", "."], "expected a gate's folder, with plan.json in it"),
        (["--resume", "mine.toml"], "cannot be read: not a directory"),
        (["--resume", "compared"], "is from another version of lbstudy, or not a plan"),
        (["found-soon", "-s", "stock", "--resume", "."], "REQUIREMENT, --setting: not with --resume"),
        (["--resume", ".", "--dry-run"], "--dry-run: not with --resume"),
        (["--resume", ".", "--watch", "a/b"], "--resume: not with --watch"),
    ],
)
def test_what_cannot_go_on_is_one_line(
    lbstudy: Command, write: Callable[[str], str], arguments: list[str], line: str
) -> None:
    write(HOLDS)
    lbstudy("compare", "-s", "stock", "--scenario", "quick", "--repeat", "1", "--out", "compared")

    done = lbstudy("gate", *arguments)

    assert done.code == 2
    assert line in done.line()


def test_a_junit_file_that_cannot_be_is_told_before_the_runs(lbstudy: Command) -> None:
    done = lbstudy("gate", "found-soon", "--junit", "nowhere/gate.xml")

    assert (done.code, list(Path().iterdir())) == (2, [])
    assert "--junit nowhere/gate.xml: expected a file, in a folder that is there" in done.line()


def test_a_dry_run_says_what_would_be_run(lbstudy: Command) -> None:
    done = lbstudy("gate", "found-soon", "--dry-run")

    assert done.code == 0
    assert "clause 1: a new server is called within 15 s by every client (in scale-up)" in done.out
    assert "At least 6 runs of each scenario if it holds" in done.out
    assert list(Path().iterdir()) == []
    planned = json.loads(lbstudy("gate", "found-soon", "--dry-run", "--json").out)
    assert (planned["scenarios"], planned["fewest"]) == (["scale-up", "steady"], 6)


def test_on_a_cluster_it_takes_what_run_takes_there(lbstudy: Command, tmp_path: Path) -> None:
    """The same refusals by the same code, before any cluster is asked."""
    planned = json.loads(
        lbstudy("gate", "found-soon", "--on", "kubernetes", "-n", "mine", "--dry-run", "--json").out
    )
    assert planned["venue"]["platform"] == "kubernetes"
    assert planned["venue"]["options"]["namespace"] == "mine"
    (tmp_path / "dns.toml").write_text(
        'name = "r"\n[[clause]]\nkind = "measure"\nmeasure = "errors.count"\nat_most = 0\n'
        'scenario = "dns-trouble"\n'
    )
    refused = lbstudy("gate", "./dns.toml", "--on", "kubernetes")
    assert refused.code == 2
    assert "not on a cluster" in refused.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["found-son"], "did you mean found-soon?"),
        (["found-soon", "-s", "stok"], "did you mean stock?"),
        (["found-soon", "--json", "--markdown"], "--json and --markdown exclude each other"),
        (["found-soon", "--server", "deployment/a"], "--server and --client go with --on kubernetes"),
        (
            ["found-soon", "-s", "stock", "-s", "stock"],
            "expected a name that no other setting of this run has",
        ),
        ([], "Missing argument 'REQUIREMENT'"),
    ],
)
def test_what_cannot_be_used_is_one_line(lbstudy: Command, arguments: list[str], line: str) -> None:
    done = lbstudy("gate", *arguments)

    assert done.code == 2
    assert line in done.line()


def test_a_folder_that_is_taken_is_refused(lbstudy: Command) -> None:
    Path("mine").mkdir()
    Path("mine/other").touch()

    assert lbstudy("gate", "found-soon", "--out", "mine").code == 2


def test_the_exit_codes_are_in_the_help(lbstudy: Command) -> None:
    out = " ".join(lbstudy("gate", "--help").out.split())

    for words in (
        "0 every setting holds",
        "3 a setting does not hold",
        "4 undecided",
        "1 error",
        "130 interrupted",
    ):
        assert words in out


def test_the_rounds_phases_are_spread_however_many_there_are() -> None:
    """Of any first 2ⁿ rounds, one in each part of 10 s ÷ 2ⁿ."""
    for count in (2, 4, 8, 16):
        parts = sorted(int(phase(number) / (10 / count)) for number in range(count))
        assert parts == list(range(count))
