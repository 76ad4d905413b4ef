"""The aligned timeline of one setting: what was done, what was seen, and who got the requests."""

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from lbstudy.report.charts import marks, svg
from lbstudy.report.charts.annotations import FAULT_ROW, bands, fault_lane, fault_rows
from lbstudy.report.charts.plot import X_AXIS, Plot, chart, stretched
from lbstudy.report.charts.scale import Linear, Scale, from_zero
from lbstudy.report.charts.stack import band_labels, fair_levels, stacked_steps
from lbstudy.report.palette import Palette
from lbstudy.result import figures
from lbstudy.result.model import NOT_OBSERVED, SettingResult, Timeline, TimelineEvent
from lbstudy.result.words import is_pushed, time_axis

_WHERE = {
    False: "came into DNS or left it; resolver updates of each client",
    True: "the control plane published or withdrew; lists that it pushed to each client",
}
"""What can happen to addresses, by whether the setting has a control plane."""
LANE = 32.0
"""px of a lane: its caption and its marks."""
_APART = 0.18
"""The least part of the axis between the names of two changes, where there may be many."""
_ALL_NAMED = 5
"""So many changes of a run are all named."""
CLIENT_LANES = 4
"""With more clients, their resolver updates share one lane."""


def time_scale(settings: Sequence[SettingResult]) -> Linear:
    """Return one time axis for all settings, s since the load began."""
    lines = [s.timeline for s in settings]
    low = min([0.0, *(t.start for t in lines), *(e.at for t in lines for e in t.events)])
    high = max([1.0, *(_end(t) for t in lines), *(p.end for s in settings for p in s.phases)])
    return Linear(low, high)


def request_scale(settings: Sequence[SettingResult]) -> Linear:
    """Return one scale of the answered RPC/s for all settings."""
    totals = (sum(v) for s in settings for v in zip(*s.timeline.requests.values(), strict=True))
    return from_zero(totals, least=1.0)


def server_scale(settings: Sequence[SettingResult]) -> Linear:
    """Return one scale of the number of servers and addresses for all settings."""
    ready = [float(r.servers) for s in settings for r in s.timeline.ready]
    addresses = [a for s in settings for a in s.timeline.addresses]
    return from_zero([*ready, *addresses], least=1.0)


def error_scale(settings: Sequence[SettingResult]) -> Linear:
    """Return one scale of the failed RPC/s for all settings."""
    return from_zero((e or 0.0 for s in settings for e in s.timeline.errors), least=1.0)


def timeline(
    setting: SettingResult, palette: Palette, x: Scale, servers: Scale, requests: Scale, errors: Scale
) -> Markup:
    """Return the chart; settings share the scales, so that they can be compared by eye."""
    line = setting.timeline
    lanes = _lanes(setting)
    rows = max(fault_rows(setting.faults, Plot(x, servers, height=0)), default=-1) + 1
    first = 22 + FAULT_ROW * rows
    top = first + LANE * len(lanes)
    list_plot = Plot(x, servers, height=72, top=top + 26)
    request_plot = Plot(x, requests, height=150, top=list_plot.bottom + 30)
    error_plot = Plot(x, errors, height=34 if any(line.errors) else 4, top=request_plot.bottom + 30)
    height = error_plot.bottom + X_AXIS
    are_many = setting.is_live or sum(event.kind == "scale" for event in line.events) > _ALL_NAMED
    above = [_scale_commands(line.events, error_plot, apart=_APART if are_many else 0.0)]
    above += [
        _lane(caption, events, palette, list_plot, first + LANE * i)
        for i, (caption, events) in enumerate(lanes)
    ]
    if setting.faults:
        above.append(fault_lane(setting.faults, list_plot, 22))
    return chart(
        height,
        f"Timeline of {setting.name}",
        f"From the top: {'changes' if setting.is_live else 'scale commands'}; faults, which are bands all "
        "the way down; pods that became Ready or "
        f"were terminated; addresses that {_WHERE[is_pushed(setting)]}; "
        "addresses in the clients' lists against Ready servers; answered requests a second, stacked by "
        "server; failed requests a second.",
        bands(setting.faults, error_plot, 22, error_plot.bottom, named=False),
        list_plot.y_axis(2, "servers Ready (filled), in clients’ lists (line)"),
        request_plot.y_axis(3, f"answered RPC/s by server{_unless(line)}"),
        error_plot.y_axis(2, f"failed RPC/s{_others(line)}")
        if any(line.errors)
        else svg.text(f"failed RPC/s: {_no_failures(line)}", 0, error_plot.top - 6, "caption"),
        stretched(
            height,
            _ready_area(line, list_plot),
            list_plot.line(steps(line, line.addresses), "addresses"),
            stacked_steps(line, palette, request_plot),
            fair_levels(line, request_plot),
        ),
        band_labels(line, palette, request_plot),
        _failures(line, error_plot),
        *above,
        error_plot.x_axis(time_axis(setting)),
    )


def _unless(line: Timeline) -> str:
    return "; dashed: fair shares" if line.not_observed is None else f": {NOT_OBSERVED}"


def _no_failures(line: Timeline) -> str:
    return NOT_OBSERVED if None in line.errors else "none"


def _others(line: Timeline) -> str:
    return f", others {NOT_OBSERVED}" if None in line.errors else ""


def _end(line: Timeline) -> float:
    return line.start + line.bucket * len(line.errors)


def _lanes(setting: SettingResult) -> list[tuple[str, list[TimelineEvent]]]:
    events, pushed = setting.timeline.events, is_pushed(setting)
    what = "lists that were pushed" if pushed else "resolver updates"
    lanes = [
        ("pods: Ready, terminated", [e for e in events if e.kind in marks.POD_KINDS]),
        (
            f"{'control plane' if pushed else 'DNS'}: published, withdrawn",
            [e for e in events if e.kind in marks.DNS_KINDS],
        ),
    ]
    updates = [e for e in events if e.kind == "update"]
    if len(setting.clients) > CLIENT_LANES:
        lanes.append((f"{what}, all {len(setting.clients)} clients", updates))
    else:
        lanes += [(f"{what}, {c}", [e for e in updates if e.client == c]) for c in setting.clients]
        # A live Service's clients need not tell of their resolvers.
        lanes = [lane for lane in lanes if lane[1] or not setting.is_live]
    return lanes


def _lane(caption: str, events: list[TimelineEvent], palette: Palette, plot: Plot, top: float) -> Markup:
    y = top + LANE - 8
    return svg.join(
        [
            svg.text(caption, 0, top + 11, "caption"),
            svg.element("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"),
            marks.lane(events, palette, plot, y),
        ]
    )


def _scale_commands(events: list[TimelineEvent], last: Plot, apart: float) -> Markup:
    """The changes, each named where its name is at least ``apart`` of the axis from the one before."""
    parts = []
    free = 0.0
    for event in events:
        if event.kind == "scale":
            at = last.x(event.at)
            x, late = last.at(event.at), at > 0.85
            parts.append(svg.element("line", x1=x, x2=x, y1=4, y2=last.bottom, class_="command"))
            if at < free or (late and at - apart < free):
                continue
            free = at + apart
            label = f"\u00a0{event.label}\u00a0"
            parts.append(svg.text(label, x, 14, "command-label", "end" if late else "start"))
    return svg.join(parts)


def _ready_area(line: Timeline, plot: Plot) -> Markup:
    end = _end(line)
    steps = [(r.at, float(r.servers)) for r in line.ready if r.at <= end]
    if not steps:
        return Markup("")
    upper: list[tuple[float, float]] = []
    for (at, servers), (until, _) in pairwise([*steps, (end, 0.0)]):
        upper += [(at, servers), (until, servers)]
    return plot.area(upper, [(x, 0.0) for x, _ in upper], "ready", "Ready servers")


def steps(line: Timeline, values: Sequence[float | None]) -> list[tuple[float, float | None]]:
    """Return one value a bucket as the corners of a step line; None is a gap."""
    points: list[tuple[float, float | None]] = []
    for i, value in enumerate(values):
        start = line.start + i * line.bucket
        points += [(start, value), (start + line.bucket, value)]
    return points


def _failures(line: Timeline, plot: Plot) -> Markup:
    bars = []
    for i, errors in enumerate(line.errors):
        if errors:
            start = line.start + i * line.bucket
            tip = f"{figures.rate(errors)} failed at {start:.1f} s"
            bars.append(plot.bar(start, start + line.bucket, 0, errors, "error-bar", tip))
    return svg.join(bars)
