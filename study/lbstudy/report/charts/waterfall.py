"""The waterfall of an added or removed server: each stage as a bar, on a time axis from the command."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from lbstudy.report.charts import marks, svg
from lbstudy.report.charts.plot import Plot, chart
from lbstudy.report.charts.scale import Linear, Scale
from lbstudy.result import figures
from lbstudy.result.model import (
    NOT_OBSERVED,
    Added,
    ClientView,
    Delay,
    Removed,
    SettingResult,
    Stage,
    StageName,
    WaitedFor,
)

ROW = 18.0
BAR = 10.0
FARTHEST = 12.0
"""The axis is at most this many times the longest measured stage: longer censored bars end in an arrow."""
CLIENTS = 6
"""With more clients, the waterfall shows the slowest; the table has all of them."""

POD_ADDED = (
    StageName.COMMAND,
    StageName.CREATED,
    StageName.SCHEDULED,
    StageName.STARTED,
    StageName.READY,
    StageName.ENDPOINT,
    StageName.PUBLISHED,
)
POD_REMOVED = (
    StageName.COMMAND,
    StageName.TERMINATING,
    StageName.WITHDRAWN,
    StageName.UNPUBLISHED,
    StageName.EXITED,
)
CLIENT_REMOVED = (StageName.COMMAND, StageName.UPDATE)

STAGE_CLASS = {
    StageName.CREATED: "st-pod",
    StageName.SCHEDULED: "st-pod",
    StageName.STARTED: "st-pod",
    StageName.READY: "st-start",
    StageName.ENDPOINT: "st-dns",
    StageName.PUBLISHED: "st-dns",
    StageName.UPDATE: "st-wait",
    StageName.TERMINATING: "st-pod",
    StageName.WITHDRAWN: "st-dns",
    StageName.UNPUBLISHED: "st-dns",
    StageName.EXITED: "st-start",
}
"""A stage → the class of the bar that leads to it."""

WAIT_CLASS = {
    WaitedFor.READY: "st-start",
    WaitedFor.PUSH: "st-dns",
    WaitedFor.DNS: "st-dns",
    WaitedFor.TRIGGER: "st-wait",
    WaitedFor.MINIMUM_INTERVAL: "st-interval",
    WaitedFor.RESOLVER_BACKOFF: "st-backoff",
    WaitedFor.RESOLUTION: "st-look",
    WaitedFor.POLICY: "st-policy",
    WaitedFor.CONNECT: "st-connect",
    WaitedFor.CONNECTION_BACKOFF: "st-backoff",
    WaitedFor.HEALTH_CHECK: "st-held",
    WaitedFor.TURN: "st-turn",
    WaitedFor.FAILING: "st-failing",
    WaitedFor.EJECTION: "st-held",
    WaitedFor.FIRST_RPC: "st-first",
}
"""What a client waits for → the class of its bar."""


@dataclass(frozen=True, slots=True)
class WaterfallBar:
    """One bar of a waterfall."""

    name: str
    value: str
    censored: bool
    bar: Markup


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All rows of one server."""

    server: str
    note: str
    rows: list[WaterfallBar]
    left_out: int
    """The number of clients without a row."""


def added_scale(settings: Sequence[SettingResult]) -> Linear:
    """Return one scale, s since the command, for every added server of all settings."""
    return _scale([a for s in settings for a in s.adaptability.added])


def removed_scale(settings: Sequence[SettingResult]) -> Linear:
    """Return one scale, s since the command, for every removed server of all settings."""
    return _scale([r for s in settings for r in s.adaptability.removed])


def _scale(servers: Sequence[Added | Removed]) -> Linear:
    after = [
        stage.at - server.command
        for server in servers
        for stages in (server.stages, *(view.stages for view in server.clients))
        for stage in stages
        if stage.at is not None
    ]
    measured = max(after, default=0.0)
    furthest = max([measured, *(s.watched_until - s.command for s in servers if _censored(s))])
    return Linear(0.0, max(min(furthest, FARTHEST * measured) if measured > 0 else furthest, 1e-3))


def added_waterfall(added: Added, x: Scale) -> Waterfall:
    """Return command → Ready → in DNS by the platform; then what each client waited for from Ready on."""
    pod = {s.name: s for s in added.stages}
    ready = added.ready
    rows = [
        WaterfallBar("pod", _since(ready, added.command), ready is None, _bar(added, pod, POD_ADDED, x, None))
    ]
    shown = sorted(added.clients, key=lambda v: _rank(v.discovery), reverse=True)[:CLIENTS]
    for view in sorted(shown, key=added.clients.index):
        censored = view.discovery is not None and view.discovery.is_censored
        rows.append(
            WaterfallBar(view.client, figures.delay(view.discovery), censored, _waits(added, view, x))
        )
    note = "never Ready" if ready is None else f"Ready {figures.signed(ready - added.command)}"
    return Waterfall(added.server, note, rows, len(added.clients) - len(shown))


def waited_for(settings: Sequence[SettingResult]) -> list[WaitedFor]:
    """Return what any client of any setting waited for from Ready on, in the usual order."""
    waits = {
        wait.what
        for setting in settings
        for added in setting.adaptability.added
        for view in added.clients
        for wait in view.waits
    }
    return [what for what in WaitedFor if what in waits and what is not WaitedFor.READY]


def removed_waterfall(removed: Removed, x: Scale) -> Waterfall:
    """Return command → terminating → out of DNS → exited; then when each client's resolver dropped it."""
    pod = {s.name: s for s in removed.stages}
    exited = pod[StageName.EXITED].at if StageName.EXITED in pod else None
    rows = [
        WaterfallBar(
            "pod", _since(exited, removed.command), exited is None, _bar(removed, pod, POD_REMOVED, x, None)
        )
    ]
    shown = sorted(removed.clients, key=lambda v: _rank(v.detect), reverse=True)[:CLIENTS]
    for view in sorted(shown, key=removed.clients.index):
        command = Stage(name=StageName.COMMAND, at=removed.command)
        at = {StageName.COMMAND: command} | {s.name: s for s in view.stages}
        censored = view.detect.is_censored
        bar = _bar(removed, at, CLIENT_REMOVED, x, removed.watched_until if censored else None)
        rows.append(WaterfallBar(view.client, figures.delay(view.detect), censored, bar))
    last = removed.last_rpc
    hidden = any(stage.not_observed for view in removed.clients for stage in view.stages)
    none = f"last RPC {NOT_OBSERVED}" if hidden else "never answered an RPC"
    note = none if last is None else f"last RPC {figures.signed(last - removed.command)}"
    failed = "" if removed.failed == 0 else f"; failed RPCs: {figures.count(removed.failed)}"
    return Waterfall(removed.server, note + failed, rows, len(removed.clients) - len(shown))


def axis(x: Scale, since: str = "the command") -> Markup:
    """Return the time axis below the rows, which counts since something."""
    plot = Plot(x, Linear(0, 1), height=2)
    return chart(38, "Time axis", f"Seconds since {since}.", plot.x_axis(f"s since {since}", 6))


def _waits(added: Added, view: ClientView, x: Scale) -> Markup:
    """Return a client's waits, one bar each; an open last one ends in an arrow."""
    plot = Plot(x, Linear(0, 1), height=BAR, top=(ROW - BAR) / 2)
    parts = [svg.element("line", x1="0", x2="100%", y1=ROW / 2, y2=ROW / 2, class_="grid")]
    bars = []
    if not view.waits and view.discovery is not None and added.ready is not None:
        parts += _undivided(added, view.discovery, added.ready, plot)
    for wait in view.waits:
        if wait.what is WaitedFor.READY:
            continue
        start, end = wait.start - added.command, wait.end - added.command
        tip = f"{wait.what.value}: {figures.seconds(end - start)}{', and still' if wait.open else ''}"
        bars.append(tip)
        class_ = f"stage {WAIT_CLASS[wait.what]}{' st-censored' if wait.open else ''}"
        parts.append(plot.bar(start, end, 0, 1, class_, tip))
        if wait.open:
            parts.append(marks.use("arrow", plot.at(end), ROW / 2))
    return chart(ROW, "Where the seconds went", "; ".join(bars), *parts)


def _undivided(added: Added, discovery: Delay, ready: float, plot: Plot) -> list[Markup]:
    """Return the whole delay as one bar if its parts are unknown; empty if nothing is known."""
    seconds = discovery.censored_after if discovery.seconds is None else discovery.seconds
    if seconds is None:
        return []
    start = ready - added.command
    tip = f"Ready until the first RPC: {discovery}; what was waited for was {NOT_OBSERVED}"
    class_ = f"stage st-wait{' st-censored' if discovery.is_censored else ''}"
    parts = [plot.bar(start, start + seconds, 0, 1, class_, tip)]
    if discovery.is_censored:
        parts.append(marks.use("arrow", plot.at(start + seconds), ROW / 2))
    return parts


def _bar(
    server: Added | Removed,
    stages: dict[StageName, Stage],
    order: Sequence[StageName],
    x: Scale,
    censored_until: float | None,
) -> Markup:
    """Return the stages that were reached, one bar each; a censored row ends in an arrow."""
    plot = Plot(x, Linear(0, 1), height=BAR, top=(ROW - BAR) / 2)
    parts = [svg.element("line", x1="0", x2="100%", y1=ROW / 2, y2=ROW / 2, class_="grid")]
    at = {name: stage.at for name, stage in stages.items()}
    reached = [(name, t) for name in order if (t := at.get(name)) is not None]
    for (_, start), (name, end) in pairwise(reached):
        start_s, end_s = sorted((start - server.command, end - server.command))
        tip = f"{name.value}: {figures.stage(stages[name], server.command)}"
        parts.append(plot.bar(start_s, end_s, 0, 1, f"stage {STAGE_CLASS.get(name, 'st-pod')}", tip))
    if censored_until is not None and reached:
        start, end = reached[-1][1] - server.command, censored_until - server.command
        missed = order[min(len(reached), len(order) - 1)].value
        tip = f"{missed}: not within {figures.seconds(end)} of the command"
        parts.append(plot.bar(start, end, 0, 1, "stage st-censored", tip))
        parts.append(marks.use("arrow", plot.at(end), ROW / 2))
    last = at.get(StageName.LAST_RPC)
    if last is not None:
        tip = f"{StageName.LAST_RPC.value}: {figures.signed(last - server.command)}"
        parts.append(marks.use("unchanged", plot.at(last - server.command), ROW / 2, svg.tooltip(tip)))
    return chart(
        ROW,
        "Stages",
        "; ".join(f"{n.value} {figures.stage(stages[n], server.command)}" for n, _ in reached),
        *parts,
    )


def _censored(server: Added | Removed) -> bool:
    """Return whether a delay of this server is censored."""
    return any(
        d is not None and d.is_censored for view in server.clients for d in (view.detect, view.discovery)
    )


def _rank(delay: Delay | None) -> tuple[bool, float]:
    if delay is None:
        return (False, 0.0)
    return (delay.is_censored, delay.seconds or 0.0)


def _since(at: float | None, command: float) -> str:
    return figures.NONE if at is None else figures.seconds(at - command)
