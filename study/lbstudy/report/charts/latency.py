"""Latency: over time, and as a histogram."""

from collections.abc import Sequence

from markupsafe import Markup

from lbstudy.report.charts import svg
from lbstudy.report.charts.annotations import annotations
from lbstudy.report.charts.plot import X_AXIS, Plot, chart, stretched
from lbstudy.report.charts.scale import Logarithmic, Scale, around
from lbstudy.result import figures
from lbstudy.result.model import Histogram, SettingResult
from lbstudy.result.words import time_axis

LOWEST_COUNT = 0.7
"""Where the histogram's logarithmic axis begins, so that a single RPC is visible."""


def latency_scale(settings: Sequence[SettingResult]) -> Logarithmic:
    """Return one logarithmic scale, ms, for the latency over time of all settings."""
    lines = [t for s in settings for t in (s.timeline.latency_p50, s.timeline.latency_p99)]
    return around((_ms(v) for line in lines for v in line), 1.0, 1000.0)


def histogram_scales(settings: Sequence[SettingResult]) -> tuple[Logarithmic, Logarithmic]:
    """Return the scales of latency (ms) and of counts, for the histograms of all settings."""
    histograms = [s.latency.histogram for s in settings]
    used = [
        _ms(v)
        for h in histograms
        for i, count in enumerate(h.counts)
        if count
        for v in (h.bounds[i], h.bounds[i + 1])
    ]
    counts = max((c for h in histograms for c in h.counts), default=0)
    return around(used, 1.0, 1000.0), Logarithmic(LOWEST_COUNT, max(10.0, counts * 1.3))


def latency_over_time(setting: SettingResult, x: Scale, y: Scale) -> Markup:
    """Return the median and the 99th percentile in each bucket."""
    line = setting.timeline
    plot = Plot(x, y, height=130, top=24)
    height = plot.bottom + X_AXIS
    middles = [line.start + (i + 0.5) * line.bucket for i in range(len(line.errors))]
    p50 = [(t, _ms(v)) for t, v in zip(middles, line.latency_p50, strict=False)]
    p99 = [(t, _ms(v)) for t, v in zip(middles, line.latency_p99, strict=False)]
    return chart(
        height,
        f"Latency over time, {setting.name}",
        f"p50 and p99 of the RPCs scheduled in each {line.bucket:g} s; logarithmic; vertical lines are scale "
        "commands, bands are faults.",
        plot.y_axis(3, "ms (log)"),
        annotations(setting, plot),
        stretched(height, plot.line(p99, "p99", "p99"), plot.line(p50, "p50", "p50")),
        *_line_label([*reversed(p50)], "p50", plot, "end"),
        *_line_label(p99, "p99", plot, "start"),
        plot.x_axis(time_axis(setting)),
    )


def latency_histogram(histogram: Histogram, name: str, x: Logarithmic, y: Logarithmic) -> Markup:
    """Return how many RPCs took how long; both axes are logarithmic, since the tail is what matters."""
    plot = Plot(x, y, height=110, top=24)
    bars = []
    for i, count in enumerate(histogram.counts):
        if count:
            low, high = histogram.bounds[i], histogram.bounds[i + 1]
            tip = f"{figures.seconds(low)} to {figures.seconds(high)}: {figures.count(count)} RPCs"
            bars.append(plot.bar(low * 1000, high * 1000, LOWEST_COUNT, count, "bar", tip))
    empty = [] if bars else [svg.text("no RPC", 0, plot.bottom - 6, "caption")]
    return chart(
        plot.bottom + X_AXIS,
        f"Histogram of the latency, {name}",
        "Number of RPCs by latency; both axes are logarithmic.",
        plot.y_axis(3, "RPCs (log)"),
        *bars,
        *empty,
        plot.x_axis("latency, ms (log)", 5, thin=False),
    )


def _ms(value: float | None) -> float | None:
    return None if value is None else value * 1000


def _line_label(points: list[tuple[float, float | None]], name: str, plot: Plot, anchor: str) -> list[Markup]:
    """Return the line's name above its first point: a legend without colours."""
    for at, value in points:
        if value is not None:
            return [svg.text(name, plot.at(at), plot.px(value) - 6, f"line-label {name}", anchor)]
    return []
