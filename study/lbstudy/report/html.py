"""One offline HTML file from a Result: no script, no font, nothing that is not in the file."""

import base64
import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lbstudy.report import figures
from lbstudy.report.charts import (
    coverage,
    distribution,
    latency,
    marks,
    svg,
    swatch,
    texture,
    timeline,
    usage,
    waterfall,
)
from lbstudy.report.charts.annotations import fault_name
from lbstudy.report.comparison import comparison, failed, sent
from lbstudy.report.links import SettingLinks, links_of
from lbstudy.report.palette import Palette
from lbstudy.report.waits import MEANING, in_words, of_one
from lbstudy.result.model import Fault, PhaseDistribution, Result, SettingResult

UNFOLDED = 10
"""Longer lists are folded away after so many."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server as the legend shows it."""

    name: str
    number: int
    swatch: Markup
    note: str
    troubled: str  # by which faults: "F1, F2"; "" by none


@dataclass(frozen=True, slots=True)
class Histogram:
    """The distribution of one phase."""

    label: str
    span: str
    part: PhaseDistribution
    chart: Markup


@dataclass(frozen=True, slots=True)
class SettingView:
    """One setting, and its charts."""

    setting: SettingResult
    servers: dict[str, Server]
    sent: int
    failed: int
    timeline: Markup
    histograms: list[Histogram]
    coverage: Markup
    latency_over_time: Markup
    latency_histogram: Markup
    usage: list[tuple[usage.Quantity, Markup]]
    idle: frozenset[str]
    added: list[waterfall.Waterfall]
    removed: list[waterfall.Waterfall]
    faults: list[tuple[str, Fault]]  # each with its short name
    links: SettingLinks


def render_html(result: Result) -> str:
    """The report as one HTML document; its text is UTF-8 and everything from outside is escaped."""
    return (
        environment()
        .get_template("report.html")
        .render(
            result=result,
            views=_views(result),
            rows=comparison(result),
            axes={
                "added": waterfall.axis(waterfall.added_scale(result.settings)),
                "removed": waterfall.axis(waterfall.removed_scale(result.settings)),
            },
            definitions=svg.join([marks.definitions(), texture.definitions()]),
            style=style(),
            style_hash=style_hash(),
            waits=[
                (what, waterfall.WAIT_CLASS[what], MEANING[what])
                for what in waterfall.waited_for(result.settings)
            ],
            meaning=MEANING,
            data=_data(result),
            unfolded=UNFOLDED,
        )
    )


def _views(result: Result) -> list[SettingView]:
    settings = result.settings
    x = timeline.time_scale(settings)
    servers, requests = timeline.server_scale(settings), timeline.request_scale(settings)
    errors, shares = timeline.error_scale(settings), distribution.share_scale(settings)
    latencies, (durations, counts) = latency.latency_scale(settings), latency.histogram_scales(settings)
    used = {q.title: usage.usage_scale(settings, q) for q in usage.QUANTITIES}
    added, removed = waterfall.added_scale(settings), waterfall.removed_scale(settings)
    views = []
    for setting in settings:
        palette = Palette(setting.servers)
        views.append(
            SettingView(
                setting=setting,
                servers=_servers(setting, palette),
                sent=sent(setting),
                failed=failed(setting),
                timeline=timeline.timeline(setting, palette, x, servers, requests, errors),
                histograms=[
                    Histogram(
                        label=phase.label,
                        span=f"{figures.moment(phase.start)} to {figures.moment(phase.end)} s",
                        part=part,
                        chart=distribution.phase_histogram(phase, part, palette, shares),
                    )
                    for part in setting.distribution.phases
                    for phase in setting.phases
                    if phase.index == part.phase
                ],
                coverage=coverage.coverage(setting, x),
                latency_over_time=latency.latency_over_time(setting, x, latencies),
                latency_histogram=latency.latency_histogram(
                    setting.latency.histogram, setting.name, durations, counts
                ),
                usage=[
                    (q, usage.usage_over_time(setting, q, palette, x, used[q.title]))
                    for q in usage.QUANTITIES
                ],
                idle=frozenset(u.server for u in setting.utilisation.servers if usage.is_idle(u)),
                added=[waterfall.added_waterfall(a, added) for a in setting.adaptability.added],
                removed=[waterfall.removed_waterfall(r, removed) for r in setting.adaptability.removed],
                faults=_faults(setting),
                links=links_of(result.provenance, setting.name),
            )
        )
    return views


def _servers(setting: SettingResult, palette: Palette) -> dict[str, Server]:
    notes: dict[str, list[str]] = {}
    for added in setting.adaptability.added:
        notes.setdefault(added.server, []).append(f"added at {figures.moment(added.command)} s")
    for removed in setting.adaptability.removed:
        notes.setdefault(removed.server, []).append(f"removed at {figures.moment(removed.command)} s")
    return {
        name: Server(
            name=name,
            number=palette.number(name),
            swatch=swatch.swatch(palette.look(name)),
            note=", ".join(notes.get(name, ["there from the start"])),
            troubled=", ".join(fault for fault, found in _faults(setting) if name in found.servers),
        )
        for name in setting.servers
    }


def _faults(setting: SettingResult) -> list[tuple[str, Fault]]:
    return [(fault_name(number), fault) for number, fault in enumerate(setting.faults, start=1)]


def _data(result: Result) -> str:
    """The result as a ``data:`` URI, packed: the same bytes for the same result."""
    packed = gzip.compress(result.model_dump_json().encode(), mtime=0)
    return "data:application/gzip;base64," + base64.b64encode(packed).decode()


@cache
def style() -> Markup:
    """The style sheet of all pages."""
    text = resources.files("lbstudy.report").joinpath("style.css").read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704  # our own file, in which there is no "<"


def style_hash() -> str:
    """By which a page's own policy allows its style sheet and no other."""
    return base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()


@cache
def environment() -> Environment:
    """What the templates are rendered with: everything is escaped, an unknown name is an error."""
    made = Environment(
        loader=PackageLoader("lbstudy.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in (
        "seconds stage delay instant count percent rate index p_value cores memory tick".split()  # noqa: SIM905
    ):
        made.filters[name] = getattr(figures, name)
    made.filters["where_it_went"] = in_words
    made.filters["waits"] = of_one
    return made
