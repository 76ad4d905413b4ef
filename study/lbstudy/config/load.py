"""Scenarios and settings by built-in name or by path."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from lbstudy.config import document
from lbstudy.config.base import Document, Origin
from lbstudy.config.builtin import BuiltIn, available_scenarios, available_settings
from lbstudy.config.error import ConfigError, nearest
from lbstudy.config.explain import explain
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting

D = TypeVar("D", bound=Document)


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Load a scenario: a built-in name ("scale"), or a path ("./scale.toml"). Raises ConfigError."""
    return _load(Scenario, name_or_path, available_scenarios(), "scenario")


def load_setting(name_or_path: str | Path) -> Setting:
    """Load a setting: a built-in name ("stock"), or a path ("./stock.toml"). Raises ConfigError."""
    return _load(Setting, name_or_path, available_settings(), "setting")


def parse_document(model: type[D], origin: Origin, shown: str) -> D:
    """Make a scenario or a setting of a file's text. Raises ConfigError."""
    values = document.parse(origin.text, shown)
    try:
        return model.model_validate(values).read_from(origin)
    except ValidationError as error:
        raise ConfigError(f"{shown}: {explain(error, model)}") from error


def _load(model: type[D], name_or_path: str | Path, built_in: Sequence[BuiltIn], kind: str) -> D:
    shown = str(name_or_path) or '""'
    path = Path(name_or_path)
    for one in built_in:
        if name_or_path == one.name:
            path = one.path
    if _is_bare_name(name_or_path) and not path.is_absolute() and not path.exists():
        names = [one.name for one in built_in]
        raise ConfigError(
            f"{shown}: expected a file, or a built-in {kind} ({', '.join(names)}){nearest(shown, names)}"
        )
    return parse_document(model, document.read(path, shown), shown)


def _is_bare_name(name_or_path: str | Path) -> bool:
    text = str(name_or_path)
    return "/" not in text and "\0" not in text and not text.endswith(".toml")
