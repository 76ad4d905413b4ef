"""`lbstudy report --from stack`, the command."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from lbstudy.cli.exit_code import ExitCode
from lbstudy.result.build import build
from lbstudy.store.source import StoreSource

from tests.backends.conftest import Found
from tests.stack.parts import GUARD, free_ports
from tests.stack.sent import SentRun

LBSTUDY = Path(sys.executable).with_name("lbstudy")


def report(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LBSTUDY), "report", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=GUARD, check=False)


def urls(run: SentRun) -> list[str]:
    return ["--jaeger", run.stack.jaeger, "--prometheus", run.stack.prometheus]


def test_the_run_is_reported_and_kept(sent_run: SentRun, found: Found, tmp_path: Path) -> None:
    run_id = sent_run.run_id
    for _ in range(2):  # the second time over what the first has written
        done = report("--from", "stack", "--run", run_id, *urls(sent_run), folder=tmp_path)

        assert done.returncode == ExitCode.OK, done.stderr
        assert f"Report: runs/{run_id}/report.html" in done.stdout
        files = sorted(path.name for path in (tmp_path / "runs" / run_id).iterdir())
        assert files == ["report.html", "result.json", "run.duckdb"]
    from_stack = json.loads((tmp_path / "runs" / run_id / "result.json").read_text())
    assert from_stack == found.result.model_dump(mode="json")

    with closing(StoreSource(tmp_path / "runs" / run_id / "run.duckdb")) as source:
        kept = build(source)
    assert [setting.errors for setting in kept.settings] == [s.errors for s in found.result.settings]
    assert [setting.adaptability for setting in kept.settings] == [
        setting.adaptability for setting in found.result.settings
    ]


def test_what_cannot_be_read_leaves_nothing_behind(sent_run: SentRun, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_ports().prometheus}"
    for arguments, line in (
        (["--run", "none", *urls(sent_run)], "does not have the run none; it has "),
        (
            ["--run", sent_run.run_id, "--jaeger", sent_run.stack.jaeger, "--prometheus", nobody],
            f"{nobody}: cannot be reached: ",
        ),
    ):
        done = report("--from", "stack", "--out", "mine", *arguments, folder=tmp_path)

        assert done.returncode == ExitCode.ERROR
        assert line in done.stderr.splitlines()[-1]
        assert done.stdout == ""
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["here", "--from", "stack"], "here: with --from stack, name the run by its id: --run ID"),
        (["here", "--run", "some"], "--run, --jaeger and --prometheus go with --from stack"),
        (["--from", "stack", "--jaeger", "localhost"], "localhost: expected the URL of Jaeger"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], line: str, tmp_path: Path) -> None:
    done = report(*arguments, folder=tmp_path)

    assert done.returncode in {ExitCode.USAGE, ExitCode.ERROR}
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1
