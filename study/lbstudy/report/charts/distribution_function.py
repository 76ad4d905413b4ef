"""Two distribution functions in one chart: as measured, and by a model."""

from markupsafe import Markup

from lbstudy.report.charts.plot import X_AXIS, Plot, chart, stretched
from lbstudy.report.charts.scale import Linear, from_zero
from lbstudy.sweep.model import Curve, QuantityCheck


def distribution_functions(quantity: QuantityCheck, setting: str) -> Markup:
    """Return the share that has happened by the time since the change, with rules at the median and 95 %."""
    x = from_zero([*quantity.measured_curve.seconds[-1:], *quantity.model_curve.seconds[-1:]], least=1.0)
    plot = Plot(x, Linear(0.0, 100.0), height=170, top=24)
    height = plot.bottom + X_AXIS
    measured, model = _steps(quantity.measured_curve, x.high), _steps(quantity.model_curve, x.high)
    return chart(
        height,
        f"Distribution of the {quantity.name}, {setting}",
        "The share of all changes and clients for which it has happened, over the time; measured as a whole"
        " line, the model dashed.",
        plot.y_axis(4, f"{quantity.name}: % by then"),
        *(plot.rule(share, "fair") for share in (50.0, 95.0)),
        stretched(height, plot.line(model, "model", "model"), plot.line(measured, "measured", "measured")),
        plot.x_axis("s"),
    )


def _steps(curve: Curve, end: float) -> list[tuple[float, float | None]]:
    points: list[tuple[float, float | None]] = [(0.0, 0.0)]
    before = 0.0
    for seconds, share in zip(curve.seconds, curve.shares, strict=True):
        points += [(seconds, before), (seconds, share * 100)]
        before = share * 100
    return [*points, (end, before)]
