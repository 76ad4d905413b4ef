"""The waterfall of an added or removed server: each stage as a bar, on a time axis from the command on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from lbstudy.report import figures
from lbstudy.report.charts import marks, svg
from lbstudy.report.charts.plot import Plot, chart
from lbstudy.report.charts.scale import Linear, Scale
from lbstudy.result.model import Added, ClientView, Delay, Removed, SettingResult, Stage, StageName, WaitedFor

ROW = 18.0
BAR = 10.0
FARTHEST = 12.0
"""The axis is no longer than this many times the longest measured stage: censored bars end in an arrow."""
CLIENTS = 6
"""With more clients than these the waterfall shows the slowest; the table has them all."""

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
"""The stage that a bar leads to → its class."""

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
class Row:
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
    rows: list[Row]
    left_out: int
    """Clients that have no row."""


def added_scale(settings: Sequence[SettingResult]) -> Linear:
    """One scale, s since the command, for every added server of all settings."""
    return _scale([a for s in settings for a in s.adaptability.added])


def removed_scale(settings: Sequence[SettingResult]) -> Linear:
    """One scale, s since the command, for every removed server of all settings."""
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
    """Command → Ready → in DNS by the platform; then what each client waited for from Ready on."""
    pod = {s.name: s for s in added.stages}
    ready = added.ready
    rows = [Row("pod", _since(ready, added.command), ready is None, _bar(added, pod, POD_ADDED, x, None))]
    shown = sorted(added.clients, key=lambda v: _rank(v.discovery), reverse=True)[:CLIENTS]
    for view in sorted(shown, key=added.clients.index):
        censored = view.discovery is not None and view.discovery.seconds is None
        rows.append(Row(view.client, figures.delay(view.discovery), censored, _waits(added, view, x)))
    note = "never Ready" if ready is None else f"Ready {figures.signed(ready - added.command)}"
    return Waterfall(added.server, note, rows, len(added.clients) - len(shown))


def waited_for(settings: Sequence[SettingResult]) -> list[WaitedFor]:
    """What any client of any setting waited for from Ready on, in the order in which such things come."""
    found = {
        wait.what
        for setting in settings
        for added in setting.adaptability.added
        for view in added.clients
        for wait in view.waits
    }
    return [what for what in WaitedFor if what in found and what is not WaitedFor.READY]


def removed_waterfall(removed: Removed, x: Scale) -> Waterfall:
    """Command → terminating → out of DNS → exited; then when each client's resolver told it."""
    pod = {s.name: s for s in removed.stages}
    exited = pod[StageName.EXITED].at if StageName.EXITED in pod else None
    rows = [
        Row("pod", _since(exited, removed.command), exited is None, _bar(removed, pod, POD_REMOVED, x, None))
    ]
    shown = sorted(removed.clients, key=lambda v: _rank(v.detect), reverse=True)[:CLIENTS]
    for view in sorted(shown, key=removed.clients.index):
        command = Stage(name=StageName.COMMAND, at=removed.command)
        at = {StageName.COMMAND: command} | {s.name: s for s in view.stages}
        censored = view.detect.seconds is None
        bar = _bar(removed, at, CLIENT_REMOVED, x, removed.watched_until if censored else None)
        rows.append(Row(view.client, figures.delay(view.detect), censored, bar))
    last = removed.last_rpc
    note = "never answered an RPC" if last is None else f"last RPC {figures.signed(last - removed.command)}"
    failed = f"; {figures.count(removed.failed)} failed RPCs" if removed.failed else ""
    return Waterfall(removed.server, note + failed, rows, len(removed.clients) - len(shown))


def axis(x: Scale) -> Markup:
    """The time axis below the rows."""
    plot = Plot(x, Linear(0, 1), height=2)
    return chart(38, "Time axis", "Seconds since the scale command.", plot.x_axis("s since the command", 6))


def _waits(added: Added, view: ClientView, x: Scale) -> Markup:
    """A client's waits, one bar each; the last one ends in an arrow where it is open."""
    plot = Plot(x, Linear(0, 1), height=BAR, top=(ROW - BAR) / 2)
    parts = [svg.element("line", x1="0", x2="100%", y1=ROW / 2, y2=ROW / 2, class_="grid")]
    told = []
    for wait in view.waits:
        if wait.what is WaitedFor.READY:
            continue
        start, end = wait.start - added.command, wait.end - added.command
        tip = f"{wait.what.value}: {figures.seconds(end - start)}{', and still' if wait.open else ''}"
        told.append(tip)
        class_ = f"stage {WAIT_CLASS[wait.what]}{' st-censored' if wait.open else ''}"
        parts.append(plot.bar(start, end, 0, 1, class_, tip))
        if wait.open:
            parts.append(marks.use("arrow", plot.at(end), ROW / 2))
    return chart(ROW, "Where the seconds went", "; ".join(told), *parts)


def _bar(
    server: Added | Removed,
    stages: dict[StageName, Stage],
    order: Sequence[StageName],
    x: Scale,
    censored_until: float | None,
) -> Markup:
    """The stages that were reached, one bar each; a censored row ends in an arrow."""
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
    """Whether a delay of this server is censored."""
    return any(
        d is not None and d.seconds is None for view in server.clients for d in (view.detect, view.discovery)
    )


def _rank(delay: Delay | None) -> tuple[bool, float]:
    if delay is None:
        return (False, 0.0)
    return (delay.seconds is None, delay.seconds or 0.0)


def _since(at: float | None, command: float) -> str:
    return figures.NONE if at is None else figures.seconds(at - command)
