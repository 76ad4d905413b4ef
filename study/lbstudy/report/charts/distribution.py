"""The histogram of one phase's requests by server, with the fair share."""

from collections.abc import Sequence

from markupsafe import Markup

from lbstudy.report.charts import svg
from lbstudy.report.charts.plot import Plot, chart
from lbstudy.report.charts.scale import Linear, from_zero
from lbstudy.report.palette import Palette
from lbstudy.result import figures
from lbstudy.result.model import Phase, PhaseDistribution, ServerShare, SettingResult

NUMBERED = 10
"""With more servers, the bars are too narrow for numbers; they are in the order of the list."""


def share_scale(settings: Sequence[SettingResult]) -> Linear:
    """Return one scale of shares, %, for all phases of all settings."""
    phases = [p for s in settings for p in s.distribution.phases]
    shares = [s.share * 100 for p in phases for s in p.servers]
    return from_zero([*shares, *(p.fair_share * 100 for p in phases)], least=10.0)


def phase_histogram(phase: Phase, part: PhaseDistribution, palette: Palette, y: Linear) -> Markup:
    """Return one bar for each server; servers that were not Ready throughout are hollow."""
    plot = Plot(Linear(0, max(1, len(part.servers))), y, height=110, top=8)
    bars = [_bar(i, share, len(part.servers), palette, plot) for i, share in enumerate(part.servers)]
    fair = part.fair_share * 100
    return chart(
        plot.bottom + 20,
        f"Shares of requests, {phase.label}",
        f"One bar a server, per cent of {part.requests} answered requests; the dashed line is the fair "
        f"share, {figures.percent(part.fair_share)}.",
        plot.y_axis(2),
        *bars,
        plot.rule(fair, "fair"),
        plot.rule(0, "axis"),
    )


def _bar(i: int, share: ServerShare, servers: int, palette: Palette, plot: Plot) -> Markup:
    look = palette.look(share.server)
    ready = "" if share.ready else ", not Ready throughout"
    tip = f"{look.number} {share.server}: {share.requests} requests, {figures.percent(share.share)}{ready}"
    gap = 0.12
    value = share.share * 100
    hollow = "" if share.ready else " hollow"
    parts = [plot.bar(i + gap, i + 1 - gap, 0, value, f"share {look.colour}{hollow}", tip)]
    if look.texture is not None and share.ready:
        bar = plot.bar(i + gap, i + 1 - gap, 0, value, "texture")
        parts.append(svg.element("g", bar, fill=f"url(#{look.texture})"))
    if servers <= NUMBERED:
        parts.append(svg.text(str(look.number), plot.at(i + 0.5), plot.bottom + 15, "tick", "middle"))
        if not share.requests:
            parts.append(svg.text("0", plot.at(i + 0.5), plot.bottom - 4, "zero", "middle"))
    return svg.join(parts)
