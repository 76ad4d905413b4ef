"""What the tables say: what is not observed is a dash, and never a number or "never"."""

import io

from lbstudy.watch.core import Core
from lbstudy.watch.evidence import SourceState
from lbstudy.watch.tables import tables
from lbstudy.watch.view import Lines, WatchScreen
from rich.console import Console

from tests.watch.told import PATIENCE, called, connected, listed, ready, resolved, served, watched


def shown(core: Core, now: float, width: int = 160, most: int | None = None) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(tables(core, now, most=most))
    return out.getvalue()


def row(text: str, name: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
    return [cell for cell in line.split("  ") if cell.strip()]


def test_without_evidence_every_cell_of_traffic_is_a_dash() -> None:
    core = watched()
    core.take(ready("c", 1_001.0))
    text = shown(core, 1_100.0)
    assert "3 Ready, requests not observed" in text
    assert "clients: not observed" in text
    assert "never" not in text
    assert "none" not in text
    cells = [cell.strip() for cell in row(text, "c")]
    assert cells[0:2] == ["c", "Ready"]
    assert cells[-6:] == ["–", "–", "–", "33 %", "–", "–"]  # first, rate, share, fair, silent, from


def test_with_evidence_each_has_its_figure() -> None:
    core = watched(*(resolved(f"checkout-{n}", 500.0, "a", "b") for n in range(2)))
    core.take(ready("c", 1_001.0))
    core.take(listed("a", "b", "c", at=1_001.0))
    core.take(ready("d", 1_001.0))
    core.take(connected("checkout-0", "a", 1_001.0))
    for second in range(1_001, 1_031):
        for pod in "abc":
            core.take(served(pod, second + 0.25))
        core.take(called("c", second + 0.25, "checkout-0"))
    text = shown(core, 1_030.5)
    assert "4 Ready, 3.0 requests/s, uncalled: d" in text
    cells = [cell.strip() for cell in row(text, "c")]
    assert cells[4:] == ["0.25 s", "1.0", "33 %", "25 %", "0.25 s", "checkout"]
    assert [cell.strip() for cell in row(text, "d")][4:] == ["none yet", "0.0", "0 %", "25 %", "–", "nobody"]
    client = [cell.strip() for cell in row(text, "checkout")]
    assert client == ["checkout", "2", "30", "2 of 4", "9 min ago", "1"]


def test_where_there_is_no_room_those_that_matter_are_shown() -> None:
    core = watched()
    for pod in "cdefgh":
        core.take(ready(pod, 1_001.0))
    for second in range(1_001, 1_031):
        for pod in "abcdefg":
            core.take(served(pod, second))
    text = shown(core, 1_030.5, most=3)
    assert "5 more pods not shown" in text
    assert row(text, "h")[1].strip() == "Ready"


def test_a_terminal_of_eighty_columns_breaks_no_word() -> None:
    core = watched()
    core.take(SourceState("Prometheus", "2 counters", "", 1_001.0))
    text = shown(core, 1_030.5, width=80)
    for heading in ("state", "age", "req/s", "share", "fair", "silent", "request", "since"):
        assert heading in text.replace("\n", " ")
    assert "…" not in text


def test_both_views_take_the_same_course() -> None:
    core = watched()
    out = io.StringIO()
    for view in (Lines(out), WatchScreen(Console(file=out, width=120))):
        view.begin(core, 1_000.0)
        core.take(ready("c", 1_001.0))
        for event in core.look(1_012.0):
            view.event(event)
        view.tick(1_012.0)
        view.end(1_013.0)
    assert "c is Ready" in out.getvalue()
    assert core.patience == PATIENCE
