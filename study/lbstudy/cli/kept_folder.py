"""The folder of many runs: what was asked for, so that the rest can be run later, and each run's outcome.

``plan.json``, ``settings/``, ``scenarios/`` and ``subjects/`` say what to run. ``runs/<run>/`` is the
folder of a finished run; ``runs/<run>.failed`` says why a run failed.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from lbstudy.cli.failure import UsageError
from lbstudy.cli.files import RunFolder, replacing
from lbstudy.compare.plan import Plan, PlannedRun
from lbstudy.config import Scenario, Setting, load_scenario, load_setting, load_subject
from lbstudy.config.base import Document
from lbstudy.config.builtin import DEFAULT_SUBJECT, builtin_or_path
from lbstudy.config.subject import Subject
from lbstudy.result.model import Result

_PLAN = "plan.json"
_SUBJECTS = "subjects"

PlanT = TypeVar("PlanT", bound=Plan)


def kept_as(subject: Subject) -> str:
    """Return how a plan names a subject: as ``builtin_or_path``, or by its copy in the folder.

    A subject that names Deployments can be copied, because it has no paths that are relative to its file.
    """
    if subject.kubernetes is None:
        return builtin_or_path(subject)
    return f"./{_SUBJECTS}/{subject.name}.toml"


class KeptFolder(Generic[PlanT]):
    """Reads and writes the folder. Raises UsageError if it is not such a folder, or OSError.

    Args:
        path: of the folder.
        plan_of: the plan's model.
        whole: what the folder is of, in words, such as "comparison".
    """

    def __init__(self, path: Path, plan_of: type[PlanT], whole: str) -> None:
        self.path = path
        self._plan_of = plan_of
        self._whole = whole

    def create(
        self,
        plan: PlanT,
        subjects: Sequence[Subject],
        settings: Sequence[Setting],
        scenarios: Sequence[Scenario],
    ) -> None:
        """Make the folder, which must be new or empty, and write the plan to it."""
        if self.path.exists() and not (self.path.is_dir() and not any(self.path.iterdir())):
            raise UsageError(
                f"{self.path}: expected a new or an empty folder, but there are files in it"
                f" (--resume continues a {self._whole})"
            )
        for folder, documents in (
            (_SUBJECTS, subjects),
            ("settings", settings),
            ("scenarios", scenarios),
        ):
            (self.path / folder).mkdir(parents=True)
            for document in documents:
                self._document(folder, document).write_text(document.toml, encoding="utf-8")
        self.write_plan(plan)

    def write_plan(self, plan: PlanT) -> None:
        """Write the plan, in the place of an earlier one."""
        with replacing(self.path / _PLAN) as partial:
            partial.write_text(plan.model_dump_json(indent=1) + "\n", encoding="utf-8")

    def plan(self) -> PlanT:
        """Read the plan from the folder."""
        path = self.path / _PLAN
        try:
            return self._plan_of.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise UsageError(f"{self.path}: expected a {self._whole}'s folder, with {_PLAN} in it") from None
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
        except ValidationError as error:
            raise UsageError(
                f"{path}: is from another version of lbstudy, or not a plan: {error.errors()[0]['msg']}"
            ) from error

    def settings(self, plan: Plan) -> list[Setting]:
        """Return the settings as they were at the beginning."""
        names = plan.setting_files or plan.settings
        return [load_setting(self.path / "settings" / f"{name}.toml") for name in names]

    def subjects(self, plan: Plan) -> list[Subject]:
        """Return the subjects, read from their own files: relative paths in their commands begin there.

        Raises UsageError if a subject has changed since the beginning.
        """
        documents = [
            load_subject(self.path / name if name.startswith(f"./{_SUBJECTS}/") else name)
            for name in plan.subjects or [DEFAULT_SUBJECT]
        ]
        for subject in documents:
            kept = self._document(_SUBJECTS, subject)
            if kept.exists() and kept.read_text(encoding="utf-8") != subject.toml:
                raise UsageError(f"{subject.path}: has changed since the {self._whole} began: {kept}")
        return documents

    def scenarios(self, plan: Plan) -> list[Scenario]:
        """Return the scenarios as they were at the beginning."""
        return [load_scenario(self.path / "scenarios" / f"{name}.toml") for name in plan.scenarios]

    def run(self, run: PlannedRun) -> RunFolder:
        """Return a run's folder, without what an earlier attempt has left."""
        folder = RunFolder(self.path / run.folder)
        if folder.partial.is_dir():
            shutil.rmtree(folder.partial)
        self._failed(run).unlink(missing_ok=True)
        return folder

    def fail(self, run: PlannedRun, reason: str) -> None:
        """Note why a run failed."""
        path = self._failed(run)
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{reason}\n", encoding="utf-8")

    def result(self, run: PlannedRun) -> Result | None:
        """Return a run's result; None if it has not finished. Raises ResultFileError."""
        from lbstudy.report.json import read_json  # noqa: PLC0415 - only where results are read

        path = self.path / run.folder / "result.json"
        return read_json(path) if path.exists() else None

    def failures(self, plan: Plan) -> dict[str, str]:
        """Return why runs failed, by folder."""
        return {
            run.folder: self._failed(run).read_text(encoding="utf-8").strip()
            for run in plan.runs
            if self._failed(run).exists()
        }

    def _failed(self, run: PlannedRun) -> Path:
        return self.path / f"{run.folder}.failed"

    def _document(self, folder: str, document: Document) -> Path:
        return self.path / folder / f"{document.name}.toml"
