"""What ends a test that hangs: the limits of pyproject.toml, made short here."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IN_A_WAIT = """
import subprocess
def test_waits_for_a_process():
    with subprocess.Popen(["sleep", "20"]) as process:
        process.communicate(timeout=0.01)
"""
IN_C = """
import ctypes
def test_holds_the_interpreters_lock():
    ctypes.PyDLL(None).sleep(20)
"""


@pytest.mark.parametrize(
    ("hanging", "limit", "line"),
    [
        (IN_A_WAIT, "timeout=1", "with subprocess.Popen"),
        (IN_C, "faulthandler_timeout=1", "in test_holds_the_interpreters_lock"),
    ],
    ids=["in a wait", "in C, with the interpreter's lock"],
)
def test_a_test_that_hangs_ends_with_a_dump_of_all_threads(
    tmp_path: Path, hanging: str, limit: str, line: str
) -> None:
    (tmp_path / "test_it.py").write_text(hanging)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"]

    done = subprocess.run(
        [*command, "-o", limit, "test_it.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "(most recent call" in done.stdout or "Stack of" in done.stdout
    assert line in done.stdout
    assert "passed" not in done.stdout
