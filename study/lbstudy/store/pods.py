"""Turns a platform's changes into commands, the life of each server pod, and faults. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lbstudy.observation.records import FaultPeriod, Interruption, PodLife, ScaleCommand
from lbstudy.platform.interface import ChangeKind


@dataclass(frozen=True, slots=True)
class SeenChange:
    """A change of one Deployment, in seconds since time zero."""

    at: float
    kind: str
    pod: str | None
    address: str | None
    detail: str
    error: float = 0.0  # s, the bound of the instant's error


@dataclass(slots=True)
class _Reader:
    """Processes the changes in order of time.

    A command from N to M > N adds the first M − N pods that are created after it; one to M < N removes the
    first N − M pods that are terminated after it; a replacement adds N and removes N. Pods beyond these
    numbers have no command: one that replaces a pod that died, and the tear-down at the end.
    """

    commands: list[ScaleCommand] = field(default_factory=list)
    lives: dict[str, dict[str, Any]] = field(default_factory=dict)  # pod → PodLife's fields
    # the commands whose pods have not all been created, oldest first
    to_come: list[float] = field(default_factory=list)
    to_go: list[float] = field(default_factory=list)

    def command(self, change: SeenChange) -> None:
        """Process a command for the whole Deployment."""
        if change.kind == ChangeKind.SCALE:
            self.scale(change)
        elif change.kind == ChangeKind.REPLACE:
            self.replace(change)

    def scale(self, change: SeenChange) -> None:
        servers = int(change.detail)
        before = self.commands[-1].servers if self.commands else 0
        self.commands.append(ScaleCommand(change.at, servers))
        waiting = self.to_come if servers > before else self.to_go
        waiting.extend([change.at] * abs(servers - before))

    def replace(self, change: SeenChange) -> None:
        """Note that all servers are replaced."""
        servers = self.commands[-1].servers if self.commands else 0
        self.commands.append(ScaleCommand(change.at, servers, change.detail))
        self.to_come.extend([change.at] * servers)
        self.to_go.extend([change.at] * servers)

    def created(self, pod: str, change: SeenChange) -> None:
        commanded = self.to_come.pop(0) if self.to_come else change.at
        self.lives[pod] = {
            "name": pod,
            "address": "",
            "commanded": commanded,
            "interruptions": [],
            "errors": {},
        }
        self.reached(pod, "created", change)

    def terminating(self, pod: str, change: SeenChange) -> None:
        commanded = self.to_go.pop(0) if self.to_go else None
        self.lives[pod]["removal_commanded"] = commanded
        self.reached(pod, "terminating", change)

    def reached(self, pod: str, stage: str, change: SeenChange) -> None:
        """Note when a pod reached a stage; only the first time counts."""
        life = self.lives[pod]
        if stage not in life:
            life[stage] = change.at
            if change.error:
                life["errors"][stage] = change.error

    def forget(self, pod: str, stage: str) -> None:
        """Forget that the pod reached a stage."""
        self.lives[pod].pop(stage, None)
        self.lives[pod]["errors"].pop(stage, None)

    def stage(self, pod: str, change: SeenChange) -> None:
        """Note that a pod enters a stage; if it had been there before, it was interrupted."""
        life, stage = self.lives[pod], _STAGES[change.kind]
        if stage in _ENDS_WITH:
            self.forget(pod, _ENDS_WITH[stage])
        elif stage in _ENDS_WITH.values():
            self.forget(pod, stage)
        self.reached(pod, stage, change)
        interruptions: list[Interruption] = life["interruptions"]
        if interruptions and "terminating" not in life and getattr(interruptions[-1], stage, 0.0) is None:
            interruptions[-1] = replace(interruptions[-1], **{stage: change.at})


_ENDS_WITH: Mapping[str, str] = {"listed": "withdrawn", "published": "unpublished"}
"""A stage → the stage that ends it; for the latter, only the last time counts."""
_STAGES: Mapping[str, str] = {
    ChangeKind.SCHEDULED: "scheduled",
    ChangeKind.STARTED: "started",
    ChangeKind.READY: "ready",
    ChangeKind.ENDPOINT: "listed",
    ChangeKind.PUBLISHED: "published",
    ChangeKind.WITHDRAWN: "withdrawn",
    ChangeKind.UNPUBLISHED: "unpublished",
    ChangeKind.EXITED: "exited",
}


def read_changes(changes: Iterable[SeenChange]) -> tuple[tuple[ScaleCommand, ...], tuple[PodLife, ...]]:
    """Return the scale commands, and the pods' lives in order of creation.

    The first command is the initial number of servers. If the platform reported none, it is the number of
    pods created before the first reported command.
    """
    ordered = sorted(changes, key=lambda change: change.at)
    reader = _Reader()
    initial = _initial(ordered)
    if initial is not None:
        reader.scale(initial)
    for change in ordered:
        if change.pod is None:
            reader.command(change)
            continue
        if change.kind == ChangeKind.CREATED:
            reader.created(change.pod, change)
        elif change.pod not in reader.lives:
            continue
        elif change.kind == ChangeKind.TERMINATING:
            reader.terminating(change.pod, change)
        elif change.kind == ChangeKind.UNREADY:
            reader.lives[change.pod]["interruptions"].append(Interruption(change.at))
        elif change.kind in _STAGES:
            reader.stage(change.pod, change)
        if change.address:
            reader.lives[change.pod]["address"] = change.address
    lives = [life | {"interruptions": tuple(life["interruptions"])} for life in reader.lives.values()]
    return tuple(reader.commands), tuple(PodLife(**life) for life in lives)


def read_faults(changes: Iterable[SeenChange], kinds: Mapping[str, str]) -> tuple[FaultPeriod, ...]:
    """Return the faults in the order in which they began; one without a reported end has none.

    Args:
        changes: what the platform saw.
        kinds: a fault's label → its kind.
    """
    periods: list[FaultPeriod] = []
    for change in sorted(changes, key=lambda change: change.at):
        if change.kind == ChangeKind.FAULT:
            periods.append(
                FaultPeriod(change.detail, change.pod, change.at, kind=kinds.get(change.detail, ""))
            )
        elif change.kind == ChangeKind.LIFTED:
            for i, earlier in enumerate(periods):
                if (earlier.label, earlier.server, earlier.lifted) == (change.detail, change.pod, None):
                    periods[i] = replace(earlier, lifted=change.at)
    return tuple(periods)


def _initial(ordered: list[SeenChange]) -> SeenChange | None:
    """Return a command to replace the initial one if the platform did not report it; else None."""
    before = []
    for change in ordered:
        if change.kind == ChangeKind.SCALE:
            break
        if change.kind == ChangeKind.CREATED:
            before.append(change.at)
    return SeenChange(before[0], ChangeKind.SCALE, None, None, str(len(before))) if before else None
