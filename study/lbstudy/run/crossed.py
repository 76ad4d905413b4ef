"""Combines several subjects with several settings: each pair runs as a setting of its own. No I/O."""

from collections.abc import Mapping, Sequence

from lbstudy.config.setting import Setting
from lbstudy.config.subject import Subject


def crossed(
    subjects: Sequence[Subject], settings: Sequence[Setting]
) -> tuple[list[Setting], Mapping[str, Subject]]:
    """Pair each subject with each setting.

    Args:
        subjects: with different names.
        settings: with different names.

    Returns:
        The settings to run, and the programs of each setting by its name. With several subjects, each setting
            appears once for each subject, named like "go-stock". With one subject, the settings are returned
            unchanged, and the second part is empty.
    """
    if len(subjects) == 1:
        return list(settings), {}
    pairs = {
        f"{subject.name}-{setting.name}": (subject, setting) for subject in subjects for setting in settings
    }
    named = [
        setting.model_copy(update={"name": name, "description": f"{subject.name}: {setting.description}"})
        for name, (subject, setting) in pairs.items()
    ]
    return named, {name: subject for name, (subject, _) in pairs.items()}
