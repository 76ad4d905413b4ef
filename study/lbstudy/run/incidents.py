"""Unplanned ends: programs that ended by themselves, or did not end when they were told to. No I/O."""

from collections import Counter
from collections.abc import Iterable

from lbstudy.platform.interface import Change, ChangeKind


def incidents(changes: Iterable[Change], deployment: str) -> list[str]:
    """Return one line for each kind of incident of a Deployment's pods."""
    commanded: set[str | None] = set()
    troubled: set[str | None] = set()
    ended: Counter[str] = Counter()
    killed: list[str] = []
    for change in changes:
        if change.deployment != deployment or change.pod is None:
            continue
        match change.kind:
            case ChangeKind.TERMINATING:
                commanded.add(change.pod)
            case ChangeKind.FAULT:
                troubled.add(change.pod)
            case ChangeKind.EXITED if change.pod in commanded:
                if change.detail == "-9":
                    killed.append(change.pod)
            case ChangeKind.EXITED if change.pod not in troubled:
                ended[change.detail] += 1
    lines = [
        f"{_pods(count)} ended without being told to, {_status(detail)}" for detail, count in ended.items()
    ]
    if killed:
        lines.append(
            f"{_pods(len(killed))} did not end when told to, and had to be killed: {', '.join(killed)}"
        )
    return lines


def _pods(count: int) -> str:
    return "1 server" if count == 1 else f"{count} servers"


def _status(detail: str) -> str:
    return f"by signal {detail[1:]}" if detail.startswith("-") and detail != "-1" else f"with status {detail}"
