"""A comparison's folder: its plan, its files, its runs (``kept_folder``), and the page.

``compare.html`` and ``comparison.json`` are made from the finished runs.
"""

from pathlib import Path

from pydantic import ValidationError

from lbstudy.cli.failure import UsageError
from lbstudy.cli.files import replacing
from lbstudy.cli.kept_folder import KeptFolder
from lbstudy.compare.model import Comparison
from lbstudy.compare.plan import Plan

PAGE = "compare.html"
DATA = "comparison.json"


def read_comparison(path: Path) -> Comparison:
    """Read a ``comparison.json``, or that of a comparison's folder. Raises UsageError if it is unreadable."""
    file = path / DATA if path.is_dir() else path
    try:
        return Comparison.model_validate_json(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    except ValidationError as error:
        raise UsageError(
            f"{file}: expected the comparison.json of a comparison: {error.errors()[0]['msg']}"
        ) from error


class ComparisonFolder(KeptFolder[Plan]):
    """Reads and writes the folder. Raises UsageError if it is not a comparison's folder, or OSError."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, Plan, "comparison")

    @property
    def page(self) -> Path:
        """The path of the page."""
        return self.path / PAGE

    def write(self, comparison: Comparison) -> None:
        """Write the page and its data; a file is either written completely or not at all."""
        from lbstudy.report.compare_html import render_comparison  # noqa: PLC0415 - brings in the templates

        for name, content in (
            (DATA, comparison.model_dump_json(indent=1) + "\n"),
            (PAGE, render_comparison(comparison)),
        ):
            with replacing(self.path / name) as partial:
                partial.write_text(content, encoding="utf-8")
