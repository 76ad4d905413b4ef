"""The three distributions are released together: one version, one licence."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECTS = (ROOT, ROOT / "instrumentor", ROOT / "services")


def test_the_three_distributions_have_one_version() -> None:
    versions = {tomllib.loads((p / "pyproject.toml").read_text())["project"]["version"] for p in PROJECTS}

    assert len(versions) == 1


def test_each_distribution_has_the_licence() -> None:
    assert len({(project / "LICENSE").read_bytes() for project in PROJECTS}) == 1


def test_every_action_of_the_workflows_is_pinned_by_its_commit() -> None:
    workflows = [path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml")]
    used = [line for text in workflows for line in re.findall(r"uses: ([^.].*)", text)]

    assert used
    assert [line for line in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}  # v?[\w./]+", line)] == []


def test_what_the_wheels_are_tested_with_exists() -> None:
    script = (ROOT / "scripts" / "test-wheels").read_text()
    named = re.findall(r"\btests/[\w/.]+", script)

    assert "tests/measures" in named
    assert [path for path in named if not (ROOT / path).exists()] == []
