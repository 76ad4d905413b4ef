"""Medians with their intervals on one axis: dots on lines, with arrows where the lines continue."""

from collections.abc import Iterable

from markupsafe import Markup

from lbstudy.compare import text
from lbstudy.compare.model import Estimate, Figure
from lbstudy.report.charts import marks, svg
from lbstudy.report.charts.plot import Plot, chart
from lbstudy.report.charts.scale import Linear, Scale, from_zero

ROW = 22.0
MIDDLE = ROW / 2
_UNITS = {
    "s": "s",
    "RPCs": "requests",
    "streams": "streams",
    "connections": "connections",
    "ratio": "%",
    "per minute": "per minute and client",
}


def scale(figure: Figure, estimates: Iterable[Estimate | None]) -> Linear:
    """Return a scale from 0 to beyond the largest interval."""
    ends = [estimate.high.value * _factor(figure) for estimate in estimates if estimate is not None]
    return from_zero(ends, least=figure.least * _factor(figure))


def row(figure: Figure, estimate: Estimate | None, x: Scale, class_: str) -> Markup:
    """Return one setting's median and interval."""
    parts = [svg.element("line", x1="0", x2="100%", y1=MIDDLE, y2=MIDDLE, class_="grid")]
    if estimate is None:
        return chart(ROW, figure.label, "nothing measured", *parts)
    plot = Plot(x, Linear(0, 1), height=ROW)
    factor = _factor(figure)
    low, middle, high = (amount.value * factor for amount in (estimate.low, estimate.median, estimate.high))
    label = text.both(figure, estimate)
    parts.append(
        svg.element(
            "line", x1=plot.at(low), x2=plot.at(high), y1=MIDDLE, y2=MIDDLE, class_=f"interval {class_}"
        )
    )
    parts.extend(
        svg.element("line", x1=plot.at(end), x2=plot.at(end), y1=MIDDLE - 4, y2=MIDDLE + 4,
                    class_=f"interval {class_}")
        for end in (low, high)
    )  # fmt: skip
    if estimate.high.more:
        parts.append(marks.use("arrow", plot.at(high), MIDDLE))
    if not estimate.median.more:
        parts.append(
            svg.element(
                "circle", svg.tooltip(label), cx=plot.at(middle), cy=MIDDLE, r=4.5, class_=f"median {class_}"
            )
        )
    return chart(ROW, figure.label, label, *parts)


def axis(figure: Figure, x: Linear) -> Markup:
    """Return the axis below the rows."""
    plot = Plot(x, Linear(0, 1), height=2)
    return chart(38, "Axis", figure.label, plot.x_axis(_UNITS[figure.unit], 4))


def _factor(figure: Figure) -> float:
    return 100.0 if figure.unit == "ratio" else 1.0
