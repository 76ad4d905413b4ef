"""Marks for events, distinguished by shape and text, never by colour alone."""

from collections.abc import Sequence

from markupsafe import Markup

from lbstudy.report.charts import svg
from lbstudy.report.charts.plot import Plot
from lbstudy.report.charts.scale import Scale
from lbstudy.report.palette import Palette, ranges
from lbstudy.result.model import TimelineEvent

POD_KINDS = frozenset({"ready", "terminating", "unready"})
DNS_KINDS = frozenset({"published", "unpublished"})

NEAR = 0.02
"""Events with one shape that are closer than this part of the axis share a mark."""
LABEL_ROOM = 0.15
"""The part of the axis that a label needs."""
GAP = "\u00a0" * 3
"""The space between a mark and its label."""
LONGEST = 10
"""A longer label is replaced by the number of servers."""

SHAPES = {
    "up": ("M-5,4 0,-5 5,4Z", "up"),
    "down": ("M-5,-4 0,5 5,-4Z", "down"),
    "changed": ("M-5.5,0 0,-5.5 5.5,0 0,5.5Z", "changed"),
    "unchanged": ("M-3,0a3,3 0 1 0 6,0a3,3 0 1 0 -6,0Z", "unchanged"),
    "failed": ("M-4.5,-4.5 4.5,4.5M-4.5,4.5 4.5,-4.5", "failed"),
    "arrow": ("M-8,-5 0,0 -8,5", "arrow"),
}
"""Shape → its path around the origin, and its class."""


def definitions() -> Markup:
    """Return the shapes, once a page; ``use`` places them at percentages."""
    return svg.join(
        [svg.element("path", id=f"mark-{name}", d=d, class_=f"mark {c}") for name, (d, c) in SHAPES.items()]
    )


def use(shape: str, x: str, y: float, *children: Markup) -> Markup:
    """Return a shape at a place."""
    return svg.element("use", *children, href=f"#mark-{shape}", x=x, y=y)


def shape_of(event: TimelineEvent) -> str:
    """Return the shape of an event."""
    if event.kind in {"ready", "published"}:
        return "up"
    if event.kind in {"terminating", "unready", "unpublished"}:
        return "down"
    outcome = event.outcome or "unchanged"
    return outcome if outcome in {"changed", "unchanged"} else "failed"


def clusters(events: Sequence[TimelineEvent], x: Scale) -> list[list[TimelineEvent]]:
    """Group neighbours of one shape that would overlap in a narrow column."""
    groups: list[list[TimelineEvent]] = []
    latest: dict[str, list[TimelineEvent]] = {}
    for event in sorted(events, key=lambda e: e.at):
        shape = shape_of(event)
        group = latest.get(shape)
        if group is not None and x(event.at) - x(group[0].at) <= NEAR:
            group.append(event)
        else:
            latest[shape] = [event]
            groups.append(latest[shape])
    return groups


def lane(events: Sequence[TimelineEvent], palette: Palette, plot: Plot, y: float) -> Markup:
    """Return all marks of a lane; marks of servers are labelled with the servers' numbers.

    If marks of one shape are too close for a label each, the last one's label is for all of them.
    """
    parts = []
    waiting: dict[str, list[TimelineEvent]] = {}
    groups = clusters(events, plot.x)
    for i, group in enumerate(groups):
        shape, x = shape_of(group[0]), plot.x(group[0].at)
        parts.append(use(shape, plot.at(group[0].at), y, svg.tooltip("\n".join(map(_describe, group)))))
        labelled = [*waiting.pop(shape, []), *group]
        following = [g for g in groups[i + 1 :] if shape_of(g[0]) == shape]
        if following and plot.x(following[0][0].at) - x < LABEL_ROOM:
            waiting[shape] = labelled
        else:
            parts.append(_label(labelled, group[0].at, palette, plot, y))
    return svg.join(parts)


def _label(group: Sequence[TimelineEvent], at: float, palette: Palette, plot: Plot, y: float) -> Markup:
    numbers = sorted({palette.number(e.server) for e in group if e.server is not None})
    if not numbers:
        return Markup("")
    label = ranges(numbers)
    if len(label) > LONGEST:
        label = f"{len(numbers)} servers"
    late = plot.x(at) > 1 - LABEL_ROOM
    padded = f"{label}{GAP}" if late else f"{GAP}{label}"
    return svg.text(padded, plot.at(at), y + 4, "mark-label", "end" if late else "start")


def _describe(event: TimelineEvent) -> str:
    who = event.server or event.client
    what = event.label if who is None or who in event.label else f"{who} {event.label}"
    return f"{event.at:.3f} s: {what}"
