import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from lbstudy.cli.main import run

from tests.programs import Process

STUB = Path(__file__).with_name("stub_study.py")


@dataclass(frozen=True)
class Outcome:
    """What a command left."""

    code: int
    out: str
    err: str

    def line(self) -> str:
        """The one line that an error is."""
        (line,) = self.err.splitlines()
        assert line.startswith("lbstudy: ")
        return line.removeprefix("lbstudy: ")


Command = Callable[..., Outcome]


@pytest.fixture(scope="session")
def stub() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cli_stub_study", STUB)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lbstudy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stub: ModuleType,
) -> Command:
    """Runs the command in this process, in an empty folder, with a study that ends as told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str, end: str = "ok") -> Outcome:
        monkeypatch.setitem(sys.modules, "lbstudy.run.study", stub.module(end))
        capsys.readouterr()
        code = run(arguments)
        return Outcome(code, *capsys.readouterr())

    return command


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Process]:
    """Starts the command as a process of its own, in an empty folder, with a study that ends as told."""

    def popen(*arguments: str, end: str = "ok", **options: object) -> Process:
        settings: dict[str, object] = {
            "cwd": tmp_path,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "env": {**os.environ, "COLUMNS": "200"},
        }
        command = [sys.executable, str(STUB), end, *arguments]
        return Process(command, **(settings | options))  # type: ignore[call-overload, no-any-return]  # the tests' own options

    return popen
