"""CPU, memory and inactivity age of each server over time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lbstudy.report.charts import svg
from lbstudy.report.charts.annotations import annotations
from lbstudy.report.charts.plot import X_AXIS, Plot, chart, stretched
from lbstudy.report.charts.scale import Linear, Scale, from_zero
from lbstudy.report.palette import Palette, ranges
from lbstudy.result.model import SettingResult, Usage
from lbstudy.result.words import time_axis

IDLE = 0.5
"""A server that was idle for more than this share of its Ready samples is emphasised."""
LABELLED = 8
"""With more servers, only the lines of idle servers have numbers."""
LONGEST = 20
"""A longer label is replaced by the number of servers."""
LABEL_HEIGHT = 15
"""px between labels, so that they do not overlap."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is drawn, and in which unit."""

    title: str
    caption: str
    values: Callable[[Usage], list[float | None]]
    factor: float


CPU = Quantity("CPU", "mcore", lambda u: u.cpu, 1000.0)
MEMORY = Quantity("Memory", "MB resident", lambda u: u.memory, 1e-6)
INACTIVITY = Quantity("Inactivity age", "s since it last worked on an RPC", lambda u: u.inactivity_age, 1.0)
QUANTITIES = (INACTIVITY, CPU, MEMORY)


def is_idle(usage: Usage) -> bool:
    """Return whether a server is emphasised as idle."""
    return usage.idle_share is not None and usage.idle_share > IDLE


def usage_scale(settings: Sequence[SettingResult], quantity: Quantity) -> Linear:
    """Return one scale of a quantity for all settings."""
    values = [v for s in settings for u in s.utilisation.servers for v in quantity.values(u)]
    return from_zero((v * quantity.factor for v in values if v is not None), least=1.0)


def usage_over_time(
    setting: SettingResult, quantity: Quantity, palette: Palette, x: Linear, y: Scale
) -> Markup:
    """Return one line for each server; the lines of idle servers are thick and always have numbers."""
    plot = Plot(x, y, height=110, top=24)
    height = plot.bottom + X_AXIS
    servers = setting.utilisation.servers
    lines, labels = [], []
    for usage in sorted(servers, key=is_idle):
        look = palette.look(usage.server)
        points = [
            (at, None if v is None else v * quantity.factor)
            for at, v in zip(usage.at, quantity.values(usage), strict=True)
            if x.low <= at <= x.high  # servers still report while they are stopped after the load
        ]
        idle = " idle" if is_idle(usage) else ""
        lines.append(plot.line(points, f"{look.colour}{idle}", f"{look.number} {usage.server}"))
        known = [(at, v) for at, v in points if v is not None]
        if known and (idle or len(servers) <= LABELLED):
            at, value = known[-1]
            labels.append((at, value, look.number))
    return chart(
        height,
        f"{quantity.title} of each server, {setting.name}",
        f"One line a server, {quantity.caption}; idle servers' lines are thick; vertical lines are scale "
        "commands, bands are faults.",
        plot.y_axis(2, quantity.caption),
        annotations(setting, plot),
        stretched(height, *lines),
        *_labels(labels, plot),
        plot.x_axis(time_axis(setting)),
    )


def _labels(ends: list[tuple[float, float, int]], plot: Plot) -> list[Markup]:
    """Return numbers at the lines' ends; lines that end near each other share a label."""
    places: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for at, value, number in ends:
        places.setdefault((round(plot.x(at) * 25), round(plot.px(value) / LABEL_HEIGHT)), []).append(
            (at, number)
        )
    labels = []
    for (_, row), group in places.items():
        at = max(g[0] for g in group)
        numbers = sorted(g[1] for g in group)
        label = ranges(numbers)
        if len(label) > LONGEST:
            label = f"{len(numbers)} servers"
        anchor = "end" if plot.x(at) > 0.8 else "start"
        labels.append(svg.text(label, plot.at(at), row * LABEL_HEIGHT - 5, "line-label", anchor))
    return labels
