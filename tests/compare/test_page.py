"""The comparison's page and its terminal summary: whole, offline, safe, of the model's own figures."""

import io
import re
import xml.etree.ElementTree as ET
from functools import cache
from itertools import pairwise

import pytest
from lbstudy.compare import text
from lbstudy.compare.model import Comparison, Standing
from lbstudy.report.compare_html import render_comparison
from lbstudy.report.compare_terminal import print_comparison
from lbstudy.result.model import Price
from rich.console import Console

from tests.compare.made_up import comparison, setting
from tests.report import markup

COSTS = Price(
    connections=9, connections_rate=9, dns_queries=0, dns_rate=0, client_cpu=0.002, server_cpu=0.003
)
FAST = [setting("fast", discovery=(1 + i / 10,), price=COSTS) for i in range(4)]
NEVER = [setting("never", discovery=(None,), lost=(0, 5 + i), fault=40 + i, price=COSTS) for i in range(4)]


def whole() -> Comparison:
    return comparison({"never": NEVER, "fast": FAST})


def some_failed() -> Comparison:
    return comparison({"never": NEVER, "fast": FAST}, failed={1: "<b>the address & port</b> are in use"})


def all_failed() -> Comparison:
    return comparison({"never": NEVER, "fast": FAST}, failed=dict.fromkeys(range(4), "no"))


def open_ledger() -> Comparison:
    return comparison({"never": [setting("never", closes=False)], "fast": FAST[:1]})


def odd_names() -> Comparison:
    return comparison({"<script>": [setting("<script>")] * 4, "x" * 38: [setting("x" * 38)] * 4})


MADE = {one.__name__: one for one in (whole, some_failed, all_failed, open_ledger, odd_names)}


@cache
def page(name: str) -> tuple[Comparison, str, markup.Node]:
    found = MADE[name]()
    html = render_comparison(found)
    return found, html, markup.parse(html)


@pytest.mark.parametrize("name", MADE)
def test_is_one_balanced_document_that_needs_nothing_from_outside(name: str) -> None:
    found, html, root = page(name)
    assert html.startswith("<!DOCTYPE html>")
    assert [n.text() for n in root.find("h1")] == [found.headline]
    levels = [int(n.tag[1]) for n in root.walk() if re.fullmatch("h[1-6]", n.tag)]
    assert all(b <= a + 1 for a, b in pairwise(levels))
    ids = [n.attributes["id"] for n in root.walk() if "id" in n.attributes]
    assert len(ids) == len(set(ids))
    assert not root.find("script")
    assert not root.find("link")
    for node in root.walk():
        assert "style" not in node.attributes
        assert not [a for a in node.attributes if a.startswith("on")]
    for target in re.findall(r'href="#([^"]+)"', html):
        assert f'id="{target}"' in html
    assert "<script" not in html.replace("&lt;script", "")


@pytest.mark.parametrize("name", MADE)
def test_every_link_leads_to_the_report_of_a_finished_run(name: str) -> None:
    found, _, root = page(name)
    done = {f"{one.run.folder}/report.html" for one in found.outcomes if one.state == "done"}
    links = {a.attributes["href"] for a in root.find("a") if not a.attributes["href"].startswith("#")}
    assert links == done


@pytest.mark.parametrize("name", MADE)
def test_charts_are_well_formed_and_described(name: str) -> None:
    _, html, _ = page(name)
    charts = re.findall(r'<svg class="chart".*?</svg>(?=</div>)', html, re.DOTALL)
    assert html.count('<svg class="chart"') == len(charts)
    for chart in charts:
        tree = ET.fromstring(chart)
        assert tree[0].tag.endswith("title")
        assert tree[1].tag.endswith("desc")
        assert "nan" not in chart
        assert "inf" not in chart


@pytest.mark.parametrize("name", MADE)
def test_tables_are_rectangular_and_say_what_their_heads_are_for(name: str) -> None:
    _, _, root = page(name)
    for table in root.find("table"):
        assert all(th.attributes.get("scope") in {"col", "row"} for th in table.find("th"))
        widths = {len([c for c in r.children if isinstance(c, markup.Node)]) for r in table.find("tr")}
        assert len(widths) == 1


def cells(root: markup.Node) -> list[list[markup.Node]]:
    (table,) = root.find("table", class_="matrix")
    rows = [[c for c in r.children if isinstance(c, markup.Node)] for r in table.find("tr")[1:]]
    return [[c for c in row if c.tag == "td"] for row in rows]


def test_the_matrix_shows_each_median_with_its_interval_and_opens_its_run() -> None:
    found, _, root = page("whole")
    shown = cells(root)
    assert len(shown) == len(found.figures)
    for place, (figure, row) in enumerate(zip(found.figures, shown, strict=True)):
        for one, cell in zip(found.settings, row, strict=True):
            compared = found.cell(one.name, "compare")
            measured = compared.figures[place]
            words = cell.text()
            assert words.startswith(text.median(figure, measured.estimate))
            around = text.interval(figure, measured.estimate)
            assert (around in words) or around == text.median(figure, measured.estimate)
            assert ("✓ best" in words) == (measured.standing is Standing.BEST)
            assert ("✗ worse" in words) == (measured.standing is Standing.WORSE)
            assert cell.find("a")[0].attributes["href"] == f"{compared.runs[0]}/report.html"


def test_a_censored_median_has_no_number_of_its_own() -> None:
    _, _, root = page("whole")
    assert cells(root)[0][0].text() == "> 20.0 s✗ worse"
    assert "with never they got none within the 20.0 s" in root.find("h1")[0].text()


def test_failed_runs_are_said_first_and_escaped() -> None:
    _, html, root = page("some_failed")
    (alert,) = root.find("div", role="alert")
    assert "3 of 4 runs have finished and count" in alert.text()
    assert "<b>the address & port</b> are in use" in alert.text()
    assert "<b>the address" not in html
    assert html.index('role="alert"') < html.index('id="which"')


def test_a_setting_of_which_every_run_failed_has_its_column() -> None:
    _, _, root = page("all_failed")
    assert [[c.text() for c in row] for row in cells(root)] == [["failed", "failed"]]


def test_an_open_ledger_is_said() -> None:
    _, _, root = page("open_ledger")
    assert "do not agree with each other" in root.find("div", role="alert")[0].text()
    assert not page("whole")[2].find("div", role="alert")


def test_each_setting_is_held_against_the_first_one() -> None:
    _, _, root = page("whole")
    first, second = root.find("article", class_="card")
    assert "What the others are held against." in first.text()
    assert "Beaten by fast: better in something, worse in nothing, price aside." in first.text()
    assert "requests lost when a server hangs" not in second.text()  # of which fast had none: nothing to tell
    assert "requests lost when servers are removed: 0 against 6" in second.text()


def test_same_comparison_same_bytes() -> None:
    found, html, _ = page("whole")
    assert render_comparison(found) == html


def printed(found: Comparison, width: int = 80) -> str:
    file = io.StringIO()
    print_comparison(found, Console(file=file, width=width))
    return file.getvalue()


def test_the_terminal_says_the_same_in_eighty_columns() -> None:
    found = whole()
    shown = printed(found)
    assert max(map(len, shown.splitlines())) <= 80
    together = " ".join(shown.split())
    assert found.headline in together
    assert all(answer in together for answer in found.answers)
    assert "✗ never > 20.0 s (4)" in together
    assert "✓ fast 1.1 s 1.0 s to 1.3 s (4)" in together
    assert "4 of 4 runs" in together


def test_the_terminal_tells_failed_runs() -> None:
    shown = " ".join(printed(some_failed()).split())
    assert "✗ runs/compare-2-1 failed: <b>the address & port</b> are in use" in shown
    assert "3 of 4 runs" in shown
