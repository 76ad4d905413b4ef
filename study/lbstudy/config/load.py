"""Loads scenarios, settings, subjects and requirements by built-in name or by path."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from lbstudy.config import document
from lbstudy.config.base import Document, Origin
from lbstudy.config.builtin import (
    DEFAULT_SUBJECT,
    BuiltIn,
    available_requirements,
    available_scenarios,
    available_settings,
    available_subjects,
)
from lbstudy.config.error import ConfigError, nearest
from lbstudy.config.explain import explain
from lbstudy.config.requirement import Requirement
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting
from lbstudy.config.subject import Subject

D = TypeVar("D", bound=Document)


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Load a scenario: a built-in name ("scale"), or a path ("./scale.toml"). Raises ConfigError."""
    return _load(Scenario, name_or_path, available_scenarios(), "scenario")


def load_setting(name_or_path: str | Path) -> Setting:
    """Load a setting: a built-in name ("stock"), or a path ("./stock.toml"). Raises ConfigError."""
    return _load(Setting, name_or_path, available_settings(), "setting")


def load_subject(name_or_path: str | Path = DEFAULT_SUBJECT) -> Subject:
    """Load a subject: a built-in name ("greeter"), or a path ("./orders.toml"). Raises ConfigError."""
    return _load(Subject, name_or_path, available_subjects(), "subject")


def load_requirement(name_or_path: str | Path) -> Requirement:
    """Load a requirement: a built-in name ("found-soon"), or a path ("./mine.toml"). Raises ConfigError."""
    return _load(Requirement, name_or_path, available_requirements(), "requirement")


def parse_document(model: type[D], origin: Origin, shown: str) -> D:
    """Build a document from a file's text. Raises ConfigError."""
    values = document.parse(origin.text, shown)
    try:
        return model.model_validate(values).read_from(origin)
    except ValidationError as error:
        raise ConfigError(f"{shown}: {explain(error, model)}") from error


def _load(model: type[D], name_or_path: str | Path, built_in: Sequence[BuiltIn], kind: str) -> D:
    shown = str(name_or_path) or '""'
    path = Path(name_or_path)
    for file in built_in:
        if name_or_path == file.name:
            path = file.path
    if _is_bare_name(name_or_path) and not path.is_absolute() and not path.exists():
        names = [file.name for file in built_in]
        raise ConfigError(
            f"{shown}: expected a file, or a built-in {kind} ({', '.join(names)}){nearest(shown, names)}"
        )
    return parse_document(model, document.read(path, shown), shown)


def _is_bare_name(name_or_path: str | Path) -> bool:
    text = str(name_or_path)
    return "/" not in text and "\0" not in text and not text.endswith(".toml")
