"""The stacked requests of all servers, with the levels that equal shares would have."""

from collections.abc import Sequence

from markupsafe import Markup

from lbstudy.report.charts import svg
from lbstudy.report.charts.plot import Plot
from lbstudy.report.palette import Palette
from lbstudy.result.model import Timeline

ALL_LEVELS = 12
"""With more Ready servers, only the first fair level is drawn: more would be a grey area."""
LABEL_HEIGHT = 13.0
"""px of a band that has room for its server's number."""


def stacked_steps(line: Timeline, palette: Palette, plot: Plot) -> Markup:
    """Return one band for each server, in order of creation from the bottom."""
    base = [0.0] * len(line.errors)
    bands = []
    for server in sorted(line.requests, key=palette.number):
        top = [b + v for b, v in zip(base, line.requests[server], strict=True)]
        look = palette.look(server)
        for first, last in runs(line.requests[server]):
            upper, lower = _outline(line, top, first, last), _outline(line, base, first, last)
            tip = f"{look.number} {server}"
            bands.append(plot.area(upper, lower, f"band {look.colour}", tip, look.texture))
        base = top
    return svg.join(bands)


def fair_levels(line: Timeline, plot: Plot) -> Markup:
    """Return dashed lines at multiples of the fair share: with equal shares, each band fills one gap."""
    totals = [sum(v) for v in zip(*line.requests.values(), strict=True)] or [0.0] * len(line.fair_share)
    servers = [round(t / f) if f else 0 for t, f in zip(totals, line.fair_share, strict=True)]
    most = max(servers, default=0)
    levels = range(1, 2 if most > ALL_LEVELS else most)
    paths = [_level(line, servers, k) for k in levels]
    # Twice: a light line below keeps the dashes visible on dark bands.
    return svg.join([plot.line(p, c) for p in paths for c in ("fair-halo", "fair")])


def _level(line: Timeline, servers: Sequence[int], k: int) -> list[tuple[float, float | None]]:
    """Return the k-th multiple of the fair share while there are more than k servers; broken at changes."""
    points: list[tuple[float, float | None]] = []
    before = 0
    for i, (fair, n) in enumerate(zip(line.fair_share, servers, strict=True)):
        start = line.start + i * line.bucket
        value = fair * k if fair and k < n else None
        if n != before:
            points.append((start, None))
        points += [(start, value), (start + line.bucket, value)]
        before = n
    return points


def band_labels(line: Timeline, palette: Palette, plot: Plot) -> Markup:
    """Return each server's number on its band, if its longest run is thick enough."""
    base = [0.0] * len(line.errors)
    labels = []
    for server in sorted(line.requests, key=palette.number):
        values = line.requests[server]
        stretches = runs(values)
        if stretches:
            first, last = max(stretches, key=lambda run: run[1] - run[0])
            middle = (first + last) // 2
            thick = plot.height * plot.y(min(values[max(first, middle - 2) : middle + 3]))
            if thick >= LABEL_HEIGHT:
                look = palette.look(server)
                y = plot.px(base[middle] + values[middle] / 2) + 4
                at = plot.at(line.start + (middle + 0.5) * line.bucket)
                labels.append(svg.text(str(look.number), at, y, f"on {look.colour}", "middle"))
        base = [b + v for b, v in zip(base, values, strict=True)]
    return svg.join(labels)


def runs(values: Sequence[float]) -> list[tuple[int, int]]:
    """Return the runs (first and last index) of values other than 0."""
    stretches: list[tuple[int, int]] = []
    for i, value in enumerate(values):
        if value:
            if stretches and stretches[-1][1] == i - 1:
                stretches[-1] = (stretches[-1][0], i)
            else:
                stretches.append((i, i))
    return stretches


def _outline(line: Timeline, values: Sequence[float], first: int, last: int) -> list[tuple[float, float]]:
    points = []
    for i in range(first, last + 1):
        start = line.start + i * line.bucket
        points += [(start, values[i]), (start + line.bucket, values[i])]
    return points
