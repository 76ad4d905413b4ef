"""What was done during the load, on every chart over time: scale commands as lines, faults as bands."""

from collections.abc import Sequence

from markupsafe import Markup

from lbstudy.report.charts import svg
from lbstudy.report.charts.plot import Plot
from lbstudy.result import figures
from lbstudy.result.model import FaultEffects, SettingResult

LATE = 0.85
"""A label that begins beyond this part of the axis is placed to the left."""


FAULT_ROOM = 0.4
"""The part of the axis that a fault's label needs."""
FAULT_ROW = 24.0
"""px of a row of faults."""


def fault_name(number: int) -> str:
    """Return the short name of a fault, F1, F2 …, for places without room for a label."""
    return f"F{number}"


def annotations(setting: SettingResult, plot: Plot) -> Markup:
    """The lines and bands of a chart with one panel."""
    commands = [e.at for e in setting.timeline.events if e.kind == "scale"]
    return svg.join(
        [bands(setting.faults, plot, plot.top, plot.bottom, named=True)]
        + [
            svg.element("line", x1=at, x2=at, y1=plot.top, y2=plot.bottom, class_="command")
            for at in map(plot.at, commands)
        ]
    )


def bands(faults: Sequence[FaultEffects], plot: Plot, top: float, bottom: float, *, named: bool) -> Markup:
    """Return when each fault lasted, as bands; with ``named``, each has its short name at the top."""
    parts = []
    for number, fault in enumerate(faults, start=1):
        left, right = plot.x(fault.start), plot.x(fault.end)
        tip = f"{fault_name(number)} {fault.label}: {fault.start:.1f} to {fault.end:.1f} s"
        parts.append(
            svg.element(
                "rect",
                svg.tooltip(tip),
                x=svg.percent(left),
                y=top,
                width=svg.percent(max(0.0, right - left)),
                height=bottom - top,
                class_="fault",
            )
        )
        edges = [left] if fault.end == fault.start else [left, right]
        parts += [
            svg.element("line", x1=at, x2=at, y1=top, y2=bottom, class_="fault-edge")
            for at in map(svg.percent, edges)
        ]
        if named:
            parts.append(svg.text(f"\u00a0{fault_name(number)}", svg.percent(left), top + 10, "fault-label"))
    return svg.join(parts)


def fault_rows(faults: Sequence[FaultEffects], plot: Plot) -> list[int]:
    """Return the row of each fault, from 0: the first row in which its label overlaps no other."""
    free: list[float] = []  # where each row is free from, as a part of the axis
    rows = []
    for fault in faults:
        start = plot.x(fault.start)
        row = next((i for i, since in enumerate(free) if since <= start), len(free))
        free[row:] = [max(plot.x(fault.end), start + FAULT_ROOM), *free[row + 1 :]]
        rows.append(row)
    return rows


def fault_lane(faults: Sequence[FaultEffects], plot: Plot, top: float) -> Markup:
    """Each fault with its label, in rows of ``FAULT_ROW``."""
    parts = []
    for number, (fault, row) in enumerate(zip(faults, fault_rows(faults, plot), strict=True), start=1):
        start, end = plot.x(fault.start), plot.x(fault.end)
        y = top + FAULT_ROW * (row + 1) - 8
        label = f"\u00a0{fault_name(number)} {fault.label}\u00a0"
        parts.append(
            svg.element(
                "line",
                svg.tooltip(f"{fault.label}: {figures.moment(fault.start)} to {figures.moment(fault.end)} s"),
                x1=svg.percent(start),
                x2=svg.percent(max(end, start + 0.002)),
                y1=y,
                y2=y,
                class_="fault-bar",
            )
        )
        anchor = "end" if start > LATE else "start"
        parts.append(svg.text(label, svg.percent(start), y - 5, "mark-label", anchor))
    return svg.join(parts)
