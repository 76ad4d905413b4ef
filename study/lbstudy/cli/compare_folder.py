"""A comparison's folder: its plan, its files, its runs, and what was made of them.

``plan.json``, ``settings/`` and ``scenarios/`` say what is to be run, so that the rest can be run later;
``runs/<run>/`` is the folder of a run that has finished, ``runs/<run>.failed`` says why one did not;
``compare.html`` and ``comparison.json`` are made of the finished ones.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from lbstudy.cli.failure import UsageError
from lbstudy.cli.files import RunFolder, replacing
from lbstudy.compare.model import Comparison
from lbstudy.compare.plan import Plan, PlannedRun
from lbstudy.config import Scenario, Setting, load_scenario, load_setting
from lbstudy.config.base import Document
from lbstudy.result.model import Result

PAGE = "compare.html"
DATA = "comparison.json"
_PLAN = "plan.json"


class ComparisonFolder:
    """Reads and writes the folder. Raises UsageError for one that is none, OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def page(self) -> Path:
        """The page that the reader opens."""
        return self.path / PAGE

    def create(self, plan: Plan, settings: Sequence[Setting], scenarios: Sequence[Scenario]) -> None:
        """Make the folder, new or empty, with the plan in it."""
        if self.path.exists() and not (self.path.is_dir() and not any(self.path.iterdir())):
            raise UsageError(
                f"{self.path}: expected a new or an empty folder, found something there"
                " (--resume goes on with a comparison)"
            )
        for folder, documents in (("settings", settings), ("scenarios", scenarios)):
            (self.path / folder).mkdir(parents=True)
            for document in documents:
                self._document(folder, document).write_text(document.toml, encoding="utf-8")
        with replacing(self.path / _PLAN) as partial:
            partial.write_text(plan.model_dump_json(indent=1) + "\n", encoding="utf-8")

    def plan(self) -> Plan:
        """The plan that is there."""
        path = self.path / _PLAN
        try:
            return Plan.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise UsageError(f"{self.path}: expected a comparison's folder, with {_PLAN} in it") from None
        except ValidationError as error:
            raise UsageError(
                f"{path}: is of another version, or no plan: {error.errors()[0]['msg']}"
            ) from error

    def settings(self, plan: Plan) -> list[Setting]:
        """The settings as they were when the comparison began."""
        return [load_setting(self.path / "settings" / f"{name}.toml") for name in plan.settings]

    def scenarios(self, plan: Plan) -> list[Scenario]:
        """The scenarios as they were when the comparison began."""
        return [load_scenario(self.path / "scenarios" / f"{name}.toml") for name in plan.scenarios]

    def run(self, run: PlannedRun) -> RunFolder:
        """A run's folder, rid of what an earlier try has left."""
        folder = RunFolder(self.path / run.folder)
        if folder.partial.is_dir():
            shutil.rmtree(folder.partial)
        self._failed(run).unlink(missing_ok=True)
        return folder

    def fail(self, run: PlannedRun, reason: str) -> None:
        """Note why a run did not finish."""
        path = self._failed(run)
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{reason}\n", encoding="utf-8")

    def result(self, run: PlannedRun) -> Result | None:
        """A run's result; None when it has not finished. Raises ResultFileError."""
        from lbstudy.report.json import read_json  # noqa: PLC0415 - only where results are read

        path = self.path / run.folder / "result.json"
        return read_json(path) if path.exists() else None

    def failures(self, plan: Plan) -> dict[str, str]:
        """Why runs did not finish, by folder."""
        return {
            run.folder: self._failed(run).read_text(encoding="utf-8").strip()
            for run in plan.runs
            if self._failed(run).exists()
        }

    def write(self, comparison: Comparison) -> None:
        """Write the page and its data, each whole or not at all."""
        from lbstudy.report.compare_html import render_comparison  # noqa: PLC0415 - brings in the templates

        for name, content in (
            (DATA, comparison.model_dump_json(indent=1) + "\n"),
            (PAGE, render_comparison(comparison)),
        ):
            with replacing(self.path / name) as partial:
                partial.write_text(content, encoding="utf-8")

    def _failed(self, run: PlannedRun) -> Path:
        return self.path / f"{run.folder}.failed"

    def _document(self, folder: str, document: Document) -> Path:
        return self.path / folder / f"{document.name}.toml"
