"""Coverage over time: the share of the Ready servers that answered anything."""

from markupsafe import Markup

from lbstudy.report.charts.annotations import annotations
from lbstudy.report.charts.plot import X_AXIS, Plot, chart, stretched
from lbstudy.report.charts.scale import Linear, Scale
from lbstudy.report.charts.timeline import steps
from lbstudy.result.model import SettingResult
from lbstudy.result.words import time_axis


def coverage(setting: SettingResult, x: Scale) -> Markup:
    """Return the coverage of each bucket, as steps; a gap means no Ready server, or no answer."""
    line = setting.timeline
    plot = Plot(x, Linear(0.0, 100.0), height=70, top=24)
    height = plot.bottom + X_AXIS
    percent = [None if share is None else 100 * share for share in line.coverage]
    return chart(
        height,
        f"Coverage over time, {setting.name}",
        f"The share of the Ready servers that answered at least one RPC in each {line.bucket:g} s.",
        plot.y_axis(2, "coverage: % of the Ready servers that answered"),
        annotations(setting, plot),
        stretched(height, plot.line(steps(line, percent), "coverage")),
        plot.x_axis(time_axis(setting)),
    )
