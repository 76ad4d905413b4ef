"""Mean and hottest utilisation over time, what the autoscaler saw, and what it did."""

from collections.abc import Sequence

from markupsafe import Markup

from lbstudy.report.charts import svg
from lbstudy.report.charts.annotations import annotations
from lbstudy.report.charts.plot import X_AXIS, Plot, chart, stretched
from lbstudy.report.charts.scale import Linear, Scale, from_zero
from lbstudy.result import figures
from lbstudy.result.model import Scaling, SettingResult
from lbstudy.result.words import time_axis

_FULL = Linear(0.0, 100.0)


def replica_scale(settings: Sequence[SettingResult]) -> Linear:
    """Return one scale of the number of servers for all settings."""
    most = [float(setting.scaling.most) for setting in settings if setting.scaling is not None]
    return from_zero([*most, *(float(r.servers) for s in settings for r in s.timeline.ready)], least=1.0)


def scaling(setting: SettingResult, x: Linear, replicas: Scale) -> Markup:
    """Return the chart of one setting; empty if there was no autoscaler."""
    result = setting.scaling
    if result is None:
        return Markup("")
    used = Plot(x, _FULL, height=130, top=24)
    servers = Plot(x, replicas, height=60, top=used.bottom + 34)
    height = servers.bottom + X_AXIS
    return chart(
        height,
        f"Mean against hottest, {setting.name}",
        "Above, utilisation of the servers' capacity in per cent: the mean of the Ready servers, the hottest "
        "of them, the target as a level line, and a dot for what the autoscaler saw at each decision. Below, "
        "servers: wanted as a line, Ready filled.",
        used.y_axis(2, "% of capacity: hottest, mean; dots: the autoscaler’s view; dashed: the target"),
        servers.y_axis(2, "servers Ready (filled), wanted (line)"),
        annotations(setting, used),
        stretched(
            height,
            _ready(setting, servers, x.high),
            used.line(_seconds(result, result.hottest_utilisation), "p99", "the hottest server"),
            used.line(_seconds(result, result.mean_utilisation), "p50", "the mean"),
            used.line([(x.low, result.mean.target * 100), (x.high, result.mean.target * 100)], "fair"),
            servers.line(_wanted(setting, x.high), "addresses"),
        ),
        _views(result, used),
        servers.x_axis(time_axis(setting)),
    )


def _seconds(result: Scaling, values: Sequence[float | None]) -> list[tuple[float, float | None]]:
    """Return each value at the middle of its second."""
    return [
        (at - 0.5, None if value is None else value * 100)
        for at, value in zip(result.at, values, strict=True)
    ]


def _wanted(setting: SettingResult, until: float) -> list[tuple[float, float | None]]:
    assert setting.scaling is not None
    points: list[tuple[float, float | None]] = []
    for decision in setting.scaling.decisions:
        if not points:
            points.append((0.0, float(decision.current)))
        points += [(decision.at, float(decision.current)), (decision.at, float(decision.desired))]
    return [*points, (min(until, setting.scaling.at[-1]), points[-1][1])] if points else []


def _ready(setting: SettingResult, plot: Plot, until: float) -> Markup:
    steps = setting.timeline.ready
    if not steps:
        return Markup("")
    upper: list[tuple[float, float]] = []
    for step, end in zip(steps, [*(after.at for after in steps[1:]), until], strict=True):
        upper += [(step.at, float(step.servers)), (end, float(step.servers))]
    return plot.area(upper, [(at, 0.0) for at, _ in upper], "ready")


def _views(result: Scaling, plot: Plot) -> Markup:
    dots = []
    for decision in result.decisions:
        if decision.utilisation is None:
            continue
        change = (
            f"wants {decision.desired}"
            if decision.desired != decision.current
            else f"stays at {decision.current}"
        )
        tip = f"{figures.moment(decision.at)} s: it sees {figures.percent(decision.utilisation)}, {change}"
        dots.append(
            svg.element(
                "circle",
                svg.tooltip(tip),
                cx=plot.at(decision.at),
                cy=plot.px(decision.utilisation * 100),
                r=4,
                class_="view",
            )
        )
    return svg.join(dots)
