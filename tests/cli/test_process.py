"""The command as a process: signals, broken pipes, full disks, and how quickly it starts."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lbstudy.config import available_scenarios

from tests.programs import Process

Start = Callable[..., Process]
GUARD = 120  # s, against hanging only


def read_until(process: Process, text: str) -> None:
    """Wait for a line on standard error."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"ended without saying {text!r}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_is_exit_code_130_and_nothing_looks_finished(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    with start("run", "quick", "--out", "mine", end="wait") as process:
        read_until(process, "waiting")
        process.send_signal(number)
        out, err = process.communicate(timeout=GUARD)

    assert process.returncode == 130
    assert (out, err.splitlines()) == (
        "",
        ["lbstudy: everything recorded until then is in mine.partial", "lbstudy: interrupted"],
    )
    assert [path.name for path in tmp_path.iterdir()] == ["mine.partial"]


def test_a_gate_that_was_interrupted_goes_on_where_it_stopped(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\n[[clause]]\nkind = "measure"\nmeasure = "errors.count"\nat_most = 0\n'
        'scenario = "quick"\n'
    )
    with start("gate", "./mine.toml", "--out", "gate", "--plain", end="second_waits") as process:
        read_until(process, "waiting")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=GUARD)
    assert process.returncode == 130
    assert err.splitlines()[-2:] == [
        "lbstudy: to continue: lbstudy gate --resume gate",
        "lbstudy: interrupted",
    ]
    (tmp_path / "mine.toml").unlink()  # the folder has all that it takes

    with start("gate", "--resume", "gate", end="ok") as process:
        out, err = process.communicate(timeout=GUARD)

    assert process.returncode == 0, err
    assert out.startswith("The requirement mine holds.")
    made = [line.split(",")[0] for line in err.splitlines() if "round" in line]
    assert made == [f"lbstudy: round {number}" for number in range(2, 7)]


def test_a_job_in_a_scripts_background_can_be_ended(start: Start) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited, as from a script's "&"
    try:
        process = start("run", "quick", "--out", "mine", end="wait")
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        read_until(process, "waiting")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=GUARD)

    assert process.returncode == 130
    assert err.splitlines()[-1] == "lbstudy: interrupted"


def test_a_reader_who_leaves_is_no_error_message(start: Start) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with start("list", stdout=writing) as process:
        os.close(writing)
        _, err = process.communicate(timeout=GUARD)

    assert (process.returncode, err) == (1, "")


def test_a_run_whose_summary_nobody_reads_is_written_all_the_same(start: Start, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with start("run", "quick", "--out", "mine", "--json", stdout=writing) as process:
        os.close(writing)
        _, err = process.communicate(timeout=GUARD)

    assert process.returncode == 1
    assert "Traceback" not in err
    assert (tmp_path / "mine" / "report.html").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_output_to_a_full_disk_is_one_line(start: Start) -> None:
    with Path("/dev/full").open("w") as full, start("list", stdout=full) as process:
        _, err = process.communicate(timeout=GUARD)

    assert (process.returncode, err) == (1, "lbstudy: No space left on device (the disk is full)\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_an_error_that_cannot_be_told_keeps_its_exit_code(start: Start) -> None:
    with Path("/dev/full").open("w") as full, start("run", "nix", stderr=full) as process:
        out, _ = process.communicate(timeout=GUARD)

    assert (process.returncode, out) == (2, "")


@pytest.mark.parametrize(
    ("redirection", "code"), [("list >&-", 0), ("run nix 2>&-", 2), ("run nix >&- 2>&-", 2)]
)
def test_closed_streams_are_no_matter(redirection: str, code: int) -> None:
    command = Path(sys.executable).with_name("lbstudy")

    done = subprocess.run(
        ["bash", "-c", f"{command} {redirection}"], capture_output=True, text=True, timeout=GUARD, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_a_report_that_cannot_be_written_is_one_line_and_leaves_no_half_file(
    start: Start, tmp_path: Path
) -> None:
    with start("run", "quick", "--out", "mine", end="full_disk") as process:
        out, err = process.communicate(timeout=GUARD)

    assert (process.returncode, out) == (1, "")
    (line,) = err.splitlines()
    assert line == "lbstudy: mine.partial/result.json: cannot be written: File too large"
    assert list(tmp_path.iterdir()) == []


def test_stdout_is_only_the_result(start: Start) -> None:
    with start("run", "quick", "--json") as process:
        out, err = process.communicate(timeout=GUARD)

    assert process.returncode == 0
    assert json.loads(out)["schema_version"] == "1"
    assert "a stage" in err


def test_help_and_lists_need_none_of_the_slow_libraries() -> None:
    # What takes seconds to import is imported by the commands that use it: that is what keeps these quick.
    program = (
        "import sys; from lbstudy.cli.main import run\n"
        "for arguments in (['--help'], ['run', '--help'], ['list'], ['run', '--dry-run'], ['run', 'nix']):\n"
        "    run(arguments)\n"
        "slow = {'grpc', 'duckdb', 'scipy', 'numpy', 'jinja2', 'opentelemetry'} & sys.modules.keys()\n"
        "sys.exit(f'imported {slow}' if slow else 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=GUARD, check=False
    )

    assert done.returncode == 0, done.stderr


def test_the_installed_command_is_this_one() -> None:
    command = Path(sys.executable).with_name("lbstudy")

    done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=GUARD, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("lbstudy 0.")


def test_the_shell_completes_names_and_files(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").touch()
    (tmp_path / "notes.txt").touch()
    command = Path(sys.executable).with_name("lbstudy")

    def complete(line: str) -> list[str]:
        environment = os.environ | {
            "_LBSTUDY_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
        }
        done = subprocess.run(
            [command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=GUARD,
            check=False,
        )
        return done.stdout.split()

    assert complete("lbstudy run ") == [*(one.name for one in available_scenarios()), "mine.toml"]
    assert complete("lbstudy run --setting s") == ["stock"]
    assert complete("lbstudy list --copy ma") == ["max-age"]
    assert "doctor" in complete("lbstudy ")
