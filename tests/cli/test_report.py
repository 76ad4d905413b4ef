"""`lbstudy report`: what is no run, in one line. The report of a real one is tested with the run itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.mark.parametrize("argument", ["none", "empty", "none/run.duckdb"])
def test_what_is_no_run_is_exit_code_2(lbstudy: Command, argument: str) -> None:
    Path("empty").mkdir()

    done = lbstudy("report", argument)

    assert (done.code, done.out) == (2, "")
    assert done.line() == f"{argument}: expected a run's folder with run.duckdb in it, or that file"


def test_a_run_that_did_not_finish_is_pointed_out(lbstudy: Command) -> None:
    Path("mine.partial").mkdir()

    assert lbstudy("report", "mine").line().endswith("; mine.partial is of a run that did not finish")


@pytest.mark.parametrize("content", [b"", b"no database", b"\0" * 100_000])
def test_a_file_that_is_no_store_is_one_line_and_exit_code_1(lbstudy: Command, content: bytes) -> None:
    Path("run.duckdb").write_bytes(content)

    done = lbstudy("report", "run.duckdb")

    assert (done.code, done.out) == (1, "")
    assert done.line().startswith("run.duckdb: ")
    assert [path.name for path in Path().iterdir()] == ["run.duckdb"]


def test_no_run_named_is_a_usage_error(lbstudy: Command) -> None:
    done = lbstudy("report")

    assert done.code == 2
    assert "Missing argument" in done.line()
