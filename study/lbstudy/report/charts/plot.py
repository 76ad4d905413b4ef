"""A plot: one panel with two scales, and the marks that can be drawn in it.

Curves are in the stretched layer (x in 0 … 1000, y in px), everything else in the layer above (x in percent).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from markupsafe import Markup

from lbstudy.report.charts import svg
from lbstudy.report.charts.scale import Scale
from lbstudy.result import figures

STRETCH = 1000
"""Width of the stretched layer's view box."""

Points: TypeAlias = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A panel ``height`` px high whose upper edge is at ``top``."""

    x: Scale
    y: Scale
    height: float
    top: float = 0.0

    @property
    def bottom(self) -> float:
        """The lower edge, px."""
        return self.top + self.height

    def at(self, value: float) -> str:
        """Return the x of a value, as a percentage."""
        return svg.percent(self.x(value))

    def px(self, value: float) -> float:
        """Return the y of a value, px from the chart's upper edge."""
        return self.bottom - self.y(value) * self.height

    # --- the stretched layer ------------------------------------------------------------------

    def _point(self, point: tuple[float, float]) -> str:
        return f"{svg.number(self.x(point[0]) * STRETCH)},{svg.number(self.px(point[1]))}"

    def line(self, points: Sequence[tuple[float, float | None]], class_: str, tip: str = "") -> Markup:
        """Return a line; it is interrupted at missing values, and a value between two gaps is a dot."""
        path: list[str] = []
        pen_down = False
        for x, y in points:
            if y is not None:
                path.append(("L" if pen_down else "M") + self._point((x, y)))
                if not pen_down:
                    path.append("h0")
            pen_down = y is not None
        if not path:
            return Markup("")
        children = [svg.tooltip(tip)] if tip else []
        return svg.element("path", *children, d="".join(path), class_=f"line {class_}")

    def area(
        self, upper: Points, lower: Points, class_: str, tip: str = "", texture: str | None = None
    ) -> Markup:
        """Return the area between two lines with the same x."""
        outline = "L".join([*map(self._point, upper), *map(self._point, reversed(lower))])
        children = [svg.tooltip(tip)] if tip else []
        shape = svg.element("path", *children, d=f"M{outline}Z", class_=f"area {class_}")
        if texture is None:
            return shape
        return shape + svg.element("path", d=f"M{outline}Z", fill=f"url(#{texture})", class_="texture")

    # --- the layer above ----------------------------------------------------------------------

    def bar(self, start: float, end: float, low: float, high: float, class_: str, tip: str = "") -> Markup:
        """Return a rectangle between two x and two y."""
        left, right = self.x(start), self.x(end)
        children = [svg.tooltip(tip)] if tip else []
        return svg.element(
            "rect",
            *children,
            x=svg.percent(left),
            y=self.px(high),
            width=svg.percent(right - left),
            height=max(0.0, self.px(low) - self.px(high)),
            class_=class_,
        )

    def rule(self, value: float, class_: str = "rule") -> Markup:
        """Return a horizontal line across the panel."""
        y = self.px(value)
        return svg.element("line", x1="0", x2="100%", y1=y, y2=y, class_=class_)

    def y_axis(self, target: int = 3, label: str = "") -> Markup:
        """Return grid lines with their numbers to the left; the panel's caption above has the unit."""
        parts = []
        for value in self.y.ticks(target):
            parts.append(self.rule(value, "grid"))
            parts.append(svg.text(figures.tick(value), -6, self.px(value) + 4, "tick", "end"))
        if label:
            parts.append(svg.text(label, 0, self.top - 6, "caption"))
        return svg.join(parts)

    def x_axis(self, label: str, target: int = 9, *, thin: bool = True) -> Markup:
        """Return ticks below the plot; with ``thin``, a narrow column shows only every other one."""
        bottom = self.bottom
        parts = [svg.element("line", x1="0", x2="100%", y1=bottom, y2=bottom, class_="axis")]
        ticks = self.x.ticks(target)
        step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
        for value in ticks:
            spare = " spare" if thin and round(value / step) % 2 else ""
            x = self.at(value)
            parts.append(svg.element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_=f"axis{spare}"))
            parts.append(svg.text(figures.tick(value), x, bottom + 16, f"tick{spare}", "middle"))
        parts.append(svg.text(label, "100%", bottom + 31, "axis-label", "end"))
        return svg.join(parts)


X_AXIS = 36.0
"""px that an x axis needs below its plot."""


def stretched(height: float, *marks: Markup) -> Markup:
    """Return the layer for curves."""
    return svg.element(
        "svg",
        *marks,
        width="100%",
        height=height,
        viewBox=f"0 0 {STRETCH} {svg.number(height)}",
        preserveAspectRatio="none",
    )


def chart(height: float, title: str, description: str, *layers: Markup) -> Markup:
    """Return a whole chart; title and description are for readers who cannot see it."""
    return svg.element(
        "svg",
        svg.element("title", title),
        svg.element("desc", description),
        *layers,
        class_="chart",
        role="img",
        xmlns="http://www.w3.org/2000/svg",
        width="100%",
        height=height,
    )
