"""The closing summary: right at 80 and 120 columns, with and without colours."""

import io
import re

import pytest
from lbstudy.report.comparison import comparison
from lbstudy.report.terminal import print_summary
from lbstudy.result.model import Result
from rich.console import Console

from tests.report import sample
from tests.report.sample_lane import Shape


def printed(result: Result, width: int, *, colours: bool = False) -> str:
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=colours, color_system="standard" if colours else None
    )
    print_summary(result, console)
    return file.getvalue()


def columns(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("variant", sample.VARIANTS)
def test_nothing_is_wider_than_the_terminal(variant: str, width: int) -> None:
    text = printed(sample.VARIANTS[variant](), width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert not [line for line in text.splitlines() if re.match(r"•|  \S", line) and line != line.rstrip()]


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("variant", ["default", "single", "no_rpcs", "many_servers", "open_ledger"])
def test_each_row_of_the_table_is_one_line_with_all_figures(variant: str, width: int) -> None:
    result = sample.VARIANTS[variant]()
    lines = [columns(line) for line in printed(result, width).splitlines()]
    for row in comparison(result):
        found = next(line for line in lines if line[0] == row.label)
        assert found[1 : 1 + len(row.cells)] == [c.text for c in row.cells]
        assert len(found) == 1 + len(row.cells) + (found[-1] == row.meaning)


def test_more_settings_than_fit_get_a_table_of_their_own() -> None:
    shapes = [Shape(f"setting-{i}", "one of many", discovers=i % 2 > 0) for i in range(6)]
    result = sample.result(*shapes)
    text = printed(result, 80)
    assert max(map(len, text.splitlines())) <= 80
    heads = [columns(line) for line in text.splitlines() if line.strip().startswith("setting-")]
    assert [name for head in heads for name in head] == [s.name for s in result.settings]
    assert len(heads) == 2
    assert text.count("latency p99") == 2


def test_a_long_name_is_cut_and_not_the_figures() -> None:
    text = printed(sample.long_names(), 60)
    assert "setting-with-a" in text
    assert "> 28.6 s" in text


def test_changes_and_verdict_are_told() -> None:
    result = sample.result()
    text = " ".join(printed(result, 80).split())
    assert text.startswith(result.verdict.headline)
    assert all(point in text for point in result.verdict.points)
    assert "stock, 3 → 6 servers at 20 s: 3 of 3 Ready, 3 never answered an RPC; no RPC failed" in text
    assert "max-age, 6 → 2 servers at 50 s: 4 removed; 3 RPCs failed" in text
    assert "✓ max-age: discovery.median at most 10 s" in text
    assert "✓ ledger closes" in text
    assert "✗" not in text


def test_open_ledger_is_red_and_names_the_entry() -> None:
    plain = " ".join(printed(sample.open_ledger(), 80).split())
    assert "✗ LEDGER DOES NOT CLOSE" in plain
    assert "max-age: client RPC spans stored 4,795, RPCs sent 4,802 (spans were lost" in plain
    coloured = printed(sample.open_ledger(), 80, colours=True)
    assert re.search(r"\x1b\[1;31m✗ LEDGER DOES NOT CLOSE", coloured)


def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    print_summary(sample.open_ledger(), Console(file=file, width=80, force_terminal=True))
    assert not re.search(r"\x1b\[[\d;]*3\dm", file.getvalue())


def test_markup_in_names_is_text() -> None:
    shape = Shape("[red]x[/]", "d")
    assert "[red]x[/]" in printed(sample.result(shape, headline="[bold]h[/bold]"), 80)
    assert "[bold]h[/bold]" in printed(sample.result(shape, headline="[bold]h[/bold]"), 80)


def test_largest_deviation_is_that_of_the_phase_after_the_scale_up() -> None:
    """Up to 6 servers of which 3 get nothing: their share is 0 of 1/6, a deviation of 100 %."""
    rows = {row.label: row.cells for row in comparison(sample.result())}
    assert rows["largest deviation"][0].text == "100.0 %"
    rows = {row.label: row.cells for row in comparison(sample.no_added())}
    assert rows["largest deviation"][0].text == "0.0 %"


def test_where_the_seconds_went_is_one_line_a_setting() -> None:
    text = " ".join(printed(sample.result(), 80).split())
    assert (
        "stock, where the seconds went: of 28.6 s from Ready on (mean of 6, 6 of which got no RPC while"
        " watched): 28.6 s no trigger, 60.0 ms DNS propagation" in text
    )
    assert (
        "max-age, where the seconds went: of 5.0 s from Ready to the first RPC (mean of 6): 3.5 s no" in text
    )
