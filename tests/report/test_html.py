"""The HTML report: whole, offline, safe, and showing the Result's own figures."""

import base64
import gzip
import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

import pytest
from lbstudy.report import waits
from lbstudy.report.charts import svg, timeline
from lbstudy.report.html import render_html
from lbstudy.result import figures
from lbstudy.result.model import Result, StageName

from tests.report import markup, sample

Page: TypeAlias = Callable[[str], tuple[Result, str, markup.Node]]

pytestmark = pytest.mark.parametrize("variant", sample.VARIANTS)


def test_is_one_balanced_document(page: Page, variant: str) -> None:
    _, html, root = page(variant)
    assert html.startswith("<!DOCTYPE html>")
    assert [n.tag for n in root.children if isinstance(n, markup.Node)] == ["html"]
    assert len(root.find("h1")) == 1
    levels = [int(n.tag[1]) for n in root.walk() if re.fullmatch("h[1-6]", n.tag)]
    assert all(b <= a + 1 for a, b in pairwise(levels)), "headings skip levels"
    ids = [n.attributes["id"] for n in root.walk() if "id" in n.attributes]
    assert len(ids) == len(set(ids))


def test_needs_nothing_from_outside_and_no_script(page: Page, variant: str) -> None:
    _, html, root = page(variant)
    assert not root.find("script")
    assert not root.find("link")
    for node in root.walk():
        assert not [a for a in node.attributes if a.startswith("on")], node.attributes
        assert "style" not in node.attributes, "the page's own policy forbids it"
        for name in ("href", "src", "action", "data", "poster", "srcset"):
            value = node.attributes.get(name, "#")
            assert value.startswith("#") or (node.tag == "a" and value.startswith("data:")), value
    style = root.find("style")[0].text()
    assert "url(" not in style
    assert "@import" not in style
    for target in re.findall(r'(?:href="|url\()#([^")]+)', html):
        assert f'id="{target}"' in html


def test_policy_allows_its_own_style_and_nothing_else(page: Page, variant: str) -> None:
    _, html, root = page(variant)
    style = html[html.index("<style>") + 7 : html.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = root.find("meta", **{"http-equiv": "Content-Security-Policy"})[0].attributes["content"]
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy


def test_what_comes_from_outside_is_escaped(page: Page, variant: str) -> None:
    result, html, root = page(variant)
    assert "<script" not in html
    assert result.verdict.headline == root.find("h1")[0].text() or "  " in result.verdict.headline


def test_every_chart_is_well_formed_and_described(page: Page, variant: str) -> None:
    _, html, _ = page(variant)
    charts = re.findall(r'<svg class="chart".*?</svg>(?=</div>)', html, re.DOTALL)
    assert len(charts) > 5
    for chart in charts:
        tree = ET.fromstring(chart)
        title, description = tree[0], tree[1]
        assert title.tag.endswith("title")
        assert title.text
        assert description.tag.endswith("desc")
        assert "nan" not in chart
        assert "inf" not in chart.replace("information", "")
    assert html.count('<svg class="chart"') == len(charts)


def test_no_letter_is_ever_scaled(page: Page, variant: str) -> None:
    """Charts keep their size in px; what is stretched holds curves only, whose strokes do not scale."""
    _, _, root = page(variant)
    charts = root.find("svg", class_="chart")
    assert all("viewbox" not in c.attributes and c.attributes["width"] == "100%" for c in charts)
    stretched = [n for c in charts for n in c.find("svg") if n is not c]
    assert stretched
    for layer in stretched:
        assert layer.attributes["preserveaspectratio"] == "none"
        assert not layer.find("text")
        assert {n.tag for n in layer.walk()} <= {"svg", "path", "title"}
    style = root.find("style")[0].text()
    for rule in (".line {", ".area.band {"):
        assert "vector-effect: non-scaling-stroke" in style.split(rule)[1].split("}")[0]


def test_every_server_and_every_delay_is_there_as_text(page: Page, variant: str) -> None:
    result, _, root = page(variant)
    text = root.find("body")[0].text()
    for setting in result.settings:
        for server in setting.servers:
            assert " ".join(server.split()) in text
        for added in setting.adaptability.added:
            for client in added.clients:
                assert str(client.detect) in text
                assert str(client.discovery) in text
        for removed in setting.adaptability.removed:
            for client in removed.clients:
                assert str(client.detect) in text


def test_comparison_shows_the_results_figures(page: Page, variant: str) -> None:
    result, _, root = page(variant)
    rows = {row[0]: row[1:] for row in root.find("table", id="comparison")[0].rows()}
    assert rows[""] == [s.name for s in result.settings]
    for i, setting in enumerate(result.settings):
        detect, discovery = setting.adaptability.detect, setting.adaptability.discovery
        assert rows["time to detect, median"][i] == figures.delay(detect.median)
        assert rows["time to discovery, median"][i] == figures.delay(discovery.median)
        assert rows["undiscovered servers"][i].split()[0] == str(len(setting.adaptability.undiscovered))
        assert rows["latency p99"][i] == figures.seconds(setting.latency.all.p99)
        sent = sum(setting.errors.client_by_code.values())
        failed = sent - setting.errors.client_by_code.get("OK", 0)
        assert rows["failed RPCs"][i] == f"{failed:,} of {sent:,}"


def test_tables_show_the_results_figures(page: Page, variant: str) -> None:
    result, _, root = page(variant)
    for i, setting in enumerate(result.settings):
        shown = root.find("table", class_="distribution")[i].rows()[1:]
        assert shown == [
            [
                setting.phases[p.phase].label,
                f"{p.requests:,}",
                figures.percent(p.fair_share),
                figures.percent(p.largest_deviation),
                figures.index(p.jain),
                figures.p_value(p.chi2_p),
                figures.percent(p.coverage),
            ]
            for p in setting.distribution.phases
        ]
        requests = root.find("table", class_="requests")[i].rows()[1:]
        assert [row[1] for row in requests] == [f"{n:,}" for n in setting.distribution.total.values()]
        usage = root.find("table", class_="utilisation")[i].rows()[1:]
        assert [row[3] for row in usage] == [
            figures.seconds(u.inactivity_max) for u in setting.utilisation.servers
        ]
        latency = {row[0]: row[1:] for row in root.find("table", class_="latency")[i].rows()}
        parts = (setting.latency.all, setting.latency.steady, setting.latency.transition)
        assert latency["p99"] == [figures.seconds(q.p99) for q in parts]
        assert latency["RPCs"] == [f"{q.count:,}" for q in parts]
        codes = {row[0]: row[1:] for row in root.find("table", class_="codes")[i].rows()[1:]}
        assert {k: int(v[0].replace(",", "")) for k, v in codes.items() if v[0] != "0"} == (
            setting.errors.client_by_code
        )
        ledger = root.find("table", class_="ledger")[i].rows()[1:]
        assert [(row[2], row[4], row[6]) for row in ledger] == [
            (f"{e.left_count:,}", f"{e.right_count:,}", "✓ yes" if e.closes else "✗ NO")
            for e in setting.ledger.entries
        ]


def test_waterfalls_have_a_row_for_each_client(page: Page, variant: str) -> None:
    result, _, root = page(variant)
    expected: list[tuple[str, str]] = []
    for setting in result.settings:
        for added in setting.adaptability.added:
            assert added.ready is not None
            expected.append(("pod", figures.seconds(added.ready - added.command)))
            expected += [(c.client, figures.delay(c.discovery)) for c in added.clients]
        for removed in setting.adaptability.removed:
            exited = next(s.at for s in removed.stages if s.name == StageName.EXITED)
            assert exited is not None
            expected.append(("pod", figures.seconds(exited - removed.command)))
            expected += [(c.client, figures.delay(c.detect)) for c in removed.clients]
    names = [n.text() for n in root.find("span", class_="who")]
    values = [n.text() for n in root.find("span", class_="value")]
    assert list(zip(names, values, strict=True)) == expected


def test_changes_are_told_in_tables_too(page: Page, variant: str) -> None:
    result, _, root = page(variant)
    shown = [row for t in root.find("table", class_="added") for row in t.rows()[1:]]
    assert [(row[1], row[2], row[4]) for row in shown] == [
        (c.client, figures.delay(c.detect), figures.delay(c.discovery))
        for s in result.settings
        for a in s.adaptability.added
        for c in a.clients
    ]
    shown = [row for t in root.find("table", class_="removed") for row in t.rows()[1:]]
    assert [row[6] for row in shown] == [
        ", ".join(f"{c.client} {figures.delay(c.detect)}" for c in r.clients) or "no client had it"
        for s in result.settings
        for r in s.adaptability.removed
    ]


def test_timeline_draws_what_happened(page: Page, variant: str) -> None:
    result, _, root = page(variant)
    x = timeline.time_scale(result.settings)
    for i, setting in enumerate(result.settings):
        figure = root.find("figure", id=f"timeline-{i + 1}")[0]
        chart = figure.find("svg", class_="chart")[0]
        events = setting.timeline.events
        assert len(figure.find("table")[0].rows()) == len(events) + 1
        commands = [e for e in events if e.kind == "scale"]
        assert [n.attributes["x1"] for n in chart.find("line", class_="command")] == [
            svg.percent(x(e.at)) for e in commands
        ]
        # What shares a mark is listed in its tooltip: nothing is lost.
        told = [
            line for use in chart.find("use") for line in use.find("title")[0].own_text().split(" s: ")[1:]
        ]
        assert len(told) == sum(e.kind not in {"scale", "exited"} for e in events)
        assert len(chart.find("rect", class_="error-bar")) == sum(bool(v) for v in setting.timeline.errors)
        assert len(chart.find("path", class_="addresses")) == 1
        assert len(chart.find("path", class_="ready")) == 1
        busy = {s for s, values in setting.timeline.requests.items() if any(values)}
        bands = {n.find("title")[0].text().split(" ", 1)[1] for n in chart.find("path", class_="band")}
        assert bands == {" ".join(s.split()) for s in busy}


def test_idle_servers_stand_out(page: Page, variant: str) -> None:
    result, _, root = page(variant)
    for setting, table in zip(result.settings, root.find("table", class_="utilisation"), strict=True):
        rows = table.find("tr")[1:]
        marked = [bool(r.find("span", class_="tag")) for r in rows]
        assert marked == [(u.idle_share or 0) > 0.5 for u in setting.utilisation.servers]


def test_ledger_that_does_not_close_is_said_first(page: Page, variant: str) -> None:
    result, html, root = page(variant)
    alerts = root.find("div", role="alert")
    assert len(alerts) == (0 if result.ledger_closes else 1)
    assert ("LEDGER DOES NOT CLOSE" in html) is not result.ledger_closes
    for alert in alerts:
        assert html.index("LEDGER DOES NOT CLOSE") < html.index('id="timeline"')
        assert "client RPC spans stored 4,796, RPCs sent 4,803" in alert.text() or "4,795" in alert.text()


def test_verdict_is_followed_by_timeline_and_dashboards_in_order(page: Page, variant: str) -> None:
    result, _, root = page(variant)
    assert [n.text() for n in root.find("h2")] == [
        "Timeline",
        *(["Scaling"] if any(setting.scaling for setting in result.settings) else []),
        "1 Request Distribution",
        "2 Performance",
        "3 Error Rates",
        "4 Adaptability",
        "5 Server Utilization",
        "Ledger",
        "Provenance and data",
    ]


def test_the_data_can_be_taken_out_again(page: Page, variant: str) -> None:
    result, _, root = page(variant)
    link = root.find("a", download="result.json.gz")[0].attributes["href"]
    packed = base64.b64decode(link.removeprefix("data:application/gzip;base64,"))
    assert Result.model_validate_json(gzip.decompress(packed)) == result


def test_tables_say_what_their_heads_are_for(page: Page, variant: str) -> None:
    _, _, root = page(variant)
    for table in root.find("table"):
        assert all(th.attributes.get("scope") in {"col", "row"} for th in table.find("th"))
        widths = {len([c for c in r.children if isinstance(c, markup.Node)]) for r in table.find("tr")}
        assert len(widths) == 1, "a row has more cells than another"
    for region in root.find("div", class_="scroll"):
        assert region.attributes["tabindex"] == "0"
        assert region.attributes["aria-label"]


def test_a_server_has_one_colour_everywhere(page: Page, variant: str) -> None:
    """Bands, bars and lines of a server carry the class that its number has in the legend."""
    result, _, root = page(variant)
    for setting, figure in zip(result.settings, root.find("ul", class_="legend")[1:], strict=False):
        if figure.attributes.get("aria-label") != f"Servers of {setting.name}":
            continue
        for i, item in enumerate(figure.find("li")):
            assert item.find("rect")[0].attributes["class"] == f"area s{i % 8}"
            assert item.find("svg")[0].text() == str(i + 1)
    for parent in root.walk():
        kind, *classes = parent.attributes.get("class", "").split() or [""]
        for title in parent.children:
            if kind in {"area", "line", "share"} and isinstance(title, markup.Node) and title.tag == "title":
                found = re.match(r"(\d+) ", title.text())
                assert found is None or f"s{(int(found[1]) - 1) % 8}" in classes


def test_same_result_same_bytes(page: Page, variant: str) -> None:
    result, html, _ = page(variant)
    assert render_html(result) == html


def test_where_the_seconds_went_is_told_by_client_and_in_the_mean(page: Page, variant: str) -> None:
    result, _, root = page(variant)
    measured = [s.adaptability for s in result.settings]
    shown = [row for t in root.find("table", class_="waits") for row in t.rows()[1:]]
    expected = []
    for found in measured:
        if found.waits is not None:
            expected += [[figures.seconds(part.mean), str(part.open)] for part in found.waits.parts]
            expected.append([figures.seconds(found.waits.mean), str(found.waits.open)])
    assert [row[1:] for row in shown] == expected
    told = [row[6] for t in root.find("table", class_="added") for row in t.rows()[1:]]
    views = [(a.ready, c) for found in measured for a in found.added for c in a.clients]
    assert told == [waits.of_one(view.waits, ready) for ready, view in views if ready is not None]
    assert len(root.find("p", class_="went")) == sum(found.waits is not None for found in measured)
