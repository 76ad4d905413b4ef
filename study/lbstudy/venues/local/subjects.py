"""The checks of the built-in subjects for ``lbstudy doctor``."""

from collections.abc import Iterator

from lbstudy.config import available_subjects, load_subject
from lbstudy.config.subject import Subject
from lbstudy.run.check import Check, CheckStatus
from lbstudy.run.fit import missing_programs


def subjects() -> Iterator[Check]:
    """Check whether each built-in subject's programs are here; a missing one does not affect the others."""
    return (subject_check(load_subject(subject.name)) for subject in available_subjects())


def subject_check(subject: Subject) -> Check:
    """Check whether a subject's programs are here."""
    name = f"subject {subject.name}"
    if subject.kubernetes is not None:
        return Check(name, CheckStatus.OK, f"{subject.description}; --on kubernetes")
    missing = missing_programs(subject)
    if not missing:
        return Check(name, CheckStatus.OK, subject.description)
    what = f"{subject.name} missing: the subject {subject.name} is not available"
    if subject.build:
        what += f" ({subject.build})"
    return Check(name, CheckStatus.NOTE, what, missing[0])
