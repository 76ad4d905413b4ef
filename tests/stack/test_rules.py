"""The recording rules and alerts: promtool checks them and runs their hand-worked examples."""

import subprocess
from pathlib import Path

import pytest
from lbstudy.stack.parts import configuration_folder

from tests.stack.parts import GUARD, need

FOLDER = configuration_folder() / "prometheus"
EXAMPLES = sorted((FOLDER / "tests").glob("*.yaml"))


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    need("promtool")
    return subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=5 * GUARD, check=False
    )


def test_the_configuration_and_its_rules_pass_promtools_checks() -> None:
    done = promtool("check", "config", "--lint=all", "--lint-fatal", FOLDER / "prometheus.yaml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 rule files found" in done.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_rules_give_what_was_worked_out_by_hand(example: Path) -> None:
    done = promtool("test", "rules", example)

    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


def test_a_wrong_figure_fails(tmp_path: Path) -> None:
    # A check of the check: promtool says nothing of a file without tests.
    text = (FOLDER / "tests" / "distribution.yaml").read_text()
    wrong = text.replace("../rules", str(FOLDER / "rules")).replace("value: 0.5}", "value: 0.6}")
    (tmp_path / "wrong.yaml").write_text(wrong)

    done = promtool("test", "rules", tmp_path / "wrong.yaml")

    assert done.returncode == 1
    assert "lane:largest_deviation" in done.stdout + done.stderr
