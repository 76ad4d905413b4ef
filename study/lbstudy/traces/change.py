"""Prepares the trace of a change: which spans it has, and when each begins and ends. No I/O.

A stage's span lasts from the previous stage to its own instant. A stage that was not reached while it was
watched is *censored*: its span ends where watching did. A stage without an instant has no span if a later one
was reached (the platform did not report it), or if nobody could observe it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lbstudy.observation.attributes import SPAN_SERVER_ADDED, SPAN_SERVER_REMOVED
from lbstudy.result.model import Adaptability, Added, ClientView, Link, Removed, Stage, StageName


@dataclass(frozen=True, slots=True)
class StageSpan:
    """One stage of a change. Instants are seconds since time zero."""

    stage: StageName
    start: float
    end: float
    client: str | None = None  # whose view it is; None for what the platform did
    is_censored: bool = False
    link: Link | None = None  # the span that shows it


@dataclass(frozen=True, slots=True)
class ChangeTrace:
    """One server's addition or removal."""

    name: str  # "server added", "server removed"
    server: str
    start: float
    end: float
    is_censored: bool  # whether one of its stages is
    stages: tuple[StageSpan, ...]


def change_traces(adaptability: Adaptability) -> list[ChangeTrace]:
    """Return one trace for each server that was added or removed."""
    return [
        *(_trace(SPAN_SERVER_ADDED, added, _of_added(added)) for added in adaptability.added),
        *(_trace(SPAN_SERVER_REMOVED, removed, _of_removed(removed)) for removed in adaptability.removed),
    ]


def _trace(name: str, change: Added | Removed, stages: Sequence[StageSpan]) -> ChangeTrace:
    return ChangeTrace(
        name=name,
        server=change.server,
        start=change.command,
        end=max((stage.end for stage in stages), default=change.command),
        is_censored=any(stage.is_censored for stage in stages),
        stages=tuple(stages),
    )


def _of_added(added: Added) -> list[StageSpan]:
    spans = _chain(added.stages, added.command, added.watched_until)
    if added.ready is None:
        return spans
    published = _reached(added.stages, StageName.PUBLISHED, added.ready)
    for view in added.clients:
        spans.extend(_chain(view.stages, published, added.watched_until, view))
    if added.fair_share is not None:
        if added.fair_share.not_observed is not None:
            return spans
        firsts = [_reached(view.stages, StageName.FIRST_RPC, added.watched_until) for view in added.clients]
        reached = added.fair_share.seconds
        stage = Stage(name=StageName.FAIR_SHARE, at=None if reached is None else added.ready + reached)
        begun = min(firsts, default=added.ready)
        # If no client has had an answer, the wait for the fair share has lasted since Ready.
        begun = begun if begun < added.watched_until else added.ready
        spans.extend(_chain([stage], begun, added.watched_until))
    return spans


def _of_removed(removed: Removed) -> list[StageSpan]:
    spans = _chain(removed.stages, removed.command, removed.watched_until)
    unpublished = _reached(removed.stages, StageName.UNPUBLISHED, removed.command)
    for view in removed.clients:
        for stage in view.stages:
            if stage.name is StageName.LAST_RPC:
                # It may be before the command, or never: nothing was waited for then.
                if stage.at is not None and stage.at >= removed.command:
                    spans.append(StageSpan(stage.name, removed.command, stage.at, view.client))
            else:
                spans.extend(_chain([stage], unpublished, removed.watched_until, view))
    return spans


def _chain(
    stages: Sequence[Stage], start: float, watched_until: float, view: ClientView | None = None
) -> list[StageSpan]:
    client = view.client if view else None
    spans = []
    for i, stage in enumerate(stages):
        if stage.name is StageName.COMMAND or stage.not_observed:
            continue
        if stage.at is not None:
            # Stamps of different observers: a stage may seem to be slightly before the previous one.
            spans.append(StageSpan(stage.name, min(start, stage.at), stage.at, client, link=stage.link))
            start = stage.at
        elif not _any_reached(stages[i + 1 :]):
            spans.append(
                StageSpan(stage.name, min(start, watched_until), watched_until, client, is_censored=True)
            )
    return spans


def _any_reached(stages: Iterable[Stage]) -> bool:
    return any(stage.at is not None for stage in stages)


def _reached(stages: Iterable[Stage], name: StageName, otherwise: float) -> float:
    at = next((stage.at for stage in stages if stage.name is name), None)
    return otherwise if at is None else at
