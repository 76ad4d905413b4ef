"""``--server`` and ``--client``: studies Deployments of a cluster that are named."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import typer

from lbstudy.cli.failure import UsageError
from lbstudy.config.deployments import VARIABLE, deployment_name
from lbstudy.config.subject import Subject
from lbstudy.platform.kubernetes import copies, names
from lbstudy.platform.kubernetes.names import Owner
from lbstudy.platform.kubernetes.workloads import Workloads
from lbstudy.run.plan import RunPlan
from lbstudy.run.specs import client_spec, server_spec
from lbstudy.run.venue import Venue
from lbstudy.venues.kubernetes import Kubernetes

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="deployment/NAME",
        help="With --on kubernetes: study copies of this Deployment's pods as the servers.",
    ),
]
Client = Annotated[
    str | None,
    typer.Option(
        "--client",
        metavar="deployment/NAME",
        help="Goes with --server: one copy of this Deployment's pod calls the servers. --dry-run lists all"
        " differences of the copies.",
    ),
]
TargetEnv = Annotated[
    list[str] | None,
    typer.Option(
        "--target-env",
        metavar="NAME",
        help="The client's environment variable with the servers' address, if the run cannot find it by"
        " itself.",
    ),
]


SETTINGS: Final = ("stock",)
"""Copies of Deployments use nothing of a setting, so a second setting would change nothing."""
CALLED: Final = ("stock", "min-interval", "keepalive", "outlier-detection", "retries", "pick-first")
"""Settings that only concern channels: the study's client applies them, whatever servers it calls."""


def named_subject(
    server: str | None,
    client: str | None,
    target_env: Sequence[str] | None,
    venue: Venue,
    subject: Sequence[str] | None,
) -> Subject | None:
    """Return the subject that the options describe; None if they name no Deployment.

    Raises:
        UsageError: the options contradict each other.
    """
    if server is None and client is None:
        if target_env:
            raise UsageError("--target-env goes with --server and --client")
        return None
    if not isinstance(venue, Kubernetes):
        raise UsageError("--server and --client go with --on kubernetes")
    if server is None or client is None:
        raise UsageError(
            "--server and --client go together: the servers, and who calls them (a subject file with"
            " [kubernetes] and [call] has the study's client call them)"
        )
    if subject:
        raise UsageError("--subject does not go with --server and --client")
    for name in target_env or ():
        if not re.fullmatch(VARIABLE, name):
            raise UsageError(f"--target-env {name}: expected the name of a variable")
    return Subject.of_deployments(
        _deployment("--server", server), _deployment("--client", client), target_env or ()
    )


def read_named(subjects: Sequence[Subject], venue: Venue) -> Mapping[str, Workloads]:
    """Read the Deployments that subjects name, by the subject's name; empty if none names any.

    Raises:
        UsageError: a Deployment cannot be studied.
        PlatformError: a Deployment does not exist, or the cluster does not answer.
    """
    named = [(subject.name, subject.kubernetes) for subject in subjects if subject.kubernetes is not None]
    if not named or not isinstance(venue, Kubernetes):
        return {}
    # Imported here, because it imports the cluster's API.
    from lbstudy.platform.kubernetes.read_workloads import read_workloads  # noqa: PLC0415

    workloads = asyncio.run(read_workloads(venue.context, venue.namespace, named))
    reasons = [reason for workloads in workloads.values() for reason in copies.obstacles(workloads)]
    if reasons:
        raise UsageError("; ".join(dict.fromkeys(reasons)))
    return workloads


def default_settings(subjects: Sequence[Subject], otherwise: Sequence[str]) -> Sequence[str]:
    """Return the settings of a command that names none: those that change something in what is studied.

    Args:
        subjects: what is studied.
        otherwise: the settings for programs that the study starts.
    """
    named = [subject.kubernetes for subject in subjects if subject.kubernetes is not None]
    if not named:
        return otherwise
    if any(deployments.client is not None for deployments in named):
        return SETTINGS
    kept = [name for name in otherwise if name in CALLED]
    return kept if len(kept) > 1 else CALLED[:2]


def copied(plan: RunPlan) -> list[str]:
    """Return how a run's copies differ from the Deployments that were named, one line a difference."""
    owner = Owner(names.LEASE, "", plan.run_id)
    return [
        line
        for setting in plan.settings
        if (workloads := plan.workloads.get(plan.programs(setting).name)) is not None
        for line in copies.changes(
            workloads, server_spec(plan, setting, ""), client_spec(plan, setting, "", 0.0), owner
        )
    ]


def _deployment(option: str, text: str) -> str:
    try:
        return deployment_name(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {str(error).partition(',')[0]}") from None
