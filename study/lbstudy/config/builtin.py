"""The scenarios, settings, subjects and requirements that come with the package."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lbstudy.config.base import Document

_HERE = Path(__file__).parent
DEFAULT_SUBJECT: Final = "greeter"
"""The subject of a run that names none."""


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A file that comes with the package and has a name."""

    kind: str  # "scenario", "setting", "subject" or "requirement"
    name: str
    path: Path

    def description(self) -> str:
        """The description in the file."""
        return str(tomllib.loads(self.path.read_text(encoding="utf-8"))["description"])


def available_scenarios() -> list[BuiltIn]:
    """Return the built-in scenarios by name."""
    return _in_folder("scenario", "scenarios")


def available_settings() -> list[BuiltIn]:
    """Return the built-in settings by name."""
    return _in_folder("setting", "settings")


def available_subjects() -> list[BuiltIn]:
    """Return the built-in subjects by name."""
    return _in_folder("subject", "subjects")


def available_requirements() -> list[BuiltIn]:
    """Return the built-in requirements by name."""
    return _in_folder("requirement", "requirements")


def available() -> list[BuiltIn]:
    """Return all built-in scenarios, settings, subjects and requirements."""
    return [
        *available_scenarios(),
        *available_settings(),
        *available_subjects(),
        *available_requirements(),
    ]


def builtin_or_path(document: Document) -> str:
    """Return a name for a document that works in any folder: its built-in name, or its absolute path."""
    path = document.path
    if path is None or path.resolve().is_relative_to(_HERE):
        return document.name
    return str(path.resolve())


def _in_folder(kind: str, folder: str) -> list[BuiltIn]:
    return [BuiltIn(kind, path.stem, path) for path in sorted((_HERE / folder).glob("*.toml"))]
