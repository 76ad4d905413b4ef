"""Shell completion of scenarios, settings, subjects and requirements: built-in names, then files."""

from collections.abc import Iterable
from pathlib import Path


def complete_scenario(incomplete: str) -> list[str]:
    """Offer scenarios."""
    from lbstudy.config.builtin import available_scenarios  # noqa: PLC0415 - only for completion

    return _matching(incomplete, (scenario.name for scenario in available_scenarios())) + _files(incomplete)


def complete_setting(incomplete: str) -> list[str]:
    """Offer settings."""
    from lbstudy.config.builtin import available_settings  # noqa: PLC0415 - only for completion

    return _matching(incomplete, (setting.name for setting in available_settings())) + _files(incomplete)


def complete_subject(incomplete: str) -> list[str]:
    """Offer subjects."""
    from lbstudy.config.builtin import available_subjects  # noqa: PLC0415 - only for completion

    return _matching(incomplete, (subject.name for subject in available_subjects())) + _files(incomplete)


def complete_requirement(incomplete: str) -> list[str]:
    """Offer requirements."""
    from lbstudy.config.builtin import available_requirements  # noqa: PLC0415 - only for completion

    return _matching(incomplete, (requirement.name for requirement in available_requirements())) + _files(
        incomplete
    )


def complete_name(incomplete: str) -> list[str]:
    """Offer all built-in names."""
    from lbstudy.config.builtin import available  # noqa: PLC0415 - only for completion

    return _matching(incomplete, (file.name for file in available()))


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
