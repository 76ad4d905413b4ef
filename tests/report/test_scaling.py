"""The report's part on scaling: its chart, its table, its words; and the terminal's rows."""

import re

from lbstudy.report.charts import scaling as charts
from lbstudy.report.charts.timeline import time_scale
from lbstudy.report.comparison import comparison
from lbstudy.report.html import render_html

from tests.report import markup, sample


def test_what_the_section_tells() -> None:
    root = markup.parse(render_html(sample.autoscaled()))
    (section,) = root.find("section", **{"aria-labelledby": "scaling"})
    text = " ".join(section.text().split())
    assert "breached at" in text
    assert "21 s> 34.0 s58.0 s" in text  # latency: breach, relief, missed
    assert "20 s5.0 s5.0 s" in text  # the mean
    assert "of 2,040 RPCs 700 failed and 300 were late" in text
    assert "88.5 s of it without traffic" in text
    assert "How busy servers were: not observed. The servers tell nobody how busy they are" in text
    assert "How many RPCs were late was not observed." in text
    assert "the sample" in text


def test_without_an_autoscaler_there_is_no_section_and_no_row() -> None:
    assert 'id="scaling"' not in render_html(sample.result())
    assert not [row for row in comparison(sample.result()) if "relief" in row.label]


def test_the_chart_has_both_lines_and_a_dot_for_each_view() -> None:
    made = sample.autoscaled()
    setting = made.settings[0]
    svg = str(charts.scaling(setting, time_scale(made.settings), charts.replica_scale(made.settings)))
    assert svg.count('class="line p99"') == svg.count('class="line p50"') == 1
    # Of four decisions three had a view: 10, 20 and 40 s.
    assert len(re.findall('<circle[^>]*class="view"', svg)) == 3
    assert "20 s: it sees 100.0 %, wants 6" in svg
    assert "40 s: it sees 55.0 %, stays at 6" in svg


def test_the_rows_that_tell_settings_apart() -> None:
    rows = {row.label: [cell.text for cell in row.cells] for row in comparison(sample.autoscaled())}
    assert rows["time to relief, latency"] == ["> 34.0 s", "not observed"]
    assert rows["time to relief, hottest"] == ["> 35.0 s", "not observed"]
    assert rows["late RPCs"] == ["320", "not observed"]
    assert rows["wasted pod-seconds"] == ["88 of 330 s", "not observed"]
