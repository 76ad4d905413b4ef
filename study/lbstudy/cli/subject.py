"""``--subject``: the programs under study, for all commands that run something."""

from collections.abc import Sequence
from typing import Annotated

import typer

from lbstudy.cli.completion import complete_subject
from lbstudy.cli.failure import UsageError, say
from lbstudy.cli.names import require_different_names
from lbstudy.config import builtin, load_subject
from lbstudy.config.setting import Setting
from lbstudy.config.subject import Subject as SubjectFile
from lbstudy.run.fit import not_applied, unavailable, unfit
from lbstudy.run.plan import RunPlan
from lbstudy.run.venue import Venue

DEFAULT_SUBJECT = builtin.DEFAULT_SUBJECT
Subjects = Annotated[
    list[str] | None,
    typer.Option(
        "--subject",
        metavar="NAME|FILE",
        help="The programs under study: a built-in subject's name or the path of a subject file; by default"
        " greeter. Several (go,java, or the option repeated) run side by side, each under every setting."
        " With --on kubernetes: a file that names Deployments.",
        autocompletion=complete_subject,
    ),
]


def choose_subjects(given: Sequence[str] | None, venue: Venue) -> list[SubjectFile]:
    """Read the named subjects. Raises ConfigError, or UsageError if one cannot be run in the venue."""
    names = [name for text in given or [DEFAULT_SUBJECT] for name in text.split(",")]
    subjects = [_choose(name, venue) for name in names]
    require_different_names(subjects)
    if len({subject.kubernetes is None for subject in subjects}) > 1:
        raise UsageError(
            f"{DEFAULT_SUBJECT} does not go with subjects that name Deployments: one run has either"
        )
    return subjects


def refuse_unfit(subjects: Sequence[SubjectFile], settings: Sequence[Setting]) -> None:
    """Raise UsageError if a subject cannot be run with one of the settings."""
    if reasons := [reason for subject in subjects for reason in unfit(subject, settings)]:
        raise UsageError("; ".join(reasons))


def _choose(name: str, venue: Venue) -> SubjectFile:
    subject = load_subject(name)
    if venue.runs_what_was_applied:
        if name != DEFAULT_SUBJECT and subject.kubernetes is None:
            raise UsageError(
                f"subject {subject.name}: --on {venue.platform} runs Deployments, not the commands of a file:"
                " expected [kubernetes] in it"
            )
        return subject
    if subject.kubernetes is not None:
        raise UsageError(f"subject {subject.name} names Deployments of a cluster: --on kubernetes")
    if reason := unavailable(subject):
        raise UsageError(reason)
    return subject


def say_not_applied(plan: RunPlan) -> None:
    """Print what the subject's programs cannot use of the plan."""
    for setting in plan.settings:
        for option in not_applied(plan.scenario, setting, plan.programs(setting)):
            say(f"note: setting {setting.name}: {option.option} is not applied: {option.why}")
