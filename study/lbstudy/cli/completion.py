"""What the shell offers after Tab where a scenario or a setting is named: built-in names, and files."""

from collections.abc import Iterable
from pathlib import Path


def complete_scenario(incomplete: str) -> list[str]:
    """Offer scenarios."""
    from lbstudy.config.builtin import available_scenarios  # noqa: PLC0415 - only for completion

    return _matching(incomplete, (one.name for one in available_scenarios())) + _files(incomplete)


def complete_setting(incomplete: str) -> list[str]:
    """Offer settings."""
    from lbstudy.config.builtin import available_settings  # noqa: PLC0415 - only for completion

    return _matching(incomplete, (one.name for one in available_settings())) + _files(incomplete)


def complete_name(incomplete: str) -> list[str]:
    """Offer what is built in."""
    from lbstudy.config.builtin import available_scenarios, available_settings  # noqa: PLC0415 - the same

    return _matching(incomplete, (one.name for one in [*available_scenarios(), *available_settings()]))


def _matching(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _files(incomplete: str) -> list[str]:
    folder, _, start = incomplete.rpartition("/")
    shown = f"{folder}/" if "/" in incomplete else ""
    try:
        entries = sorted(Path(shown or ".").iterdir())
    except OSError:
        return []
    return [
        f"{shown}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if entry.name.startswith(start)
        and (start or not entry.name.startswith("."))
        and (entry.suffix == ".toml" or entry.is_dir())
    ]
