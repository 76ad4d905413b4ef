"""Asks gRPC whether it accepts a command's settings, before anything runs."""

from collections.abc import Iterator, Sequence

from lbstudy.cli.failure import UsageError, say
from lbstudy.config.setting import Setting
from lbstudy.config.subject import Subject
from lbstudy.run.trial import Trial, needs_trial, try_settings


def heed_grpc(settings: Sequence[Setting], subjects: Sequence[Subject] = ()) -> None:
    """Raise UsageError, in gRPC's words, if it refuses a setting; print its warnings as notes.

    Args:
        settings: the settings to run, under their own names.
        subjects: the programs that run with each of them; empty: only the study's own client (C core).
    """
    tried = [setting for setting in settings if needs_trial(setting)]
    for whose, trial in _trials(tried, subjects):
        if trial.refused is not None:
            raise UsageError(
                f"setting {trial.setting}: gRPC{whose} refuses its service config: {trial.refused}"
            )
        for warning in trial.warnings:
            say(f"note: setting {trial.setting}: gRPC{whose} says: {warning}")


def _trials(settings: Sequence[Setting], subjects: Sequence[Subject]) -> Iterator[tuple[str, Trial]]:
    """Yield what each gRPC implementation in use says: whose it is (such as " of go", or "") and what."""
    if not settings:
        return
    others = [other for other in subjects if not other.is_c_core]
    if len(others) < len(subjects) or not subjects:
        yield from (("", trial) for trial in try_settings(settings))
    for subject in others:
        named = subject.kubernetes is not None and subject.kubernetes.client is not None
        if named or not subject.takes_service_config:
            continue  # already reported as not applied
        if not subject.client_program.check:
            names = ", ".join(setting.name for setting in settings)
            say(
                f"note: the service config of {names} is not tried before the run with subject"
                f" {subject.name}: its [client] has no check"
            )
            continue
        # Imported here: most commands need no program of another language.
        from lbstudy.run.trial_by_program import try_program  # noqa: PLC0415

        looked_up = [setting for setting in settings if setting.discovery == "dns"]
        yield from ((f" of {subject.name}", trial) for trial in try_program(looked_up, subject))
