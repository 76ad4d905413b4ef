"""The chart code by hand-worked examples: scales, marks, stacks, waterfalls."""

import re
import xml.etree.ElementTree as ET

import pytest
from lbstudy.report.charts import annotations, marks, svg, waterfall
from lbstudy.report.charts.coverage import coverage
from lbstudy.report.charts.plot import Plot
from lbstudy.report.charts.scale import Linear, Logarithmic, around, from_zero, round_step
from lbstudy.report.charts.stack import fair_levels, runs, stacked_steps
from lbstudy.report.html import render_html
from lbstudy.report.palette import Palette, ranges
from lbstudy.result.model import (
    Added,
    ClientView,
    Delay,
    DelaySummary,
    FaultEffects,
    Group,
    Stage,
    StageName,
    Timeline,
    TimelineEvent,
    Wait,
    WaitedFor,
)
from markupsafe import Markup

from tests.report import sample


def test_linear_scale() -> None:
    scale = Linear(-2, 8)
    assert [scale(v) for v in (-3, -2, 3, 8, 9)] == [0, 0, 0.5, 1, 1]
    assert scale.ticks(5) == [-2, 0, 2, 4, 6, 8]
    assert Linear(5, 5)(5) == 0


def test_log_scale() -> None:
    scale = Logarithmic(1, 100)
    assert [scale(v) for v in (0, 1, 10, 100, 1000)] == [0, 0, 0.5, 1, 1]
    assert scale.ticks(3) == [1, 10, 100]
    assert Logarithmic(15, 70).ticks(2) == [20, 50]


@pytest.mark.parametrize(("rough", "step"), [(0, 0), (1, 1), (1.1, 2), (0.03, 0.05), (7, 10), (250, 500)])
def test_round_step(rough: float, step: float) -> None:
    assert round_step(rough) == pytest.approx(step)


def test_scales_hold_all_values() -> None:
    assert from_zero([3, None, 61]).high == 80
    assert from_zero([], least=1).high == 1
    found = around([None, 20, 400], 1, 10)
    assert found.low < 20
    assert found.high > 400
    assert around([0, None], 1, 10) == Logarithmic(1, 10)


def test_elements_escape_what_is_not_markup() -> None:
    made = svg.element("text", "<&>", Markup("<b/>"), class_='"', text_anchor=None, x=1.0)
    assert made == '<text class="&#34;" x="1">&lt;&amp;&gt;<b/></text>'


def test_plot_places_values() -> None:
    plot = Plot(Linear(0, 80), Linear(0, 60), height=100, top=10)
    assert plot.at(20) == "25%"
    assert plot.px(60) == 10
    assert plot.px(0) == 110
    bar = ET.fromstring(plot.bar(20, 40, 0, 30, "bar"))
    assert [bar.get(k) for k in ("x", "y", "width", "height")] == ["25%", "60", "25%", "50"]


def test_line_breaks_where_nothing_was_measured() -> None:
    plot = Plot(Linear(0, 10), Linear(0, 10), height=10)
    path = ET.fromstring(plot.line([(0, 0), (1, 1), (2, None), (3, 3)], "x")).get("d")
    assert path == "M0,10h0L100,9M300,7h0"
    assert plot.line([(0, None)], "x") == ""


def line(**changes: object) -> Timeline:
    base = Timeline(
        bucket=1,
        start=0,
        requests={"a": [6, 6, 0, 3], "b": [0, 6, 6, 3]},
        unanswered=[0] * 4,
        errors=[0] * 4,
        fair_share=[6, 6, 3, None],
        addresses=[1] * 4,
        ready=[],
        latency_p50=[None] * 4,
        latency_p99=[None] * 4,
        coverage=[None] * 4,
        events=[],
    )
    return base.model_copy(update=changes)


def test_stack_draws_each_run_of_a_server_on_top_of_those_before_it() -> None:
    assert runs([6, 6, 0, 3]) == [(0, 1), (3, 3)]
    plot = Plot(Linear(0, 4), Linear(0, 12), height=12)
    drawn = stacked_steps(line(), Palette(["a", "b"]), plot)
    paths = re.findall(r'd="([^"]+)" class="area band (s\d)"', drawn)
    assert [c for _, c in paths] == ["s0", "s0", "s1"]
    # b stands on a's 6 in the second bucket, on nothing in the third, on a's 3 in the fourth
    assert paths[2][0] == "M250,0L500,0L500,6L750,6L750,6L1000,6L1000,9L750,9L750,12L500,12L500,6L250,6Z"


def test_fair_levels_are_the_multiples_below_the_total() -> None:
    plot = Plot(Linear(0, 4), Linear(0, 12), height=12)
    levels = re.findall(r'd="([^"]+)" class="line fair"', fair_levels(line(), plot))
    # 1 server Ready at first: none; 12 ÷ 6 = 2: one, at 6; 6 ÷ 3 = 2: one, at 3; unknown: none
    assert levels == ["M250,6h0L500,6L500,9L750,9"]


def test_fair_levels_break_where_the_number_of_servers_changes() -> None:
    plot = Plot(Linear(0, 4), Linear(0, 12), height=12)
    grown = line(requests={"a": [6, 6, 2, 0], "b": [6, 6, 4, 0]}, fair_share=[6, 6, 2, None])
    levels = re.findall(r'd="([^"]+)" class="line fair"', fair_levels(grown, plot))
    # 2, 2, then 3 servers: the first level is 6 and then 2, the second only there, at 4
    assert levels == ["M0,6h0L250,6L250,6L500,6M500,10h0L750,10", "M500,8h0L750,8"]


def event(
    at: float, kind: str = "ready", server: str | None = None, outcome: str | None = None
) -> TimelineEvent:
    return TimelineEvent(at=at, kind=kind, label=kind, server=server, outcome=outcome)


def test_marks_tell_outcomes_apart_by_shape() -> None:
    shapes = [marks.shape_of(event(0, "update", outcome=o)) for o in ("changed", "unchanged", "servfail")]
    assert shapes == ["changed", "unchanged", "failed"]
    assert marks.shape_of(event(0, "ready")) == "up"
    assert marks.shape_of(event(0, "unpublished")) == "down"


def test_marks_that_would_overlap_share_one_mark_and_one_label() -> None:
    palette, plot = Palette(["a", "b", "c"]), Plot(Linear(0, 100), Linear(0, 1), height=1)
    events = [event(10, server="a"), event(11, server="b"), event(15, server="c"), event(60, server="a")]
    assert [len(g) for g in marks.clusters(events, plot.x)] == [2, 1, 1]
    drawn = marks.lane(events, palette, plot, 10)
    assert re.findall(r'<use href="#mark-up" x="([\d.]+%)"', drawn) == ["10%", "15%", "60%"]
    assert [t.strip() for t in re.findall(r"<text[^>]*>([^<]+)<", drawn)] == ["1–3", "1"]


def test_ranges() -> None:
    assert ranges([6, 1, 4, 5]) == "1, 4–6"
    assert ranges([]) == ""


def test_palette_never_shows_two_servers_alike() -> None:
    servers = [f"server-{i}" for i in range(32)]
    palette = Palette(servers)
    assert len({(palette.look(s).colour, palette.look(s).texture) for s in servers}) == 32
    assert [palette.number(s) for s in servers] == list(range(1, 33))
    assert palette.look("unheard-of").number == 0


def added(*, seconds: float | None) -> Added:
    found = None if seconds is None else 21 + seconds
    delay = Delay(seconds=seconds) if seconds is not None else Delay(censored_after=29)
    summary = DelaySummary(count=1, censored=0, median=delay, p95=delay, largest=delay)
    view = ClientView(
        client="client-0",
        stages=[
            Stage(name=StageName.UPDATE, at=found and found - 1),
            Stage(name=StageName.FIRST_RPC, at=found),
        ],
        detect=delay,
        discovery=delay,
        waits=[
            Wait(what=WaitedFor.READY, start=20, end=21),
            Wait(
                what=WaitedFor.TRIGGER, start=21, end=50 if found is None else found - 1, open=found is None
            ),
            *([] if found is None else [Wait(what=WaitedFor.TURN, start=found - 1, end=found)]),
        ],
    )
    return Added(
        server="a",
        command=20,
        ready=21,
        watched_until=50,
        stages=[Stage(name=StageName.COMMAND, at=20), Stage(name=StageName.READY, at=21)],
        clients=[view],
        detect=summary,
        discovery=summary,
        fair_share=None,
    )


def test_waterfall_of_a_server_that_was_found() -> None:
    pod, client = waterfall.added_waterfall(added(seconds=4), Linear(0, 10)).rows
    assert (pod.name, pod.value) == ("pod", "1.0 s")
    assert (client.name, client.value, client.censored) == ("client-0", "4.0 s", False)
    # Ready at +1 s, nothing made the client look until +4 s, its turn came at +5 s
    assert re.findall(r'<rect x="([\d.]+%)" y="4" width="([\d.]+%)"', client.bar) == [
        ("10%", "30%"),
        ("40%", "10%"),
    ]
    assert re.findall(r"<title>([^<]+)</title></rect>", client.bar) == ["no trigger: 3.0 s", "turn: 1.0 s"]
    assert "mark-arrow" not in client.bar


def test_waterfall_of_a_server_that_was_not_found_ends_in_an_arrow() -> None:
    client = waterfall.added_waterfall(added(seconds=None), Linear(0, 30)).rows[1]
    assert (client.value, client.censored) == ("> 29.0 s", True)
    assert "no trigger: 29.0 s, and still" in client.bar
    assert "st-censored" in client.bar
    assert 'href="#mark-arrow" x="100%"' in client.bar


def test_many_clients_show_the_slowest() -> None:
    one = added(seconds=4)
    views = [
        one.clients[0].model_copy(update={"client": f"client-{i}", "discovery": Delay(seconds=float(i))})
        for i in range(20)
    ]
    shown = waterfall.added_waterfall(one.model_copy(update={"clients": views}), Linear(0, 30))
    assert [r.name for r in shown.rows[1:]] == [f"client-{i}" for i in range(14, 20)]
    assert shown.left_out == 14


def test_coverage_is_drawn_as_steps_with_gaps() -> None:
    setting = sample.result().settings[0]
    # 4 buckets of 1 s: all servers, half of them, nobody Ready, none of them.
    line = setting.timeline.model_copy(
        update={"start": 0.0, "bucket": 1.0, "coverage": [1.0, 0.5, None, 0.0]}
    )
    drawn = str(coverage(setting.model_copy(update={"timeline": line}), Linear(0, 4)))
    # 70 px high from 24 px down: 100 % at 24, 50 % at 59, 0 % at 94; x goes from 0 to 1000.
    (path,) = re.findall(r'd="(M[^"]*)" class="line coverage"', drawn)
    assert path == "M0,24h0L250,24L250,59L500,59M750,94h0L1000,94"


def fault(label: str, start: float, end: float) -> FaultEffects:
    none = Group(servers=0, requests=0, failed=0, p50=None, p99=None)
    return FaultEffects(
        label=label, start=start, end=end, servers=[], troubled=none, untouched=none, unanswered=none
    )


def test_faults_are_bands_from_when_to_when_they_lasted() -> None:
    plot = Plot(Linear(0, 100), Linear(0, 1), height=50, top=10)
    drawn = annotations.bands([fault("slow", 20, 60), fault("kill", 70, 70)], plot, 10, 60, named=True)
    found = ET.fromstring(f"<svg>{drawn}</svg>")
    slow, kill = found.iter("rect")
    assert [slow.get(k) for k in ("x", "y", "width", "height")] == ["20%", "10", "40%", "50"]
    assert slow.findtext("title") == "F1 slow: 20.0 to 60.0 s"
    assert kill.get("width") == "0%"
    assert [edge.get("x1") for edge in found.iter("line")] == ["20%", "60%", "70%"]  # one where it is one
    assert [(text.text or "").strip("\u00a0") for text in found.iter("text")] == ["F1", "F2"]


def test_labels_of_faults_do_not_lie_on_each_other() -> None:
    plot = Plot(Linear(0, 100), Linear(0, 1), height=50)
    faults = [fault("a", 0, 10), fault("b", 5, 6), fault("c", 41, 90), fault("d", 50, 60), fault("e", 90, 99)]
    assert annotations.fault_rows(faults, plot) == [0, 1, 0, 1, 0]
    assert annotations.fault_rows([], plot) == []


def test_every_chart_over_time_has_the_faults() -> None:
    result = sample.result()
    faults = [fault("slow", 20, 60), fault("stop", 30, 70)]
    changed = [setting.model_copy(update={"faults": faults}) for setting in result.settings]
    html = render_html(result.model_copy(update={"settings": changed}))
    # Timeline, coverage, latency, and three of utilisation.
    assert html.count('class="fault"') == 6 * len(faults) * len(changed)
    assert 'href="#faults"' in html
    assert 'href="#faults"' not in render_html(result)


def test_the_table_of_faults_tells_before_during_and_what_still_went_there() -> None:
    result = sample.result()
    (setting, *_) = result.settings
    group = Group(servers=1, requests=77, failed=0, p50=0.01, p99=0.02)
    stopped = fault("stop", 20, 60).model_copy(
        update={
            "servers": [setting.servers[0]],
            "before": group,
            "during": group.model_copy(update={"requests": 88, "failed": 9}),
            "share": 0.25,
            "share_before": 0.5,
        }
    )
    html = render_html(
        result.model_copy(update={"settings": [setting.model_copy(update={"faults": [stopped]})]})
    )
    assert re.search(r'<td>before it</td><td class="n">77</td>', html)
    assert re.search(r'<td>all, during it</td><td class="n">88</td><td class="n bad">9</td>', html)
    assert "25.0 % of the requests went there in its second half, 50.0 % before it" in html
    assert 'rowspan="4"' in html


def test_where_many_changes_are_close_some_are_named_and_all_are_drawn() -> None:
    assert named(5) == 5
    assert 2 < named(30) < 8


def named(commands: int) -> int:
    """How many of so many changes a timeline names; it draws a line for each."""
    made = sample.result(sample.STOCK)
    (setting,) = made.settings
    events = [TimelineEvent(at=2.0 * at, kind="scale", label=f"scale to {at}") for at in range(commands)]
    line = setting.timeline.model_copy(update={"events": events})
    changed = setting.model_copy(update={"timeline": line})
    page = render_html(made.model_copy(update={"settings": [changed]}))
    assert page.count('y1="4"') == commands
    return page.count('class="command-label"')
