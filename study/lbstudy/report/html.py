"""One offline HTML file from a Result: no script, no font, nothing outside the file."""

import base64
import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lbstudy.report.charts import (
    coverage,
    distribution,
    latency,
    marks,
    scaling,
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
from lbstudy.result import figures
from lbstudy.result.model import (
    BY_SPANS,
    NOT_OBSERVED,
    FaultEffects,
    PhaseDistribution,
    Result,
    SettingResult,
)
from lbstudy.result.words import stage_name

UNFOLDED = 10
"""Longer lists are collapsed after so many entries."""

SINCE: Final = {
    False: {"added": "the command", "removed": "the command"},
    True: {"added": "its creation", "removed": "it was told to end"},
}
"""What the stages of a change count from, in a run, and in a watch, which saw no commands."""

MOST_SAID = 20
"""So many status messages of each side are shown, the most frequent ones."""


@dataclass(frozen=True, slots=True)
class LegendServer:
    """A server in the legend."""

    name: str
    number: int
    swatch: Markup
    note: str
    troubled: str  # the faults on it: "F1, F2"; "" if none


@dataclass(frozen=True, slots=True)
class PhaseHistogram:
    """The distribution of one phase."""

    label: str
    span: str
    part: PhaseDistribution
    chart: Markup


@dataclass(frozen=True, slots=True)
class SettingView:
    """One setting, and its charts."""

    setting: SettingResult
    servers: dict[str, LegendServer]
    sent: int
    failed: int
    timeline: Markup
    histograms: list[PhaseHistogram]
    coverage: Markup
    latency_over_time: Markup
    latency_histogram: Markup
    usage: list[tuple[usage.Quantity, Markup]]
    idle: frozenset[str]
    added: list[waterfall.Waterfall]
    removed: list[waterfall.Waterfall]
    scaling: Markup  # empty if there was no autoscaler
    faults: list[tuple[str, FaultEffects]]  # each with its short name
    links: SettingLinks


def render_html(result: Result) -> str:
    """Render the report as one HTML document in UTF-8; everything from outside is escaped."""
    is_live = result.provenance.made_by == "watch"
    since = SINCE[is_live]
    return (
        environment()
        .get_template("report.html")
        .render(
            result=result,
            live=is_live,
            since=since,
            views=_views(result),
            rows=comparison(result),
            axes={
                "added": waterfall.axis(waterfall.added_scale(result.settings), since["added"]),
                "removed": waterfall.axis(waterfall.removed_scale(result.settings), since["removed"]),
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
            most_said=MOST_SAID,
            by_spans=BY_SPANS,
        )
    )


def _views(result: Result) -> list[SettingView]:
    settings = result.settings
    x = timeline.time_scale(settings)
    servers, requests = timeline.server_scale(settings), timeline.request_scale(settings)
    errors, shares = timeline.error_scale(settings), distribution.share_scale(settings)
    latencies, (durations, counts) = latency.latency_scale(settings), latency.histogram_scales(settings)
    used = {q.title: usage.usage_scale(settings, q) for q in usage.QUANTITIES}
    replicas = scaling.replica_scale(settings)
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
                    PhaseHistogram(
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
                scaling=scaling.scaling(setting, x, replicas),
                faults=_faults(setting),
                links=links_of(result.provenance, setting.name),
            )
        )
    return views


def _servers(setting: SettingResult, palette: Palette) -> dict[str, LegendServer]:
    notes: dict[str, list[str]] = {}
    for added in setting.adaptability.added:
        notes.setdefault(added.server, []).append(f"added at {figures.moment(added.command)} s")
    for removed in setting.adaptability.removed:
        notes.setdefault(removed.server, []).append(f"removed at {figures.moment(removed.command)} s")
    return {
        name: LegendServer(
            name=name,
            number=palette.number(name),
            swatch=swatch.swatch(palette.look(name)),
            note=", ".join(notes.get(name, ["there from the start"])),
            troubled=", ".join(fault for fault, effects in _faults(setting) if name in effects.servers),
        )
        for name in setting.servers
    }


def _faults(setting: SettingResult) -> list[tuple[str, FaultEffects]]:
    return [(fault_name(number), fault) for number, fault in enumerate(setting.faults, start=1)]


def _data(result: Result) -> str:
    """Return the result as a compressed ``data:`` URI: the same bytes for the same result."""
    packed = gzip.compress(result.model_dump_json().encode(), mtime=0)
    return "data:application/gzip;base64," + base64.b64encode(packed).decode()


@cache
def style() -> Markup:
    """Return the style sheet of all pages."""
    text = resources.files("lbstudy.report").joinpath("style.css").read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704  # our own file, in which there is no "<"


def style_hash() -> str:
    """Return the hash by which a page's own policy allows its style sheet and no other."""
    return base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()


@cache
def environment() -> Environment:
    """Return the environment of the templates: everything is escaped, an unknown name is an error."""
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
    made.globals["NOT_OBSERVED"] = NOT_OBSERVED
    made.filters["stage_name"] = stage_name
    made.filters["waits"] = of_one
    return made
