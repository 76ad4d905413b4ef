"""`lbstudy run`: what it leaves, what it prints where, and its exit codes; the study itself is a stand-in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lbstudy.result.model import Result

Command = Callable[..., Any]


def test_a_run_leaves_a_folder_with_result_report_and_store(lbstudy: Command, tmp_path: Path) -> None:
    done = lbstudy("run", "quick", "--out", "mine")

    assert done.code == 0, done.err
    assert {"report.html", "result.json", "run.duckdb"} <= {path.name for path in Path("mine").iterdir()}
    assert not Path("mine.partial").exists()
    assert Result.model_validate_json(Path("mine/result.json").read_text()).provenance.scenario == "quick"
    assert "<html" in Path("mine/report.html").read_text()
    assert Path("mine/report.html").stat().st_mode & 0o777 == 0o644


def test_progress_goes_to_stderr_and_the_summary_to_stdout(lbstudy: Command) -> None:
    done = lbstudy("run", "quick", "--out", "mine")

    assert "a stage" in done.err
    assert "a stage" not in done.out
    assert "the headline" in done.out
    assert "mine/report.html" in done.out


def test_json_prints_the_result_and_nothing_else_on_stdout(lbstudy: Command) -> None:
    done = lbstudy("run", "quick", "--out", "mine", "--json", "--seed", "7")

    result = Result.model_validate_json(done.out)
    assert result.provenance.seed == 7
    assert result.provenance.command == "lbstudy run quick --out mine --json --seed 7"
    assert "mine/report.html" in done.err


def test_without_settings_stock_and_max_age_run_side_by_side(lbstudy: Command) -> None:
    done = lbstudy("run", "--json")

    result = json.loads(done.out)
    assert result["provenance"]["scenario"] == "scale"
    assert [setting["name"] for setting in result["settings"]] == ["stock", "max-age"]


def test_settings_are_names_and_files(lbstudy: Command) -> None:
    Path("keepalive.toml").write_text('name = "keepalive"\n[channel]\ngrpc.keepalive_time_ms = 1000\n')

    done = lbstudy("run", "quick", "-s", "stock", "-s", "keepalive.toml", "--json")

    assert [setting["name"] for setting in json.loads(done.out)["settings"]] == ["stock", "keepalive"]


def test_the_default_folder_bears_time_and_scenario(lbstudy: Command) -> None:
    for _ in range(2):  # in the same second, most likely
        assert lbstudy("run", "quick").code == 0

    names = sorted(path.name for path in Path("runs").iterdir())
    assert len(names) == 2
    assert all("-quick" in name and name[:8].isdigit() for name in names)


def test_an_unmet_expectation_is_exit_code_3_and_the_report_is_written(lbstudy: Command) -> None:
    done = lbstudy("run", "quick", "--out", "mine", end="unmet")

    assert done.code == 3
    assert done.line() == "expectation not met: stock: errors.ratio: expected ≤ 0, found 0.5"
    assert Path("mine/report.html").exists()


def test_a_ledger_that_does_not_close_is_exit_code_1_whatever_else(lbstudy: Command) -> None:
    done = lbstudy("run", "quick", "-s", "stock", "--out", "mine", end="open_ledger")

    assert done.code == 1
    assert done.line() == (
        "the ledger of stock does not close: spans stored: 3 (spans stored) against 4 (RPCs sent)"
    )
    assert Path("mine/report.html").exists()


@pytest.mark.parametrize(
    ("end", "line"),
    [
        ("platform_error", "127.0.1.1:50051: address in use"),
        ("os_error", "mine.partial/dns.jsonl: No space left on device (the disk is full)"),
        ("group", "a pod ended by itself"),
    ],
)
def test_an_error_of_the_run_is_one_line_and_leaves_nothing(lbstudy: Command, end: str, line: str) -> None:
    done = lbstudy("run", "quick", "--out", "mine", end=end)

    assert (done.code, done.line(), done.out) == (1, line, "")
    assert list(Path().iterdir()) == []


def test_what_was_recorded_before_an_error_is_kept_but_does_not_look_finished(lbstudy: Command) -> None:
    done = lbstudy("run", "quick", "--out", "mine", end="store_error")

    assert done.code == 1
    assert done.err.splitlines() == [
        "lbstudy: everything recorded until then is in mine.partial",
        "lbstudy: mine.partial/run.duckdb: cannot be written: no space",
    ]
    assert not Path("mine").exists()
    assert Path("mine.partial/run.duckdb").exists()


def test_a_defect_shows_where_it_is(lbstudy: Command) -> None:
    done = lbstudy("run", "quick", end="defect")

    assert done.code == 1
    assert "Traceback" in done.err
    assert "defect in lbstudy" in done.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run", "nix"], "nix: expected a file, or a built-in scenario ("),
        (["run", "none.toml"], "none.toml: cannot be read: No such file or directory"),
        (["run", "."], ".: expected a TOML file, found a folder"),
        (["run", "quick", "-s", "stok"], "stok: expected a file, or a built-in setting ("),
        (["run", "quick", "-s", "stock", "-s", "stock"], "name: expected a name that no other setting"),
        (["run", "zero.toml"], "to have at least 1 server, found servers = 0"),
        (
            ["run", "many.toml"],
            "servers: expected a whole number from 0 (but 1 in the first step) to 1000, found 1000000000",
        ),
        (["run", "typo.toml"], "typo.toml: sevrers: unknown key; did you mean server?"),
        (["run", "quick", "--foo"], "No such option: --foo"),
        (["run", "quick", "--seed", "x"], "Invalid value for '--seed'"),
        (["run", "quick", "--seed", "-1"], "Invalid value for '--seed'"),
        (["run", "quick", "extra"], "Got unexpected extra argument"),
        (["run", "quick", "--setting"], "Option '--setting' requires an argument"),
        (["run", "quick", "--out", "full"], "full: expected a new or an empty folder for the run"),
        (["run", "quick", "--out", "zero.toml"], "zero.toml: expected a new or an empty folder for the run"),
        (["run", "quick", "--out", "left"], "left.partial: belongs to a run that did not finish"),
        (["rnu"], "No such command 'rnu'. Did you mean 'run'? (see lbstudy --help)"),
    ],
)
def test_bad_options_and_files_are_one_line_and_exit_code_2(
    lbstudy: Command, arguments: list[str], line: str
) -> None:
    head = 'name = "mine"\nduration = 10\n'
    Path("zero.toml").write_text(f"{head}[[step]]\nat = 0\nservers = 0\n")
    Path("many.toml").write_text(f"{head}[[step]]\nat = 0\nservers = 1000000000\n")
    Path("typo.toml").write_text(f"sevrers = 3\n{head}[[step]]\nat = 0\nservers = 3\n")
    Path("full").mkdir()
    Path("full/something").touch()
    Path("left.partial").mkdir()
    before = sorted(Path().rglob("*"))

    done = lbstudy(*arguments)

    assert (done.code, done.out) == (2, "")
    assert line in done.line()
    assert sorted(Path().rglob("*")) == before


def test_a_folder_that_cannot_be_made_is_one_line(lbstudy: Command) -> None:
    Path("file").touch()

    done = lbstudy("run", "quick", "--out", "file/below")

    assert (done.code, done.line()) == (1, "file/below.partial: Not a directory")


def test_something_put_in_the_folders_place_meanwhile_is_kept(lbstudy: Command) -> None:
    done = lbstudy("run", "quick", "--out", "mine", end="in_the_way")

    assert done.code == 2
    assert "its results are in mine.partial" in done.err.splitlines()[-1]
    assert Path("mine/somebody's").exists()
    assert Path("mine.partial/report.html").exists()


def test_an_empty_folder_may_be_there_already(lbstudy: Command) -> None:
    Path("mine").mkdir()

    assert lbstudy("run", "quick", "--out", "mine").code == 0
    assert Path("mine/report.html").exists()


def test_what_is_probably_not_meant_is_noted_and_the_run_goes_on(lbstudy: Command) -> None:
    Path("x.toml").write_text('name = "x"\n[server]\ngrpc.max_connection_age_ms = 10000\n')

    done = lbstudy("run", "quick", "-s", "x.toml")

    assert done.code == 0
    assert "lbstudy: note: setting x: grpc.max_connection_age_ms (10000) below" in done.err


def test_dry_run_says_what_would_be_done_and_does_nothing(lbstudy: Command) -> None:
    done = lbstudy("run", "--dry-run", end="defect")

    assert (done.code, done.err) == (0, "")
    for text in (
        "2 clients × 30 RPC/s each",
        "grpc.max_connection_age_ms = 10000",
        "0 s  the load starts, 3 servers Ready",
        "20 s  scale up from 3 to 6 servers",
        "55 s  scale down from 6 to 2 servers",
        "80 s  the load ends",
        "9600 RPCs, at most 12 servers",  # 2 settings × 2 clients × 30 RPC/s × 80 s; 2 × 6 servers
    ):
        assert text in done.out
    assert list(Path().iterdir()) == []


def test_dry_run_as_json(lbstudy: Command) -> None:
    plan = json.loads(lbstudy("run", "quick", "-s", "stock", "--dry-run", "--json").out)

    assert plan["timeline"] == [
        {"at": 0.0, "action": "start", "servers": 2},
        {"at": 4.0, "action": "scale", "servers": 3},
        {"at": 8.0, "action": "scale", "servers": 2},
        {"at": 12.0, "action": "end", "servers": 0},
    ]
    assert plan["rpcs"] == 2 * 20 * 12
    assert plan["settings"][0]["service_config"] == {"loadBalancingConfig": [{"round_robin": {}}]}


@pytest.mark.parametrize("command", [("run", "quick", "-s"), ("compare", "-s"), ("sweep",)])
def test_what_grpc_refuses_ends_a_command_before_anything_runs(
    lbstudy: Command, tmp_path: Path, command: tuple[str, ...]
) -> None:
    policy = "[[service_config.loadBalancingConfig]]\nround_robin = {}\n"
    retries = "[[service_config.methodConfig]]\nname = [{}]\nretryPolicy = { maxAttempts = 1 }\n"
    (tmp_path / "bad.toml").write_text(f'name = "bad"\n{policy}{retries}')

    done = lbstudy(*command, "bad.toml", "--out", "mine")

    assert done.code == 2
    assert "setting bad: gRPC refuses its service config: " in done.err
    assert "retryPolicy.maxAttempts error:must be at least 2" in done.err
    assert not Path("mine").exists()
