"""``lbstudy gate --watch``: judges a rollout that somebody else makes. It runs and changes nothing."""

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from lbstudy.cli.duration import seconds
from lbstudy.cli.failure import UsageError, say
from lbstudy.cli.gate_output import Output, exit_code, show
from lbstudy.cli.options import given_options
from lbstudy.cli.watch_options import address, services_of, url
from lbstudy.config import Requirement
from lbstudy.config.requirement import NewServer
from lbstudy.gate.watched import beyond_a_watch, judge

Watch = Annotated[
    str | None,
    typer.Option(
        "--watch",
        metavar="[NAMESPACE/]SERVICE",
        help="Run nothing: watch a live Service, and judge the rollout that somebody else makes.",
    ),
]
_OF_A_WATCH: Final = frozenset({"watch", "duration", "prometheus", "jaeger", "otlp_listen"})
_OF_BOTH: Final = frozenset({"requirement", "kube_context", "as_json", "as_markdown", "junit", "plain"})
_PATIENCE: Final = 10.0  # s, as of lbstudy watch


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """--for, --prometheus, --jaeger and --otlp-listen; None: not given."""

    duration: str | None
    prometheus: str | None
    jaeger: str | None
    otlp_listen: str | None


def refuse_mixed(context: typer.Context, watch: str | None) -> None:
    """Raise UsageError if an option for runs is used with --watch, or one for a watch without it."""
    given = given_options(context)
    if watch is None:
        if stray := [option for name, option in given.items() if name in _OF_A_WATCH]:
            raise UsageError(f"{', '.join(stray)}: only with --watch")
    elif stray := [option for name, option in given.items() if name not in _OF_A_WATCH | _OF_BOTH]:
        raise UsageError(f"{', '.join(stray)}: not with --watch, which runs nothing")


def judge_rollout(
    asked: Requirement,
    service: str,
    *,
    kube_context: str | None,
    evidence: WatchOptions,
    output: Output,
    plain: bool,
    command: str,
) -> int:
    """Watch, until the time is over or Ctrl-C, and judge what was seen; returns the exit code.

    Args:
        asked: what must hold.
        service: [namespace/]service.
        kube_context: the kubeconfig's context; None: the current one.
        evidence: how long to watch, and the sources.
        output: how the verdict is printed.
        plain: whether the watch is shown as lines.
        command: the command as the user typed it.

    Raises:
        UsageError: an option cannot be used, or a watch can judge no clause of the requirement.
        PlatformError, OSError: the cluster does not answer, or a file cannot be written.
    """
    from lbstudy.cli.watching import view, watch_until_stopped  # noqa: PLC0415 - runs need no sources
    from lbstudy.watch.program import WatchPlan  # noqa: PLC0415 - the same

    _refuse_or_note(asked)
    plan = WatchPlan(
        services=services_of([service], kube_context),
        context=kube_context,
        duration=None if evidence.duration is None else seconds("--for", evidence.duration),
        patience=min(
            (clause.within for clause in asked.clause if isinstance(clause, NewServer)), default=_PATIENCE
        ),
        prometheus=url("--prometheus", evidence.prometheus),
        jaeger=url("--jaeger", evidence.jaeger),
        listen=address(evidence.otlp_listen),
    )
    started = datetime.now(UTC).isoformat(timespec="seconds")
    watched = asyncio.run(watch_until_stopped(plan, view(sys.stderr, plain=plain))).result
    result = judge(asked, watched, command=command, started=started)
    show(result, output)
    return exit_code(result)


def _refuse_or_note(asked: Requirement) -> None:
    """Print which clauses a watch cannot judge; raise UsageError if it can judge none."""
    notes = [
        f"clause {number}, {clause.kind}: {beyond[1]}"
        for number, clause in enumerate(asked.clause, start=1)
        if (beyond := beyond_a_watch(clause)) is not None
    ]
    if len(notes) == len(asked.clause):
        raise UsageError(f"{asked.path or asked.name}: a watch can judge no clause of it: {'; '.join(notes)}")
    for note in notes:
        say(f"note: {note}")
